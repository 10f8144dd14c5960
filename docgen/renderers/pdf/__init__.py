"""PDF: a page template printed by WeasyPrint."""
