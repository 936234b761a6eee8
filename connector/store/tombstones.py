"""Who was erased stays out: keyed hashes of their records and addresses, and nothing else of them.

The key stands in the store and, with the hashes, beside it: without a key a hash of an address is no secret, as
addresses can be guessed. A copy of the store that is put back takes over what stands beside.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from connector.store import runs
from connector.store import tables as t
from connector.store.beside import Forgotten
from connector.store.codec import micros
from connector.store.marks import upsert

_KEY = "tombstones"
_HASHES = select(t.tombstone.c.hash)


@dataclass(frozen=True, slots=True)
class Tombstones:
    """All of them, for one transaction."""

    key: str
    hashes: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def has_record(self, system: str, record: str) -> bool:
        """Whether the record was somebody's who was erased; ids are no other person's in their system."""
        return self.of_record(system, record) in self.hashes

    def has_key(self, kind: str, value: str) -> bool:
        """Whether somebody who was erased had this identity key."""
        return self.of_key(kind, value) in self.hashes

    def of_record(self, system: str, record: str) -> str:
        """The hash of a record."""
        return self._hash("record", system, record)

    def of_key(self, kind: str, value: str) -> str:
        """The hash of an identity key: an address, or an address with a name."""
        return self._hash("key", kind, value)

    def _hash(self, *parts: str) -> str:
        said = "\x00".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self.key.encode(), said, "sha256").hex()


def load(conn: Connection) -> Tombstones:
    """Every tombstone."""
    return Tombstones(runs.remembered(conn, _KEY) or "", frozenset(conn.scalars(_HASHES)))


def with_key(conn: Connection) -> Tombstones:
    """As `load`, with a key made where there is none; in a transaction that writes."""
    if runs.remembered(conn, _KEY) is None:
        runs.remember(conn, _KEY, secrets.token_hex(32))
    return load(conn)


def add(conn: Connection, hashes: Iterable[str], at: datetime) -> None:
    """Put up tombstones."""
    upsert(conn, t.tombstone, [{"hash": each, "at": micros(at)} for each in sorted(set(hashes))], [])


def take_over(conn: Connection, forgotten: Forgotten | None, at: datetime | None = None) -> bool:
    """Put up the tombstones that stand beside the store; whether they could be.

    Not where nothing stands there, or this store has some that were made with another key.
    """
    if forgotten is None:
        return False
    own = load(conn)
    if own and own.key != forgotten.key:
        return False
    runs.remember(conn, _KEY, forgotten.key)
    stamp = micros(at) if at is not None else 0
    upsert(conn, t.tombstone, [{"hash": each, "at": stamp} for each in sorted(forgotten.hashes)], [])
    return True
