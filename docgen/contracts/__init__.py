"""Contracts and who works on them."""
