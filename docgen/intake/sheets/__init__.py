"""Spreadsheets as they occur in life → records, every row accounted for."""
