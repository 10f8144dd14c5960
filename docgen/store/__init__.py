"""The store: tables, bytes by their hash, and the search index."""
