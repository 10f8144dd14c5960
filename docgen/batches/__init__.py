"""Durable work: batches of items that outlive every process that works on them."""
