"""Adapters by the word after `type:` in a configuration; a module is imported when its type is first asked for.

Another package adds its own through the entry point group `connector.adapters`, in the same `module:Class` form.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from connector.errors import text
from connector.ports import Adapter
from connector.spec import SpecError, unknown_key

GROUP = "connector.adapters"

BUILT_IN: Mapping[str, str] = {
    "csv": "connector.adapters.csvfile:CsvFile",
    "memory": "connector.adapters.memory:Memory",
    "salesforce": "connector.adapters.salesforce:Salesforce",
    "shanon": "connector.adapters.shanon:Shanon",
}


def adapter_types() -> Mapping[str, str]:
    """Every known type with its `module:Class`. Other packages cannot take the place of a built-in one."""
    return {**{point.name: point.value for point in entry_points(group=GROUP)}, **BUILT_IN}


def adapter_class(type_: str) -> type[Adapter]:
    """The adapter for systems of `type_`.

    :raises SpecError: when there is none, or when what stands behind it is no adapter of that type
    """
    known = adapter_types()
    if type_ not in known:
        _, fix = unknown_key(type_, known)
        raise SpecError(text("unknown type of system {type!r}", "不明な連携先の種類 {type!r}", type=type_), fix)
    found = _load(type_, known[type_])
    if not (isinstance(found, type) and issubclass(found, Adapter) and found.type == type_):
        raise SpecError(
            text(
                "{place} is no adapter of type {type!r}",
                "{place} は種類 {type!r} のアダプターではありません",
                place=known[type_],
                type=type_,
            )
        )
    return found


def _load(type_: str, place: str) -> Any:
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        what = text(
            "the adapter of type {type!r} cannot be loaded from {place}: {why}",
            "種類 {type!r} のアダプターを {place} から読み込めません: {why}",
            type=type_,
            place=place,
            why=error,
        )
        raise SpecError(what) from error
