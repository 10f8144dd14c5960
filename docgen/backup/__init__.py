"""Backup and restore: a whole store in one file, which either database can be made from."""
