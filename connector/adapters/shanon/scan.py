"""Reading a resource from where the last run stopped, so that nothing is missed. May repeat rows.

What can go wrong, and what is done about it:

* many rows with one stamp (an import, a mass update): the search goes on *at* the last stamp, and only inside one
  stamp by offset
* rows change while they are paged, so those behind them move up: half of a page is read again inside one stamp, and
  where none of its last rows comes again more may have moved than that: the stamp is read from its beginning
* a row is committed with a stamp older than what was read already: what was read within `overlap` of the server's own
  clock is read again by the next run, and only that
* the server does not do what it was asked for (its search keys are partly unpublished): seen by the rows, and said

The cursor of a page says where to go on; the one behind the last page where the next run begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from connector.adapters.shanon.api import Api
from connector.adapters.shanon.document import Document, Row, UnreadableError, moment, text_of, time_of, whole
from connector.errors import Unavailable, text

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

Batch = tuple[Sequence[Row], str]
"""Rows, and the cursor behind them."""


# --- by DateUpdate ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Moment:
    """Where to go on: `skip` rows behind the first one stamped `since`. `again`: where the next run begins.

    `tail`: Ids of rows of which one must come again, or more rows have moved up than are read twice.
    """

    since: str
    skip: int = 0
    again: str = ""
    tail: Sequence[str] = ()


def by_update(
    api: Api, resource: str, cursor: str | None, *, size: int, overlap: timedelta, count: bool
) -> Iterator[Batch]:
    """Rows in the order of DateUpdate.

    :raises Unavailable: the resource cannot be read, or its search does not work as it has to
    """
    at = _Moment(**json.loads(cursor)) if cursor else _Moment(moment(_BEGINNING))
    ended = False
    given: Mapping[str | None, Row] = {}
    moved = 0
    while not ended:
        condition = ("DateUpdate", "ge", at.since)
        found = api.search(resource, condition, order="DateUpdate", limit=size, offset=at.skip, count=count)
        if at.tail and not {text_of(row, "Id") for row in found.rows}.intersection(at.tail):
            moved = _once_more(moved, api, resource)
            at = _Moment(at.since, again=at.again)
            continue
        since = datetime.fromisoformat(at.since)
        stamps = [stamp for row in found.rows if (stamp := _stamp(row, "DateUpdate"))]
        if stamps and min(stamps) < since:
            raise _not_obeyed(api, resource, "DateUpdate")
        last = max(stamps, default=since)
        again = at.again or _doubtful(api, last, overlap)
        ended = _is_end(found, at.skip, size)
        if ended:
            at = _Moment(again or moment(last))
        elif last > since:
            at = _Moment(moment(last), again=again)
        else:
            at = _Moment(at.since, at.skip + step(found), again, [text_of(row, "Id") or "" for row in tail(found)])
        # What is read twice on purpose is given once, unless it has changed meanwhile.
        yield [row for row in found.rows if given.get(text_of(row, "Id")) != row], json.dumps(asdict(at))
        given = {text_of(row, "Id"): row for row in found.rows}


def _doubtful(api: Api, last: datetime, overlap: timedelta) -> str:
    """From where on rows may still come late, once what was read has come near the present; "" before that."""
    edge = (api.http.server_time or last) - overlap
    return moment(edge) if last > edge else ""


# --- by Id ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Number:
    """Where to go on: behind the row `after`. `again`: behind which row the next run begins."""

    after: int = 0
    again: int | None = None


def by_id(
    api: Api, resource: str, cursor: str | None, *, size: int, depth: timedelta, dates: Sequence[str]
) -> Iterator[Batch]:
    """Rows in the order of Id, for resources that know no search by date.

    Rows of the last `depth` (by the first of `dates` that a row holds) are read again by the next run, for what has
    changed in them.

    :raises Unavailable: the resource cannot be read, or its search does not work as it has to
    """
    at = _Number(**json.loads(cursor)) if cursor else _Number()
    ended = False
    while not ended:
        found = api.search(resource, ("Id", "gt", str(at.after)), order="Id", limit=size)
        ids = [(number, row) for row in found.rows if (number := whole(text_of(row, "Id"))) is not None]
        last = max((number for number, _ in ids), default=at.after)
        if any(number <= at.after for number, _ in ids):
            raise _not_obeyed(api, resource, "Id")
        again = at.again if at.again is not None else _first_recent(api, ids, depth, dates)
        ended = _is_end(found, 0, size) or last == at.after
        at = _Number(last if again is None else again) if ended else _Number(last, again)
        yield found.rows, json.dumps(asdict(at))


def _first_recent(api: Api, ids: Sequence[tuple[int, Row]], depth: timedelta, dates: Sequence[str]) -> int | None:
    """The number before the first row that is younger than `depth`."""
    now = api.http.server_time
    for number, row in ids:
        stamp = next((stamp for name in dates if (stamp := _stamp(row, name))), None)
        if stamp is not None and now is not None and stamp > now - depth:
            return number - 1
    return None


# --- both -------------------------------------------------------------------------------------------------------------


def everything(api: Api, resource: str, search: Callable[[int], Document]) -> Iterator[Row]:
    """All rows of a search by offset, some of them twice; `search` is given the offset.

    :raises Unavailable: they change faster than they can be read
    """
    skip = moved = 0
    last: Sequence[Row] = ()
    while True:
        found = search(skip)
        if last and not any(row in found.rows for row in last):
            skip, last, moved = 0, (), _once_more(moved, api, resource)
            continue
        yield from found.rows
        if not found.rows or (found.total is not None and skip + len(found.rows) >= found.total):
            return
        skip, last = skip + step(found), tail(found)


def step(found: Document) -> int:
    """How far to move on by offset: half of what came, so that rows that moved up meanwhile are not jumped over."""
    return len(found.rows) - len(found.rows) // 2


def tail(found: Document) -> Sequence[Row]:
    """The last of the rows that `step` has read again: while one of them comes again, none was jumped over."""
    return found.rows[-min(len(found.rows) // 2, _TAIL) :] if len(found.rows) > 1 else ()


_TAIL = 3
"""Some of them may change themselves."""
_MOST_MOVES = 20
"""So often reading begins again before it is given up for now."""


def _is_end(found: Document, skip: int, size: int) -> bool:
    """Whether nothing follows. Without a count a short page ends this run's reading; the next run goes on from it."""
    if found.total is None:
        return len(found.rows) < size
    return not found.rows or skip + len(found.rows) >= found.total


def _once_more(moved: int, api: Api, resource: str) -> int:
    """Count that reading begins again.

    :raises Unavailable: it has too often
    """
    if moved < _MOST_MOVES:
        return moved + 1
    what = text(
        "its records change faster than they can be read, or come in another order each time",
        "レコードの更新が読み込みより速いか、並び順が毎回異なります",
    )
    raise Unavailable(what, where=f"{api.http.system}/{resource}")


def _not_obeyed(api: Api, resource: str, key: str) -> Unavailable:
    what = text(
        "the search by {key} is not obeyed: records before it came too",
        "{key} による検索条件が効いていません (条件より前のレコードが返されました)",
        key=key,
    )
    return Unavailable(what, where=f"{api.http.system}/{resource}")


def _stamp(row: Row, name: str) -> datetime | None:
    """A time in whole seconds, as searches know it; None where the row has none that can be read."""
    try:
        found = time_of(row, name)
    except UnreadableError:
        return None
    return found and found.replace(microsecond=0)
