"""Durable work: batches of items that outlive every process that works on them.

Items are claimed in chunks. An item is `pending`, `done`, `failed` (an error of its content), or
`poison`: it ended the processes that worked on it, and is only tried again when ordered to.
"""
