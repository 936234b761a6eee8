"""Who was erased is not taken in again, whichever system still tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from connector.model import Deal, DealPerson, Gone, Membership, Person, Record, Ref, Touchpoint
from connector.rules.identify import IdentityRules, Key, Kind, keys_of
from connector.store import tombstones
from connector.store.tombstones import Tombstones

ADDRESSES: tuple[Kind, ...] = ("email", "mailbox_name", "key")
"""What a record of somebody who was erased is known by, besides its id: an address, our own key."""


def keep_out(
    conn: Connection, records: Sequence[Record], rules: IdentityRules, at: datetime
) -> tuple[list[Record], list[Ref]]:
    """The records without those of people who were erased; and which records are theirs, as may be stored so far.

    A record with the address of such a person, or one that such a record became, is theirs too from now on.
    """
    erased = tombstones.load(conn)
    if not erased:
        return list(records), []
    theirs: list[Ref] = []
    for record in records:
        if isinstance(record, Person) and is_erased(erased, record, rules):
            theirs.append(record.ref)
        elif isinstance(record, Gone) and erased.has_record(record.ref.system, record.ref.id):
            theirs += [record.ref, *([record.successor] if record.successor else [])]
    erased = replace(erased, hashes=erased.hashes | {erased.of_record(ref.system, ref.id) for ref in theirs})
    tombstones.add(conn, [erased.of_record(ref.system, ref.id) for ref in theirs], at)
    return [rest for record in records if (rest := _without(erased, record)) is not None], theirs


def is_erased(erased: Tombstones, person: Person, rules: IdentityRules) -> bool:
    """Whether a record is of somebody who was erased: by its id, one that it names, our key, or its address."""
    if erased.has_record(person.ref.system, person.ref.id):
        return True
    return any(_matches(erased, key) for key in keys_of(person, rules).keys)


def _matches(erased: Tombstones, key: Key) -> bool:
    if key.kind == "id":
        system, _, rest = key.value.partition("/")
        return erased.has_record(system, rest.partition("/")[2])
    return key.kind in ADDRESSES and erased.has_key(key.kind, key.value)


def _without(erased: Tombstones, record: Record) -> Record | None:
    """A record as it may be stored; None when there is nothing left of it."""
    match record:
        case Person(ref=ref) | Gone(ref=ref) if erased.has_record(ref.system, ref.id):
            return None
        case Gone(successor=Ref() as into) if erased.has_record(into.system, into.id):
            return replace(record, successor=None)
        case Touchpoint(person=ref) if erased.has_record(ref.system, ref.id):
            return None
        case DealPerson(ref=ref, person_id=person) if erased.has_record(ref.system, person):
            return None
        case Deal(ref=ref, people=people):
            left = tuple(person for person in people if not erased.has_record(ref.system, person))
            return record if left == people else replace(record, people=left)
        case Membership(system=system, members=members):
            return replace(record, members=frozenset(m for m in members if not erased.has_record(system, m)))
        case _:
            return record
