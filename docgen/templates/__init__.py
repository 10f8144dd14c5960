"""Templates and themes: found, and compiled in a sandbox."""
