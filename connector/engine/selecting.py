"""A part of a plan: the changes of one rule, one system, one person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from connector.changes import AnyChange, Kept, Withheld
from connector.config import Setup
from connector.engine.app import App
from connector.engine.why import identity_meant
from connector.errors import ConnectorError, Text, text
from connector.spec import unknown_key

KINDS = ("rule", "system", "person")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is looked at; where several kinds are given, all of them must fit. A record's fields stay together."""

    rules: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()

    def takes(self, change: AnyChange) -> bool:
        """Whether this change belongs to it."""
        return (
            (not self.rules or any(reason.rule in self.rules for reason in change.reasons))
            and (not self.systems or change.system in self.systems)
            and (not self.people or change.identity in self.people)
        )

    def tells(self, item: Withheld) -> bool:
        """Whether something withheld belongs to it; that is of no one system."""
        return (
            not self.systems
            and (not self.rules or item.rule in self.rules)
            and (not self.people or item.identity in self.people)
        )


EVERYTHING = Selection()


def selection(app: App, words: Sequence[str]) -> Selection:
    """What `rule=ID`, `system=NAME` and `person=ID` mean; several of one kind: any of them.

    :raises ConnectorError: nothing is called so
    """
    if not words:
        return EVERYTHING
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    with app.reading() as conn:
        for word in words:
            kind, _, name = word.partition("=")
            found[kind if kind in found else _unknown_kind(word)].add(_known(app, conn, kind, name))
    return Selection(*(frozenset(found[kind]) for kind in KINDS))


def _known(app: App, conn: Connection, kind: str, name: str) -> str:
    if kind == "person":
        return identity_meant(app, conn, name)
    if kind == "system":
        known, what = set(app.setup.systems), text("there is no system {n!r}", "連携先 {n!r} はありません", n=name)
    else:
        known, what = set(rules_of(app.setup)), text("there is no rule {n!r}", "ルール {n!r} はありません", n=name)
    if name not in known:
        raise _error(what, unknown_key(name, known)[1])
    return name


def rules_of(setup: Setup) -> Iterator[str]:
    """Every rule that a reason may name: ids of rules, and the words of fields."""
    yield from ("identity", "create")
    for mapping in setup.rules.people:
        yield from mapping.fields
    yield from (rule.id for rule in setup.rules.alerts)
    yield from (rule.id for rule in setup.rules.protect)
    yield from (rule.id for rule in setup.rules.nurture)


def _unknown_kind(word: str) -> str:
    what = text("{word!r} selects nothing", "{word!r} では絞り込めません", word=word)
    raise _error(what, text("rule=ID, system=NAME or person=ID", "rule=ID、system=名前、person=ID のいずれかです"))


def _error(what: Text, fix: Text | None) -> ConnectorError:
    return ConnectorError(what, where="--select", fix=fix)


def kept_of(changes: Sequence[AnyChange], kept: Sequence[Kept]) -> tuple[Kept, ...]:
    """What is kept in the records that these changes write to."""
    written = {ref for change in changes if (ref := getattr(change, "ref", None))}
    return tuple(item for item in kept if item.ref in written)
