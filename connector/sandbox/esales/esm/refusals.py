"""How the gateway refuses: what it can't read at all, it answers as if it were busy."""

from __future__ import annotations

from connector.sandbox.esales.refusal import Refusal

BUSY = "ただいまシステムが込み合っております"


def busy() -> Refusal:
    """500: said for a body that can't be read, and perhaps for load."""
    return Refusal(500, BUSY)


def forbidden() -> Refusal:
    """403: the user lacks the right."""
    return Refusal(403, "権限がありません。")


def absent() -> Refusal:
    """404: no such path or record."""
    return Refusal(404, "データが存在しません。")
