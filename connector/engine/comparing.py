"""Two configurations on one store: what each would have written now, and where they differ. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from connector.changes import AnyChange, SetFields
from connector.config import Setup
from connector.engine.app import App
from connector.engine.planning import CHUNK, plan_chunk
from connector.errors import ConnectorError, text
from connector.rules.view import World
from connector.store import load, outbox
from connector.store.beside import sqlite_file


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two would not do alike: what each would do; None where it would leave all as it is."""

    first: AnyChange | None
    second: AnyChange | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Where two configurations differ, and how much each would write."""

    as_of: datetime
    differences: Sequence[Difference]
    alike: int
    """Changes that both would write."""


def need_store(app: App) -> None:
    """A comparison without facts would say that all is alike.

    :raises ConnectorError: nothing was ever read into this store
    """
    with app.reading() as conn:
        known = load.count_identities(conn)
    if not known:
        file = sqlite_file(app.store.url)
        raise ConnectorError(
            text("nobody is known in the store of the first configuration", "1つ目の設定の store に人物がいません"),
            where=str(file or app.store.url.render_as_string(hide_password=True)),
            fix=text(
                "name the configuration in use first; `connector plan` reads the systems into its store",
                "使用中の設定を先に指定してください。`connector plan` で連携先を読み込みます",
            ),
        )


def compare(app: App, other: Setup) -> Compared:
    """What would change if `other` were the configuration of this store, for everybody, as things stand."""
    need_store(app)
    as_of = app.clock()
    with app.reading() as conn:
        world = app.world_as_read(conn, as_of)
    second = _world(world, other)
    found: list[Difference] = []
    alike = last = 0
    while True:
        with app.reading() as conn:
            nos = load.living_chunk(conn, last, CHUNK)
            if not nos:
                return Compared(as_of, found, alike)
            ours, theirs = _wishes(conn, app.setup, world, nos), _wishes(conn, other, second, nos)
        for key in dict.fromkeys([*ours, *theirs]):
            difference = differing(ours.get(key), theirs.get(key))
            if difference is None:
                alike += 1
            else:
                found.append(difference)
        last = nos[-1]


def _world(world: World, setup: Setup) -> World:
    """The same world, as the other configuration sees it; a system that only it names was never read."""
    return replace(
        world,
        tz=setup.config.timezone,
        roles=setup.roles,
        read_at={name: world.read_at.get(name) for name in setup.systems},
        language=setup.config.language,
        consents=setup.rules.consents(),
        silent=setup.silent,
    )


def _wishes(conn: Connection, setup: Setup, world: World, nos: Sequence[int]) -> Mapping[str, AnyChange]:
    planned = plan_chunk(conn, setup.rules, world, nos).plan.changes
    return {change.key: change for change in outbox.unsaid(conn, planned, world.as_of)}


def differing(first: AnyChange | None, second: AnyChange | None) -> Difference | None:
    """The difference between two changes under one key: of records, only the fields that differ; None: they agree."""
    if isinstance(first, SetFields) and isinstance(second, SetFields):
        names = [n for n in {**first.values, **second.values} if _value(first, n) != _value(second, n)]
        return Difference(_only(first, names), _only(second, names)) if names else None
    if first is not None and second is not None:
        same = type(first) is type(second) and replace(first, reasons=()) == replace(second, reasons=())
        return None if same else Difference(first, second)
    return Difference(first, second)


def _value(change: SetFields, name: str) -> tuple[bool, object]:
    return name in change.values, change.values.get(name)


def _only(change: SetFields, names: Sequence[str]) -> SetFields | None:
    own = [name for name in names if name in change.values]
    return replace(change, values={name: change.values[name] for name in own}) if own else None
