"""The record types: what fields they have and what makes them valid; imports nothing of docgen."""
