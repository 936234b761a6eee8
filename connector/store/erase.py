"""Erasing a person: every row about them, and their bytes. All but `wipe` runs in the caller's transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Engine, Table, Text, delete, false, func, or_, select, update

from connector.changes import RaiseAlert
from connector.errors import StoreError, text
from connector.model import Ref
from connector.store import tables as t
from connector.store.beside import sqlite_file
from connector.store.codec import dump_change, fingerprint, load_change
from connector.store.database import telling
from connector.store.marks import chunks
from connector.store.outbox import NO_CAUSE


@dataclass(frozen=True, slots=True)
class Traces:
    """What is known of a person: row numbers and names of the records, and the ids of the identity, then and now."""

    nos: Sequence[int]
    refs: Sequence[Ref]
    identity_nos: Sequence[int]
    identities: Sequence[str]


def traces(conn: Connection, identity_nos: Iterable[int], nos: Iterable[int]) -> Traces:
    """Everything that leads to the person with these identities and records."""
    c = t.identity.c
    found: dict[int, str] = {}
    wanted = sorted(set(identity_nos))
    while wanted:
        new = {row.no: row.id for row in conn.execute(select(c.no, c.id).where(c.no.in_(wanted)))}
        found |= new
        # Identities that were merged into it were the same person.
        merged = conn.scalars(select(c.no).where(c.merged_into.in_(sorted(new.values()))))
        wanted = sorted(set(merged) - found.keys())
    p = t.person.c
    here = or_(p.identity.in_(sorted(found)), p.no.in_(sorted(set(nos))))
    rows = conn.execute(select(p.no, p.system, p.object, p.id).where(here).order_by(p.no)).all()
    refs = [Ref(row.system, row.object, row.id) for row in rows]
    return Traces([row.no for row in rows], refs, sorted(found), sorted(found.values()))


def held_by_others(conn: Connection, kind: str, values: Collection[str], nos: Collection[int]) -> set[str]:
    """Which of these identity keys records of other people have, too."""
    c = t.person_key.c
    query = select(c.value).where(c.kind == kind, c.value.in_(sorted(values)), c.person.not_in(sorted(nos)))
    return set(conn.scalars(query))


def fellows(conn: Connection, nos: Collection[int]) -> set[int]:
    """The records of the identities that these records are of."""
    c = t.person.c
    of = select(c.identity).where(c.no.in_(sorted(nos)), c.identity.is_not(None))
    return set(conn.scalars(select(c.no).where(c.identity.in_(of))))


def spellings_of(conn: Connection, nos: Sequence[int]) -> list[int | None]:
    """How these records spell their companies, each time they do."""
    return list(conn.scalars(select(t.person.c.spelling).where(t.person.c.no.in_(nos))))


def count(conn: Connection, who: Traces) -> dict[str, int]:
    """How many rows of each table are about a person."""
    found: dict[str, int] = {}
    for table, which in _rows(who):
        number = conn.scalar(select(func.count()).select_from(table).where(which)) or 0
        found[str(table.name)] = found.get(str(table.name), 0) + number
    return {name: number for name, number in found.items() if number}


def erase(conn: Connection, who: Traces) -> int:
    """Remove them; how many deliveries of which the audit trail speaks are gone, or have lost what they said."""
    sealed = _alerts(conn, who)
    for table, which in _rows(who):
        if table is t.delivery:
            here = which & t.delivery.c.trail.is_not(None)
            sealed += conn.scalar(select(func.count()).select_from(table).where(here)) or 0
        conn.execute(delete(table).where(which))
    _from_notes(conn, who.refs)
    return sealed


def _rows(who: Traces) -> Sequence[tuple[Table, ColumnElement[bool]]]:
    """Each table's rows about a person, those first that others point at last."""
    nos, ids = list(who.nos), list(who.identities)
    by_system: dict[str, list[str]] = defaultdict(list)
    for ref in who.refs:
        by_system[ref.system].append(ref.id)

    def named(table: Table, column: str) -> ColumnElement[bool]:
        return or_(false(), *((table.c.system == s) & table.c[column].in_(some) for s, some in by_system.items()))

    places = [(t.reject.c.system == ref.system) & _ends(t.reject.c.place, f"/{ref.id}") for ref in who.refs]
    named_in = [_says(t.identity_event.c.records, f'"{ref}"') for ref in who.refs]
    return (
        (t.person_key, t.person_key.c.person.in_(nos)),
        (t.proposal, or_(t.proposal.c.a.in_(nos), t.proposal.c.b.in_(nos))),
        (t.decision, or_(t.decision.c.a.in_(nos), t.decision.c.b.in_(nos))),
        (t.touchpoint, t.touchpoint.c.person.in_(nos)),
        (t.member, named(t.member, "person_id")),
        (t.deal_person, named(t.deal_person, "person_id")),
        (t.score, t.score.c.identity.in_(who.identity_nos)),
        (t.outbox, t.outbox.c.identity.in_(ids) | _names(t.outbox, who.refs)),
        (t.delivery, t.delivery.c.identity.in_(ids) | _names(t.delivery, who.refs)),
        (
            t.identity_event,
            or_(t.identity_event.c.identity.in_(ids), t.identity_event.c.other.in_(ids), *named_in),
        ),
        (t.reject, or_(false(), *places)),
        (t.person, t.person.c.no.in_(nos)),
        (t.identity, t.identity.c.no.in_(who.identity_nos)),
    )


