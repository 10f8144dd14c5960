"""What comes in: records as JSON, and spreadsheets."""
