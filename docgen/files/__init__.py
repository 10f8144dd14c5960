"""Bytes from and to the outside: output that is never torn, zips that do no harm."""
