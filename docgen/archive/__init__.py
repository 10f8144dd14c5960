"""Archive packages: one archived version with all that proves it, readable without the service."""
