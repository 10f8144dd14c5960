"""What only other records can tell about one: pure functions, one rule a module."""
