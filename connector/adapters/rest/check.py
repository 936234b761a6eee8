"""What a check finds: lists that do not read as configured, fields nobody has seen, questions that are not obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

from connector.adapters.rest.api import Api
from connector.adapters.rest.config import Config, People
from connector.adapters.rest.places import Row, UnreadableError, at, value
from connector.adapters.rest.records import Convert
from connector.adapters.rest.scan import Part, Scan
from connector.adapters.rest.shape import Listing, Paging, Search
from connector.adapters.rest.write import Writer
from connector.errors import AdapterError, Mismatch, Refused, text
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
            yield from self._ways(name, people)
        for name, search, key_field in self._searches():
            try:
                # A key that nobody can have: whatever is found shows that the question is not obeyed.
                self._writer.search(search, key_field, f"check-{token_hex(8)}")
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
        part = next(scan.parts(None))
        rows = part.rows
        if not rows:
            yield Finding(
                "info",
                text("the list is empty: its fields could not be verified", "一覧が空のため項目を確認できません"),
                name,
            )
            return
        yield from _edges(name, listing.paging, scan, part)
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
                if listing.modified.sorted:
                    scan.in_order(rows)

    def _since(self, name: str, scan: Scan, stamp: datetime) -> Iterator[Finding]:
        """A record that was changed at `stamp` must be found from then on, and nothing long after."""
        if not next(scan.parts(stamp)).rows:
            what = text(
                "a record that changed at a time is not found from that time on",
                "変更日時を指定しても、その日時に変更されたレコードが返されません",
            )
            fix = text(
                "check modified.since, times and the time zone",
                "modified.since、times、タイムゾーンを確認してください",
            )
            yield Finding("error", what, name, fix=fix)
        next(scan.parts(self._api.http.utcnow() + timedelta(days=2)))

    def _fields(self, name: str, rows: Sequence[Row]) -> Iterator[Finding]:
        needs = self._needs.of(name)
        people = name in self._config.people
        for field in sorted(_asked(needs)):
            if people and "." in field and field in needs.write:
                what = text("a dotted field can be read, not written", "ドット区切りの項目は書き込めません")
                yield Finding("error", what, name, field)
            elif all(at(row, field) is None for row in rows):
                what = text(
                    "nothing stands there in the first {n} {n:record|records}",
                    "先頭の{n}件では値がありません",
                    n=len(rows),
                )
                yield Finding("warning", what, name, field)
            elif people and _is_block(rows, field):
                what = text("it is a block of fields", "項目のまとまりです")
                yield Finding(
                    "error", what, name, field, text("name a field in it, dotted", "その中の項目をドット区切りで指定")
                )

    # --- writing ------------------------------------------------------------------------------------------------------

    def _ways(self, name: str, people: People) -> Iterator[Finding]:
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
        for field in sorted(needs.write):
            if needs.kinds.get(field) == "moment" and field not in (*people.moments, *people.days):
                what = text(
                    "a time is written there, and it is not read as one",
                    "日時を書き込みますが、日時として読み取っていません",
                )
                fix = text("name it under moments or days", "moments か days に指定してください")
                yield Finding("error", what, name, field, fix)

    def _searches(self) -> Iterator[tuple[str, Search, str]]:
        """Every search by our key, with the field that holds the key."""
        config = self._config
        for name, people in config.people.items():
            key_field = self._needs.of(name).key
            if people.search is not None and key_field:
                yield name, people.search, key_field
        for name, notice in (("alerts", config.alerts), ("timeline", config.timeline)):
            if notice is not None and notice.search is not None:
                yield name, notice.search, notice.key


def _edges(name: str, paging: Paging, scan: Scan, part: Part) -> Iterator[Finding]:
    """Whether more stands outside of what paging covers: before the first page, behind the end."""
    held = {scan.id(row) for row in part.rows}

    def more(number: int) -> bool:
        try:
            return any(scan.id(row) not in held for row in scan.numbered(number))
        except AdapterError:
            return False  # a page that is none may be refused in any way

    counted = paging.by in ("page", "offset")
    if paging.by == "page" and paging.first > 0 and more(paging.first - 1):
        what = text("page {n} has other records, and is never read", "{n}ページ目が読まれません", n=paging.first - 1)
        yield Finding("error", what, name, fix=text("check paging.first", "paging.first を確認してください"))
    if counted and part.last and more(paging.first + 1 if paging.by == "page" else len(part.rows)):
        what = text("more records follow than total says", "total より多くのレコードがあります")
        yield Finding("error", what, name, fix=text("check paging.total", "paging.total を確認してください"))
    if part.last and not counted:
        what = text(
            "{n} {n:record is|records are} taken for all there are: nothing says that more follow",
            "{n}件を全件とみなします (続きを示すものがありません)",
            n=len(part.rows),
        )
        yield Finding(
            "info", what, name, fix=text("if there are more, check paging", "他にもあるなら paging を確認してください")
        )


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
