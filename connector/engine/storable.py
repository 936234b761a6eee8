r"""Text as any database takes it: without NUL, and without halves of characters that stand alone.

Systems do send such things (JSON may hold `\ud800`); one of them must not stop a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from connector.model import Record, Touchpoint

_BAD = re.compile("[\x00\ud800-\udfff]")
_BAD_IN_REPR = re.compile(r"\\x00|\\ud[89a-f]")


def storable(record: Record) -> Record:
    """The record, with what no database takes replaced by `�`."""
    if isinstance(record, Touchpoint):  # they are many: look at their texts directly
        texts = (record.ref.id, record.person.id, record.label, record.url, record.campaign, record.result)
        fine = _BAD.search("".join(texts)) is None
    else:
        fine = _BAD_IN_REPR.search(repr(record)) is None
    return record if fine else _mended(record)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        mended = _BAD.sub("\ufffd", value)
        return mended if type(value) is str else value
    if isinstance(value, Mapping):
        return {_mended(name): _mended(inner) for name, inner in value.items()}
    if isinstance(value, tuple | frozenset):
        return type(value)(_mended(inner) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _mended(getattr(value, f.name)) for f in fields(value)})
    return value
