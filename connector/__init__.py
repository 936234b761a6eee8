"""Middleware between marketing automation (MA) and sales systems (SFA)."""

__version__ = "0.1.0"
