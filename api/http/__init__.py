"""What every route shares: bodies, callers, changes, problems, limits."""
