"""What a check finds: lists that do not read as configured, fields nobody has seen, questions that are not obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

from connector.adapters.rest.api import Api
from connector.adapters.rest.config import Config, People
from connector.adapters.rest.places import Row, UnreadableError, at, value
from connector.adapters.rest.records import Convert
from connector.adapters.rest.scan import Scan
from connector.adapters.rest.shape import Listing
from connector.adapters.rest.write import Writer
from connector.errors import Mismatch, Refused, text
from connector.ports import Finding, Needs, ObjectNeeds
from connector.spec import unknown_key

Lists = Mapping[str, tuple[str, Listing, Scan, Convert]]
"""By stream: the object, how it is listed, its scan, and what makes records of its rows."""


class Checker:
    """Reads the beginning of every list, and asks each question once whose answer is known."""

    def __init__(self, api: Api, config: Config, needs: Needs, writer: Writer) -> None:
        self._api = api
        self._config = config
        self._needs = needs
        self._writer = writer

    def findings(self, lists: Lists) -> Iterator[Finding]:
        """Everything that is to be told.

        :raises AdapterError: when the system cannot be asked at all
        """
        yield from self._unknown_objects()
        for name, listing, scan, convert in lists.values():
            try:
                yield from self._list(name, listing, scan, convert)
            except (Mismatch, Refused) as error:
                yield Finding("error", error.what, name, fix=error.fix)
        for name, people in self._config.people.items():
            try:
                yield from self._search(name, people)
            except (Mismatch, Refused) as error:
                yield Finding("error", error.what, name, fix=error.fix)

    def _unknown_objects(self) -> Iterator[Finding]:
        known = {*self._config.people, *self._config.deals}
        for name in sorted(self._needs.objects.keys() - known - {"*"}):
            _, fix = unknown_key(name, known)
            yield Finding(
                "error",
                text("it is not configured under people or deals", "people にも deals にもありません"),
                name,
                fix=fix,
            )
        for name in sorted(self._config.deals):
            if self._needs.of(name).linked_by:
                what = text("linked_by is not possible here", "linked_by は使えません")
                fix = text("let people hold ids of people", "people に人物の ID を持つ項目を指定してください")
                yield Finding("error", what, name, fix=fix)

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(self, name: str, listing: Listing, scan: Scan, convert: Convert) -> Iterator[Finding]:
        part = next(scan.parts(None), None)
        rows = part.rows if part else ()
        if not rows:
            yield Finding(
                "info",
                text("the list is empty: its fields could not be verified", "一覧が空のため項目を確認できません"),
                name,
            )
            return
        yield from self._fields(name, rows)
        unread = _first_unreadable(rows, convert)
        if unread is not None:
            yield Finding("warning", unread.what, name)
        stamp = max((found for row in rows if (found := scan.stamp(row))), default=None)
        if scan.by_time and listing.modified is not None:
            if stamp is None:
                place = listing.modified.field
                what = text(
                    "{place} holds no time as `times` spells it",
                    "{place} に times の書式の日時がありません",
                    place=place,
                )
                yield Finding("error", what, name, place)
            else:
                yield from self._since(name, scan, stamp)

    def _since(self, name: str, scan: Scan, stamp: datetime) -> Iterator[Finding]:
        """A record that was changed at `stamp` must be found from then on, and nothing long after."""
        found = next(scan.parts(stamp), None)
        if found is None or not found.rows:
            what = text(
                "a record that changed at a time is not found from that time on",
                "変更日時を指定しても、その日時に変更されたレコードが返されません",
            )
            fix = text(
                "check modified.since, times and the time zone",
                "modified.since、times、タイムゾーンを確認してください",
            )
            yield Finding("error", what, name, fix=fix)
        next(scan.parts(self._api.http.utcnow() + timedelta(days=2)), None)

    def _fields(self, name: str, rows: Sequence[Row]) -> Iterator[Finding]:
        needs = self._needs.of(name)
        people = name in self._config.people
        for field in sorted(_asked(needs)):
            if people and "." in field and field in needs.write:
                what = text("a dotted field can be read, not written", "ドット区切りの項目は書き込めません")
                yield Finding("error", what, name, field)
            elif all(at(row, field) is None for row in rows):
                what = text(
                    "nothing stands there in the first {n} records", "先頭の{n}件では値がありません", n=len(rows)
                )
                yield Finding("warning", what, name, field)
            elif people and _is_block(rows, field):
                what = text("it is a block of fields", "項目のまとまりです")
                yield Finding(
                    "error", what, name, field, text("name a field in it, dotted", "その中の項目をドット区切りで指定")
                )

    # --- writing ------------------------------------------------------------------------------------------------------

    def _search(self, name: str, people: People) -> Iterator[Finding]:
        needs = self._needs.of(name)
        if needs.create and people.create is None:
            what = text(
                "nobody is created here: no way is configured that is safe to repeat",
                "再送しても二重にならない作成方法がないため、作成しません",
            )
            fix = text("configure create, with search or by PUT", "create を search または PUT で設定してください")
            yield Finding("error", what, name, fix=fix)
        if needs.write and people.update is None:
            what = text(
                "fields are mapped to be written, but there is no update",
                "書き込む項目がありますが update がありません",
            )
            yield Finding("error", what, name)
        if people.search is not None and needs.key:
            # A key that nobody can have: whatever is found shows that the question is not obeyed.
            key = f"check-{token_hex(8)}"
            if self._writer.search(people.search, needs.key, key, id_=people.id) is not None:
                yield Finding("error", text("the search finds anything", "検索条件が効いていません"), name, needs.key)


def _asked(needs: ObjectNeeds) -> set[str]:
    key = {needs.key} if needs.key else set()
    return {*needs.read, *needs.write, *needs.words.values(), *needs.deal.values(), *key}


def _is_block(rows: Sequence[Row], field: str) -> bool:
    try:
        for row in rows:
            value(row, field)
    except UnreadableError:
        return True
    return False


def _first_unreadable(rows: Sequence[Row], convert: Convert) -> UnreadableError | None:
    for row in rows:
        try:
            convert(row)
        except UnreadableError as error:
            return error
    return None
