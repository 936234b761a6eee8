"""Everything a command works with: the setup, the store, the systems, the clock."""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from connector.config import Setup, check_store
from connector.contain import contained
from connector.engine.filling import filling
from connector.errors import ConfigError, Interrupted, Problem, StoreError, text
from connector.model import Role
from connector.ports import Adapter
from connector.rules.view import World
from connector.spec import Spec, SpecError, secrets_in
from connector.store import database, files, keep, load, runs
from connector.store.beside import Beside, sqlite_file
from connector.store.lease import Lease, acquire
from connector.store.trail import Trail

Clock = Callable[[], datetime]

RESERVE = 64 * 2**20
"""Bytes that must be free on the store's disk: what is sent must be written down, too."""


def now() -> datetime:
    """Wall time, aware UTC."""
    return datetime.now(UTC)  # noqa: TID251  the edge: here the clock enters


@dataclass
class App:
    """A configured connector, ready to work; `close()` lets go of everything."""

    setup: Setup
    store: Engine
    adapters: Mapping[str, Adapter]
    clock: Clock = now
    sleep: Callable[[float], None] = time.sleep
    stopping: bool = False
    """Set by a signal; a plain flag, because a lock taken in a signal handler may wait for ever."""
    beside: Beside | None = None
    """What is remembered of the store beside it."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """Which side of the loop each system stands on."""
        return self.setup.roles

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with database.reading(self.store) as conn:
            yield conn

    @cached_property
    def trail(self) -> Trail:
        """The audit trail, as rows are added to it; its key is read once."""
        return trail_of(self.setup)

    def lease(self) -> Lease:
        """The right to be the one run at work.

        :raises Locked: another run has it
        """
        lease = acquire(self.store, "run", self.setup.config.run.lease)
        try:
            keep.Kept(self.store, self.beside).note()
        except BaseException:
            lease.release()
            raise
        return lease

    def look_for_room(self) -> None:
        """Asked before anything is sent: what was sent without being written down would be sent again.

        :raises StoreError: too little is free on the disk of the store
        """
        file = sqlite_file(self.store.url)
        if file is not None and (free := files.free(file)) < RESERVE:
            raise StoreError(
                text(
                    "only {free} MB are free on the disk of the store: nothing is sent",
                    "store のディスクの空きが {free} MB しかないため、送信しません",
                    free=free // 2**20,
                ),
                where=str(file.parent),
                fix=text(
                    "free {reserve} MB or more; what is due stays due",
                    "{reserve} MB 以上を確保してください。未送信の変更は残ります",
                    reserve=RESERVE // 2**20,
                ),
            )

    def world(self, conn: Connection, as_of: datetime, run: str = "") -> World:
        """What is the same for every person of a planning at `as_of`, by the run of that id."""
        sales = {name for name in self.adapters if self.roles[name] is Role.SFA}
        read_at = {name: last_read(conn, name, adapter) for name, adapter in self.adapters.items()}
        return World(
            as_of,
            self.setup.config.timezone,
            self.roles,
            load.owners(conn),
            read_at,
            baseline=runs.new_systems(conn, sales, run) == sales,
            language=self.setup.config.language,
            consents=self.setup.rules.consents(),
            silent=self.setup.silent,
            filling=filling(conn, self.setup),
            calendar=self.setup.config.calendar,
        )

    def world_as_read(self, conn: Connection, as_of: datetime) -> World:
        """As `world`, but as if each system that was ever read had just been: for what a run, which reads, would do."""
        world = self.world(conn, as_of)
        return replace(world, read_at={name: at and as_of for name, at in world.read_at.items()})

    def go_on(self) -> None:
        """Asked between two steps.

        :raises Interrupted: when the program was asked to end
        """
        if self.stopping:
            raise Interrupted(text("ended on request", "要求により終了しました"))

    def close(self) -> None:
        """Close connections to systems and store."""
        for adapter in self.adapters.values():
            adapter.close()
        self.store.dispose()


def last_read(conn: Connection, name: str, adapter: Adapter) -> datetime | None:
    """When every stream of a system had last been read to its end; None when one never was."""
    positions = runs.positions(conn, name)
    times = [positions[s].read_at if s in positions else None for s in adapter.streams]
    return None if any(at is None for at in times) else min((at for at in times if at is not None), default=None)


def store_url(setup: Setup) -> str:
    """The URL of the store, its secret revealed, a relative SQLite path taken from the folder of `config.yaml`.

    :raises ConfigError: when a secret is missing, or it is no URL of a store
    """
    config = setup.config
    url = config.store_url.reveal() if config.store_url else config.store
    try:
        make_url(check_store(url))
    except (SpecError, ArgumentError, ValueError):  # whose messages may quote a password
        mark = config.mark_of("store_url" if config.store_url else "store")
        what = text("this is not the URL of a store", "store の URL として読めません")
        fix = text(
            "write sqlite:///data/connector.db or postgresql+psycopg://user:password@host:port/database; "
            "special characters in the password as %XX",
            "sqlite:///data/connector.db か postgresql+psycopg://ユーザー:パスワード@ホスト:ポート/データベース の形で"
            "書いてください（パスワードの記号は %XX）",
        )
        raise ConfigError([mark.problem(what, fix)]) from None
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(f"{prefix}/"):
        return f"{prefix}{(setup.folder / url.removeprefix(prefix)).resolve()}"
    return url


def open_app(setup: Setup, *, clock: Clock = now, only: str | None = None) -> App:
    """Open the store, bring its schema up to date, and make the adapters (which do no I/O yet).

    :raises ConfigError: when a secret is missing
    :raises WrongStore: when the store is not the one that we worked with
    :raises StoreError: when it cannot be used
    """
    names = [only] if only else list(setup.systems)
    _reveal_all([*(setup.systems[name][1] for name in names), setup.config.audit_key])
    kept = keep.open_store(store_url(setup), setup.folder)
    with database.reading(kept.engine) as conn:
        probed = {name: runs.probed(conn, name, setup.place(name)) for name in names}
    made = {name: _adapter(setup, name, probed[name], clock) for name in names}
    return App(setup, kept.engine, made, clock, beside=kept.beside)


def trail_of(setup: Setup) -> Trail:
    """The audit trail of a configuration.

    :raises ConfigError: when its key is missing
    """
    key = setup.config.audit_key
    return Trail(key.reveal() if key is not None else None)


def who() -> str:
    """The account on this machine by which we work."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"


def make_adapter(app: App, name: str) -> Adapter:
    """Another adapter for a system, by the setup as it is now."""
    with app.reading() as conn:
        probed = runs.probed(conn, name, app.setup.place(name))
    return _adapter(app.setup, name, probed, app.clock)


def _adapter(setup: Setup, name: str, probed: Mapping[str, str], clock: Clock) -> Adapter:
    cls, options = setup.systems[name]
    with contained(name):
        made = cls(name, options, replace(setup.needs(name), probed=probed))
    if made.http is not None:
        made.http.utcnow = clock
    return made


def _reveal_all(options: Iterable[Spec | None]) -> None:
    """Every secret that is missing, at once."""
    problems: list[Problem] = []
    for secret in secrets_in(list(options)):
        try:
            secret.reveal()
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def run_id(started: datetime) -> str:
    """A readable id for a run: its start, and something that no other run has."""
    return f"{started:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
