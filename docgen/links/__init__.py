"""Signing links: made by the staff, opened and signed by customers, with their mail."""
