"""For whoever makes templates: scaffolds, a lint, and the names that a template may use."""
