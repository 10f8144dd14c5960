"""The web and JSON front of docgen: maps requests to use cases and holds no rules of its own."""
