"""The steps of a document: submission, review, sign-off, archiving."""
