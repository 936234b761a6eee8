"""What was known at a past time, as far as the store tells: what we did to the systems since is taken off again.

Touchpoints and alerts bear their own times (`connector.store.load`). Of records only the last reading is kept, so a
value that somebody else changed since stands there as it is now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from connector.changes import AddToList, AnyChange, RemoveFromList, SetFields
from connector.model import Identity, Person, Ref, Subject, Value, Written
from connector.store import tables as t
from connector.store.codec import load_change, micros, moment
from connector.store.marks import chunks

_KINDS = ("SetFields", "AddToList", "RemoveFromList")


class _Sent(NamedTuple):
    change: AnyChange
    at: datetime


def as_known_by(conn: Connection, subjects: Sequence[Subject], at: datetime) -> tuple[Subject, ...]:
    """These people without what we wrote to their records and lists after `at`, and without records made after it."""
    sent = _sent(conn, [subject.identity.id for subject in subjects])
    return tuple(_back(subject, sent[subject.identity.id], at) for subject in subjects)


def _sent(conn: Connection, ids: Sequence[str]) -> Mapping[str, list[_Sent]]:
    """What reached the systems for each of these identities, and for those that became one with them; in order."""
    c, i = t.delivery.c, t.identity.c
    own = {id_: id_ for id_ in ids}
    for some in chunks(ids):
        rows = conn.execute(select(i.id, i.merged_into).where(i.merged_into.in_(some)))
        own.update({row.id: row.merged_into for row in rows})
    found: dict[str, list[tuple[int, _Sent]]] = defaultdict(list)
    for some in chunks(sorted(own)):
        query = select(c.no, c.identity, c.kind, c.payload, c.at).where(
            c.identity.in_(some), c.status == "done", c.kind.in_(_KINDS)
        )
        for row in conn.execute(query):
            found[own[row.identity]].append((row.no, _Sent(load_change(row.kind, row.payload), moment(row.at))))
    return defaultdict(list, {id_: [sent for _, sent in sorted(rows, key=_no)] for id_, rows in found.items()})


def _no(row: tuple[int, _Sent]) -> int:
    return row[0]


def _back(subject: Subject, sent: Sequence[_Sent], at: datetime) -> Subject:
    since = [each.change for each in reversed(sent) if micros(each.at) > micros(at)]
    fields = [change for change in since if isinstance(change, SetFields)]
    persons = tuple(
        _person_back(person, [change for change in fields if change.ref == person.ref])
        for person in subject.identity.persons
        if person.created_at is None or person.created_at <= at
    )
    lists, ours = dict(subject.lists), dict(subject.ours)
    for change in since:
        if isinstance(change, AddToList | RemoveFromList):
            key, there = (change.system, change.list), isinstance(change, RemoveFromList)
            for held in (lists, ours):
                members = held.get(key, frozenset())
                held[key] = members | {change.person.id} if there else members - {change.person.id}
    return replace(
        subject,
        identity=Identity(subject.identity.id, persons, subject.identity.company),
        lists=lists,
        ours=ours,
        bands={},
        written=_written([each for each in sent if micros(each.at) <= micros(at)]),
    )


def _person_back(person: Person, since: Sequence[SetFields]) -> Person:
    """A record without these changes, the newest of them first."""
    native, key = dict(person.native), person.key
    for change in since:
        own = next((reason.field for reason in change.reasons if reason.rule == "identity"), None)
        for name in change.values:
            if name == own:
                key = None if change.before.get(name) is None else str(change.before[name])
            elif name in change.before:
                native[name] = change.before[name]
            else:
                native.pop(name, None)
    return replace(person, native=native, key=key)


def _written(sent: Sequence[_Sent]) -> dict[Ref, dict[str, Written]]:
    found: dict[Ref, dict[str, Written]] = defaultdict(dict)
    for change, at in sent:
        if isinstance(change, SetFields):
            values: Mapping[str, Value] = change.values
            found[change.ref].update({name: Written(value, at) for name, value in values.items()})
    return dict(found)
