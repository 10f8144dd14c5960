"""The stages of a Word template: checked, read for tags, made a Jinja source, balanced, printed."""
