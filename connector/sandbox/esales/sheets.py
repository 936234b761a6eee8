"""What a sheet is made of in either generation: columns, its key and its stamps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Key = int | str
Row = dict[Key, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column (項目): Remix knows it by a number, esm by a dotted name.

    Attributes:
        key: the number or the dotted name.
        name: what people read on the screen.
        type: a type of the generation.
        choices: the names of the choices by their codes.
        many: whether several choices or links may be held.
        link: the sheet whose key the value is, if it is one.
        required: whether a new record must have it.
        read_only: whether only the system writes it.
        length: the longest text, where it is limited.
    """

    key: Key
    name: str
    type: str
    choices: Mapping[int, str] = field(default_factory=dict)
    many: bool = False
    link: str = ""
    required: bool = False
    read_only: bool = False
    length: int | None = None


@dataclass(slots=True)
class Sheet:
    """A sheet (シート): the columns by key, and which of them the system itself fills."""

    name: str
    key: Key
    created: Key
    changed: Key
    creator: Key | None = None
    changer: Key | None = None
    columns: dict[Key, Column] = field(default_factory=dict)

    def add(self, columns: Iterable[Column]) -> Sheet:
        """Add columns; gives the sheet itself."""
        self.columns |= {column.key: column for column in columns}
        return self

    def links_to(self, name: str) -> list[Column]:
        """The columns that hold keys of another sheet."""
        return [column for column in self.columns.values() if column.link == name]

    def rename_choice(self, key: Key, code: int, name: str | None) -> None:
        """Give a choice another name; None removes it, records keep the code they hold."""
        column = self.columns[key]
        choices = {number: text for number, text in column.choices.items() if number != code}
        if name is not None:
            choices[code] = name
        self.columns[key] = replace(column, choices=dict(sorted(choices.items())))