# Not LIKE: SQLite's takes capitals for small letters, and ids of two records may differ in that alone.


def _says(column: ColumnElement[str], said: str) -> ColumnElement[bool]:
    return func.replace(column, said, "") != column


def _ends(column: ColumnElement[str], said: str) -> ColumnElement[bool]:
    return func.substr(column, func.length(column) - (len(said) - 1)) == said


def _names(table: Table, refs: Iterable[Ref]) -> ColumnElement[bool]:
    """Changes of `outbox` or `delivery` that name one of these records, or that made it, whoever's it was then."""
    c = table.c

    def says(name: str, value: object) -> ColumnElement[bool]:
        return _says(c.payload, f'"{name}":{orjson.dumps(value).decode()}')

    found: list[ColumnElement[bool]] = []
    for ref in refs:
        made = (c.kind == "CreatePerson") & (c.system == ref.system) & (c.remote_id == ref.id)
        found += [says(name, [ref.system, ref.object, ref.id]) for name in ("ref", "person")]
        found.append(made & says("object", ref.object))
    return or_(false(), *found)


# --- alerts -----------------------------------------------------------------------------------------------------------


def _alerts(conn: Connection, who: Traces) -> int:
    """What stays of alerts: that a deal was spoken of, so that it is not again; digests, without this person.

    How many deliveries of digests lost what they said.
    """
    c = t.outbox.c
    here = (c.kind == "RaiseAlert", c.identity.in_(list(who.identities)) | _names(t.outbox, who.refs))
    rows = conn.execute(select(c.key, c.payload, c.subject, c.state, c.code, c.remote_id).where(*here)).all()
    told = [(row, _alert(row.payload)) for row in rows]
    parts: dict[str, list[str]] = defaultdict(list)
    for row, alert in told:
        if row.code == "digest":
            parts[row.remote_id].append(f"{alert.title}\n{alert.body}")
    own_digests = [row.key for row, alert in told if alert.subject.startswith("digest:")]
    cut = sum(_cut(conn, key, parts[key]) for key in {*parts, *own_digests})
    for row, alert in told:
        if row.subject.startswith("deal:") and row.state == "done" and row.key not in own_digests:
            _rewrite(conn, row.key, _bare(alert))
    return cut


def _alert(payload: str) -> RaiseAlert:
    found = load_change("RaiseAlert", payload)
    assert isinstance(found, RaiseAlert)  # noqa: S101  by its kind
    return found


def _bare(alert: RaiseAlert) -> RaiseAlert:
    """Whom it told, and what of; not whom about."""
    return replace(alert, identity="", reasons=(), title="", body="", person=None, stirred_at=None)


