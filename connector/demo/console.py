"""What demonstration and sandbox need of the command line's console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from connector.errors import Language, Text


class Console(Protocol):
    """Says things to people, or gives data to programs."""

    json: bool

    @property
    def language(self) -> Language:
        """The reader's language."""

    def out(self, line: str = "") -> None:
        """Print a line."""

    def data(self, found: Any) -> None:
        """Print data as JSON."""

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table."""

    def working(self, what: Text) -> AbstractContextManager[Callable[[str], None]]:
        """Show that something goes on; call what is given with each step."""
