"""A call, or the one row of a write, that isn't accepted."""

from __future__ import annotations


class Refusal(Exception):
    """Answered with an HTTP status and, in XML, a code and a message."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_parameter(message: str) -> Refusal:
    """400: the query isn't understood."""
    return Refusal(400, "InvalidParameter", message)


def bad_item(message: str) -> Refusal:
    """400: an element of the body isn't acceptable."""
    return Refusal(400, "InvalidItem", message)
