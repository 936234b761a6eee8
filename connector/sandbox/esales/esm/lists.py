"""Lists (リスト) of records: their members are chosen one by one, or by conditions that only the screen can set.

That lists can be read, made, changed and deleted, and where, is public; the bodies and answers are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.sandbox.esales.esm.refusals import absent, busy
from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.table import Table


@dataclass(slots=True)
class RecordList:
    """A list of records of one sheet."""

    sheet: str
    name: str
    ids: list[int]


class Lists:
    """The lists by number."""

    def __init__(self) -> None:
        self._lists: dict[int, RecordList] = {}
        self._last = 0

    def add(self, sheet: str, name: str, ids: Sequence[int]) -> int:
        """A new list."""
        self._last += 1
        self._lists[self._last] = RecordList(sheet, name, list(dict.fromkeys(ids)))
        return self._last

    def __getitem__(self, list_id: int) -> RecordList:
        return self._lists[list_id]

    def of(self, sheet: str, list_id: int) -> RecordList:
        """A list of this sheet, or 404."""
        found = self._lists.get(list_id)
        if found is None or found.sheet != sheet:
            raise absent()
        return found

    def remove(self, list_id: int) -> None:
        """Delete a list; its records stay."""
        del self._lists[list_id]


def written(body: Mapping[str, Any], known: Table) -> tuple[str | None, list[int] | None]:
    """The name and the records of a list as sent, None for what wasn't; refuses records that aren't `known`."""
    name, ids = body.get("name"), body.get("ids")
    if body.keys() - {"name", "ids"}:
        raise bad("不明なパラメータです。")
    if not (name is None or isinstance(name, str)) or not (ids is None or isinstance(ids, list)):
        raise busy()
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in ids or []):
        raise busy()
    if any(each not in known for each in ids or []):
        raise bad("データが存在しません。")
    return name, ids
