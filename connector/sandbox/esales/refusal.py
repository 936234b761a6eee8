"""A call that isn't accepted."""

from __future__ import annotations


class Refusal(Exception):
    """Answered with an HTTP status and a message, in the form that the generation's settings say."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def bad(message: str) -> Refusal:
    """400: what was sent isn't acceptable."""
    return Refusal(400, message)
