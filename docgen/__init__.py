"""Turns typed records into Word, Excel and PDF documents; knows nothing of HTTP."""

__version__ = "0.1.0"
