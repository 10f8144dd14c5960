"""The pieces that a Word template is built from: XML, styles, pages, tables, sign-off blocks."""
