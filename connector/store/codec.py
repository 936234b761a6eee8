"""Facts and changes as text for the store, and back, without loss: a date stays a date, an instant an instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from connector.changes import CHANGES, AnyChange, Change, Lane, Reason
from connector.model import Ref, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[str, type[Change]] = {kind.__name__: kind for kind in CHANGES}


def micros(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; `moment` must be aware."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The aware UTC time of `micros`."""
    return _EPOCH + timedelta(microseconds=min(max(value, _FIRST), _LAST))


_FIRST, _LAST = micros(datetime(1, 1, 2, tzinfo=UTC)), micros(datetime(9999, 12, 30, tzinfo=UTC))
"""Within these every time has a day in every time zone; 9999-12-31 is a common placeholder."""


def maybe_micros(at: datetime | None) -> int | None:
    """`micros`, or None."""
    return None if at is None else micros(at)


def maybe_moment(value: int | None) -> datetime | None:
    """`moment`, or None."""
    return None if value is None else moment(value)


def pack(value: Value) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return {"at": micros(value)}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)  # JSON takes no longer ones
    return value


def unpack(value: Any) -> Value:
    """Inverse of `pack`."""
    if isinstance(value, dict):
        return moment(value["at"]) if "at" in value else date.fromisoformat(value["on"])
    return value  # type: ignore[no-any-return]  # what orjson gives for a scalar


def dump_values(values: Mapping[str, Value]) -> str:
    """Named values as text; equal values give equal text."""
    packed = {name: pack(value) for name, value in values.items()}
    return orjson.dumps(packed, option=orjson.OPT_SORT_KEYS).decode()


def load_values(stored: str) -> dict[str, Value]:
    """Inverse of `dump_values`."""
    return {name: unpack(value) for name, value in orjson.loads(stored).items()}


def fingerprint(*parts: object) -> str:
    """A short hash that changes when any of the parts does."""
    return blake2b(orjson.dumps(parts, default=str), digest_size=16).hexdigest()


def dump_change(change: AnyChange) -> str:
    """A change as text; equal changes give equal text."""
    return orjson.dumps(
        {f.name: _dump_field(getattr(change, f.name)) for f in fields(change)}, option=orjson.OPT_SORT_KEYS
    ).decode()


def _dump_field(value: Any) -> Any:
    if isinstance(value, Ref):
        return [value.system, value.object, value.id]
    if isinstance(value, Mapping):
        return {name: pack(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [[r.rule, r.text, r.field] for r in value]
    return pack(value)


_REFS = {"ref", "person", "deal"}
_MAPS = {"values", "before"}


def load_change(kind: str, stored: str) -> AnyChange:
    """Inverse of `dump_change`; `kind` is the name of the change's class."""
    raw = orjson.loads(stored)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name in _REFS and isinstance(value, list):
            values[name] = Ref(*value)
        elif name in _MAPS:
            values[name] = {key: unpack(inner) for key, inner in value.items()}
        elif name == "reasons":
            values[name] = tuple(Reason(*r) for r in value)
        elif name == "lane":
            values[name] = Lane(value)
        else:
            values[name] = unpack(value)
    return _KINDS[kind](**values)  # type: ignore[return-value]  # one of CHANGES
