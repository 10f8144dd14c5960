"""The parts of the Excel scaffold: styles, a canvas that fills sheets row by row, the sheets."""
