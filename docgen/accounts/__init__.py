"""Accounts of the provider: who they are, how they sign in, and their tokens."""
