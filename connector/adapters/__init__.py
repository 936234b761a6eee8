"""Adapters by the word after `type:` in a configuration; a module is imported when its type is first asked for.

Another package adds its own through the entry point group `connector.adapters`, in the same `module:Class` form:
docs/adapters/writing-one.md.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args, get_origin

from connector.changes import CHANGES
from connector.errors import Text, text
from connector.model import Role
from connector.ports import Adapter
from connector.spec import Spec, SpecError, unknown_key

GROUP = "connector.adapters"

BUILT_IN: Mapping[str, str] = {
    "csv": "connector.adapters.csvfile:CsvFile",
    "esales": "connector.adapters.esales:ESales",
    "esales_csv": "connector.adapters.esales_csv:EsalesCsv",
    "kintone": "connector.adapters.kintone:Kintone",
    "memory": "connector.adapters.memory:Memory",
    "rest": "connector.adapters.rest:Rest",
    "salesforce": "connector.adapters.salesforce:Salesforce",
    "shanon": "connector.adapters.shanon:Shanon",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the adapter of a type comes from.

    `package` is the name and version of the distribution that brought it, empty for a built-in one. `rivals` are
    packages that claim the same type in vain.
    """

    type: str
    place: str
    package: str = ""
    rivals: tuple[str, ...] = ()

    @property
    def clash(self) -> Text | None:
        """What to tell an administrator when several claim this type."""
        if not self.rivals:
            return None
        return text(
            "type {type!r} is claimed by {rivals} too; the one of {winner} is used",
            "種類 {type!r} は {rivals} にもありますが、{winner} のものを使います",
            type=self.type,
            rivals=", ".join(self.rivals),
            winner=self.package or "connector",
        )


def adapter_types() -> Mapping[str, Source]:
    """Every known type. Other packages cannot take the place of a built-in one, nor of one whose name comes first."""
    claims: dict[str, list[Source]] = {type_: [Source(type_, place)] for type_, place in BUILT_IN.items()}
    brought = [Source(point.name, point.value, _package(point)) for point in entry_points(group=GROUP)]
    for source in sorted(brought, key=lambda each: each.package):
        claims.setdefault(source.type, []).append(source)
    return {
        type_: Source(type_, first.place, first.package, tuple(rival.package for rival in rivals))
        for type_, (first, *rivals) in claims.items()
    }


def adapter_class(type_: str) -> type[Adapter]:
    """The adapter for systems of `type_`.

    :raises SpecError: when there is none, or when what stands behind it is no adapter of that type
    """
    known = adapter_types()
    if type_ not in known:
        _, fix = unknown_key(type_, known)
        raise SpecError(text("unknown type of system {type!r}", "不明な連携先の種類 {type!r}", type=type_), fix)
    source = known[type_]
    found = _load(source)
    wrong = _what_is_wrong(found, type_)
    if wrong is not None:
        what = text(
            "{place} is no adapter of type {type!r}: {why}",
            "{place} は種類 {type!r} のアダプターではありません: {why_ja}",
            place=_shown(source),
            type=type_,
            why=wrong,
            why_ja=wrong.in_("ja"),
        )
        raise SpecError(what, text("see docs/adapters/writing-one.md", "docs/adapters/writing-one.md を参照"))
    adapter: type[Adapter] = found
    return adapter


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "?"


def _shown(source: Source) -> str:
    return f"{source.place} ({source.package})" if source.package else source.place


def _load(source: Source) -> Any:
    try:
        with redirect_stdout(sys.stderr):  # what a package prints must not stand in what a program reads from us
            return EntryPoint(source.type, source.place, GROUP).load()
    # A package of others may fail in any way, a `sys.exit()` included; the other systems are still to be checked.
    except (Exception, SystemExit) as error:
        why = f"{type(error).__name__}: {error}"
        what = text(
            "the adapter of type {type!r} cannot be loaded from {place}: {why}",
            "種類 {type!r} のアダプターを {place} から読み込めません: {why}",
            type=source.type,
            place=_shown(source),
            why=why,
        )
        fix = text(
            "install {package} again, with all that it needs; or correct its entry point",
            "{package} を依存関係ごと入れ直すか、エントリーポイントを修正してください",
            package=source.package.split(" ")[0] or "connector",
        )
        raise SpecError(what, fix) from error


def _what_is_wrong(found: Any, type_: str) -> Text | None:
    """Why `found` cannot stand for systems of `type_`; None when it can."""
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        return text("no subclass of connector.ports.Adapter", "connector.ports.Adapter のサブクラスではありません")
    if inspect.isabstract(found):
        names = ", ".join(sorted(found.__abstractmethods__))
        return text("it lacks {names}", "{names} がありません", names=names)
    if getattr(found, "type", None) != type_:
        its = getattr(found, "type", None)
        return text("its `type` is {its!r}", "クラスの type は {its!r} です", its=its)
    return _what_is_wrong_in_its_config(found, type_) or _what_is_wrong_in_its_claims(found)


def _what_is_wrong_in_its_config(found: Any, type_: str) -> Text | None:
    config = getattr(found, "Config", None)
    if not (isinstance(config, type) and issubclass(config, Spec)):
        return text("its Config is no connector.spec.Spec", "Config が connector.spec.Spec ではありません")
    tag = config.model_fields.get("type")
    if tag is not None and get_origin(tag.annotation) is Literal and type_ not in get_args(tag.annotation):
        its = get_args(tag.annotation)[0]
        return text("its Config wants type {its!r}", "Config の type は {its!r} です", its=its)
    if "role" not in config.model_fields and not isinstance(getattr(found, "role", None), Role):
        return text("it has no `role`, nor has its Config", "クラスにも Config にも role がありません")
    return None


def _what_is_wrong_in_its_claims(found: Any) -> Text | None:
    if not isinstance(found.writes, frozenset) or not found.writes <= set(CHANGES):
        return text("its `writes` holds what is no change", "writes に変更でないものがあります")
    if not all(isinstance(number, int) and number >= 1 for number in (found.batch, found.connections)):
        return text(
            "its `batch` or `connections` is no number from 1", "batch か connections が 1 以上の整数ではありません"
        )
    return None
