"""The package format that Word and Excel files share (ECMA-376, part 2)."""
