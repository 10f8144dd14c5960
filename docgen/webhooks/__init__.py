"""Telling other systems what happened: signatures, addresses, one sending, when to try again.

Knows no database: what is told to whom, and the log of it, belongs to the store.
"""
