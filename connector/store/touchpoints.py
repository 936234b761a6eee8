"""Touchpoints and list memberships. As in `people`: what differs is written, and those concerned become due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from connector.model import (
    Membership,
    Ref,
    Touchpoint,
)
from connector.store import tables as t
from connector.store.codec import maybe_moment, micros
from connector.store.marks import chunks, mark_people, upsert
from connector.store.people import ensure_people
from connector.store.told import Told

_TOUCHPOINT = ("id", "person", "kind", "happened_at", "label", "url", "campaign", "result", "gone")


def put_touchpoints(conn: Connection, touchpoints: Sequence[Touchpoint], at: datetime, told: Told) -> None:
    """Store touchpoints that are new or differ, each once however often it is read."""
    latest = {tp.ref: tp for tp in touchpoints}
    told.repeated(len(touchpoints), len(latest))
    stored = _stored(conn, latest)
    nos = ensure_people(conn, {tp.person for tp in latest.values()}, at)
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    people: set[int] = set()
    for ref, tp in latest.items():
        content = _content(tp, nos[tp.person])
        no, old = stored.get(ref, (None, None))
        if old == content or (old is None and tp.gone):
            told.tell(ref, "same")
            continue
        told.tell(ref, "new" if old is None else "changed")
        people.add(content["person"])
        if old is None:
            new.append(content | {"system": ref.system, "stream": ref.object, "seen_at": micros(at)})
        else:
            people.add(old["person"])
            changed.append({f"{name}_": value for name, value in content.items()} | {"no_": no})
    if new:
        conn.execute(insert(t.touchpoint), new)
    if changed:
        values: dict[str, Any] = {name: bindparam(f"{name}_") for name in _TOUCHPOINT}
        conn.execute(update(t.touchpoint).where(t.touchpoint.c.no == bindparam("no_")).values(values), changed)
    mark_people(conn, people)


def oldest(conn: Connection) -> datetime | None:
    """When the oldest touchpoint happened that is known."""
    return maybe_moment(conn.scalar(select(func.min(t.touchpoint.c.happened_at)).where(~t.touchpoint.c.gone)))


def _content(tp: Touchpoint, person: int) -> dict[str, Any]:
    values = (
        tp.ref.id, person, str(tp.kind), micros(tp.happened_at), tp.label, tp.url, tp.campaign, tp.result, tp.gone,
    )  # fmt: skip
    return dict(zip(_TOUCHPOINT, values, strict=True))


def _stored(conn: Connection, refs: Iterable[Ref]) -> dict[Ref, tuple[int, dict[str, Any]]]:
    by_stream: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in refs:
        by_stream[ref.system, ref.object].append(ref.id)
    c = t.touchpoint.c
    columns = [c.no, *(c[name] for name in _TOUCHPOINT)]
    found: dict[Ref, tuple[int, dict[str, Any]]] = {}
    for (system, stream), ids in by_stream.items():
        for some in chunks(ids):
            for row in conn.execute(select(*columns).where(c.system == system, c.stream == stream, c.id.in_(some))):
                found[Ref(system, stream, row.id)] = (row[0], dict(zip(_TOUCHPOINT, row[1:], strict=True)))
    return found


def put_memberships(conn: Connection, memberships: Sequence[Membership], at: datetime, told: Told) -> None:
    """Store who is on each list now; those who came or went since the last look have new facts."""
    for membership in memberships:
        news = _put_membership(conn, membership, at)
        told.tell(Ref(membership.system, "list", membership.list), "changed" if news else "same")


def _put_membership(conn: Connection, membership: Membership, at: datetime) -> bool:
    c = t.member.c
    here = and_(c.system == membership.system, c.list == membership.list)
    stored = {row.person_id: row.on_list for row in conn.execute(select(c.person_id, c.on_list).where(here))}
    came = [p for p in membership.members if not stored.get(p, False)]
    went = [p for p, on_list in stored.items() if on_list and p not in membership.members]
    rows = [
        {"system": membership.system, "list": membership.list, "person_id": p, "on_list": on, "seen_at": micros(at)}
        for people, on in ((came, True), (went, False))
        for p in people
    ]
    upsert(conn, t.member, rows, ["on_list", "seen_at"])
    for some in chunks([*came, *went]):
        mark_people(
            conn,
            conn.scalars(select(t.person.c.no).where(t.person.c.system == membership.system, t.person.c.id.in_(some))),
        )
    return bool(rows)


def members(conn: Connection, system: str, name: str) -> frozenset[str]:
    """Who is on a list, as last seen or written."""
    c = t.member.c
    return frozenset(conn.scalars(select(c.person_id).where(c.system == system, c.list == name, c.on_list)))


def count_members(conn: Connection, system: str, name: str) -> int:
    """How many are on a list, as last seen or written."""
    c = t.member.c
    here = (c.system == system, c.list == name, c.on_list)
    return conn.scalar(select(func.count()).select_from(t.member).where(*here)) or 0


def set_member(
    conn: Connection, system: str, name: str, person_id: str, *, on_list: bool, ours: bool, at: datetime
) -> None:
    """Remember that we put a person on a list, or took it off; `ours` without `on_list`: others did that."""
    row = {"system": system, "list": name, "person_id": person_id, "on_list": on_list, "ours": ours}
    upsert(conn, t.member, [row | {"seen_at": micros(at)}], ["on_list", "ours", "seen_at"])
