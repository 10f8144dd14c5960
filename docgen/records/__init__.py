"""Records: drafts, numbers, versions, their states, and finding them."""
