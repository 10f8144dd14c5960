"""Measures how fast documents are made, against plain use of the same libraries."""
