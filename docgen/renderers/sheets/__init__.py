"""The parts of the Excel renderer: reading a template's sheets, and writing filled ones."""