def _cut(conn: Connection, digest: str, parts: Sequence[str]) -> int:
    """Take a person's alerts out of a digest: one that was sent loses its text; how many deliveries lost theirs."""
    row = conn.execute(select(t.outbox.c.payload, t.outbox.c.state).where(t.outbox.c.key == digest)).one_or_none()
    if row is None:
        return 0
    alert = _alert(row.payload)
    rest = alert.body
    for part in parts:
        rest = rest.replace(part, "").replace("\n\n\n\n", "\n\n").strip("\n")
        rest = rest.partition(part.splitlines()[0])[0]  # a long digest ends in the middle of an alert
    waits = row.state in ("pending", "parked") and rest
    left = replace(_bare(alert), title=alert.title, body=rest) if waits else _bare(alert)
    _rewrite(conn, digest, left)
    bare = dump_change(_bare(alert))
    told = (t.delivery.c.key == digest, t.delivery.c.payload != bare)
    cut = conn.scalar(select(func.count()).select_from(t.delivery).where(*told)) or 0
    conn.execute(update(t.delivery).where(*told).values(payload=bare, identity=""))
    if not waits and row.state != "done":
        conn.execute(update(t.outbox).where(t.outbox.c.key == digest).values(state="dropped", code="forgotten"))
    return cut


def _rewrite(conn: Connection, key: str, alert: RaiseAlert) -> None:
    payload = dump_change(alert)
    values = {"payload": payload, "payload_hash": fingerprint(payload), "identity": "", **NO_CAUSE}
    conn.execute(update(t.outbox).where(t.outbox.c.key == key).values(**values))


# --- the rest ---------------------------------------------------------------------------------------------------------


def _from_notes(conn: Connection, refs: Iterable[Ref]) -> None:
    """Records missing from an inventory, and answers that nobody understood, are noted in `meta`."""
    c = t.meta.c
    conn.execute(delete(t.meta).where(c.name.like("evidence:%")))
    for (system, name), ids in _by_object(refs).items():
        note = f"missing:{system}/{name}"
        missing = orjson.loads(conn.scalar(select(c.value).where(c.name == note)) or "[]")
        left = [record for record in missing if record not in ids]
        if left != missing:
            conn.execute(update(t.meta).where(c.name == note).values(value=orjson.dumps(left).decode()))
    for ref in refs:
        conn.execute(
            update(t.person)
            .where(t.person.c.system == ref.system, t.person.c.successor == f"{ref.object}/{ref.id}")
            .values(successor=None)
        )


def _by_object(refs: Iterable[Ref]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for ref in refs:
        found[ref.system, ref.object].add(ref.id)
    return found


def drop_unused_spellings(conn: Connection, nos: Collection[int]) -> None:
    """Ways to spell a company that nobody uses any more; a firm may bear a person's name."""
    c = t.spelling.c
    for some in chunks(sorted(nos)):
        conn.execute(delete(t.spelling).where(c.no.in_(some), c.used <= 0))


def still_named(conn: Connection, values: Collection[str]) -> Counter[str]:
    """Where some words still stand, as `table.column`: in the names of deals, in what somebody wrote as a reason."""
    found: Counter[str] = Counter()
    for table in t.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Text) and values:
                which = or_(*(column.contains(value, autoescape=True) for value in sorted(values)))
                number = conn.scalar(select(func.count()).select_from(table).where(which)) or 0
                if number:
                    found[f"{table.name}.{column.name}"] = number
    return found


def wipe(engine: Engine) -> None:
    """Leave no bytes of what was deleted; outside of any transaction.

    A SQLite file is written anew. PostgreSQL's dead rows are given free; their bytes stay in its files until it writes
    over them.

    :raises StoreError: somebody else has the file open, or there is no room for it
    """
    with telling(engine):
        if sqlite_file(engine.url) is None:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                for table in t.metadata.sorted_tables:
                    conn.exec_driver_sql(f'VACUUM "{table.name}"')
            return
        with engine.connect() as conn:
            raw: Any = conn.connection.driver_connection
            raw.execute("VACUUM")
            (busy, *_) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(
            text("somebody else reads the store", "他のプロセスが store を読んでいます"),
            fix=text("say it again in a moment", "少し待って同じコマンドを再実行してください"),
        )
