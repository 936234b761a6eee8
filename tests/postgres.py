"""A private PostgreSQL for tests: one cluster per test process, one empty database per test."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

SUPERUSER = "tester"
START_SECONDS = 30
STOP_SECONDS = 10
ATTEMPTS = 3
FAST = {
    # What is lost when the machine goes down is a test.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "autovacuum": "off",
}


class NoPostgresError(Exception):
    """This machine cannot run PostgreSQL; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """A running server on a loopback port."""

    port: int
    password: str

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def keep_commits(self, url: str) -> None:
        """What was committed in a database is there after a crash: tests that crash nothing do without."""
        name = sql.Identifier(url.rpartition("/")[2])
        with self.connect() as admin:
            admin.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(name))

    def crash(self) -> None:
        """As when the server itself dies: every connection ends, and it recovers from its log."""
        with self.connect() as admin:
            row = admin.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            self.connect().close()
        except psycopg.Error:
            return False
        return True


def store_line(url: str, folder: Path) -> str:
    """How `config.yaml` in a folder names a store: by a file, since the URL of a server holds a password."""
    if url.startswith("sqlite"):
        return f"store: {url}"
    (folder / "store_url").write_text(url, encoding="utf-8")
    (folder / "store_url").chmod(0o600)
    return f'store_url: {{file: "{folder / "store_url"}"}}'


def binaries() -> Path:
    """The folder of PostgreSQL's programs, the newest version first. Debian keeps them out of PATH."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    on_path = shutil.which("postgres")
    candidates = [*installed, *([Path(on_path).resolve().parent] if on_path else [])]
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    msg = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    raise NoPostgresError(msg)


def unprivileged() -> dict[str, Any]:
    """How to start its programs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        msg = "running as root, and there is no user `postgres` to run PostgreSQL as"
        raise NoPostgresError(msg) from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def initialise(programs: Path, home: Path, password: str, identity: dict[str, Any]) -> None:
    """Make the files of a new cluster, in a locale that sorts alike on every machine."""
    secret = home / "password"
    secret.write_text(password, encoding="ascii")
    if identity:
        for path in (home, secret):
            os.chown(path, identity["user"], identity["group"])
    command = [
        str(programs / "initdb"),
        f"--pgdata={home / 'data'}",
        f"--username={SUPERUSER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    made = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, **identity)
    if made.returncode:
        msg = f"initdb failed:\n{made.stdout}{made.stderr}"
        raise RuntimeError(msg)


def wait_until_up(server: subprocess.Popen[bytes], cluster: Cluster) -> bool:
    """Whether it came up; False when it gave up, as it does when the port was taken meanwhile."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            cluster.connect().close()
            return True
        time.sleep(0.05)
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ask for a fast shutdown of this very process; insist when it does not come."""
    for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is None:
            server.send_signal(order)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(STOP_SECONDS)


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """A cluster for as long as the block lasts."""
    programs = binaries()
    identity = unprivileged()
    # Not below pytest's own temporary folder: that one is closed to the user `postgres`.
    home = Path(tempfile.mkdtemp(prefix="connector-postgres-"))
    log = home / "log"
    password = secrets.token_urlsafe()
    try:
        initialise(programs, home, password, identity)
        for _ in range(ATTEMPTS):
            cluster = Cluster(free_port(), password)
            options = FAST | {
                "port": str(cluster.port),
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
            }
            command = [
                str(programs / "postgres"),
                f"-D{home / 'data'}",
                *(f"--{key}={value}" for key, value in options.items()),
            ]
            with log.open("ab") as output:
                server: subprocess.Popen[bytes] = subprocess.Popen(
                    command, cwd=home, stdout=output, stderr=output, **identity
                )
            try:
                if wait_until_up(server, cluster):
                    yield cluster
                    return
            finally:
                stop(server)
        msg = f"PostgreSQL did not start:\n{log.read_text(encoding='utf-8', errors='replace')}"
        raise RuntimeError(msg)
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The cluster of this test process, started when a test first asks for it."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(running())
        except NoPostgresError as why:
            pytest.skip(str(why))
        yield cluster


_numbers = itertools.count(1)


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh empty database."""
    name = f"test_{next(_numbers)}"
    with postgres_cluster.connect() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield postgres_cluster.url(name)
    finally:
        # By force, and anew, because a test about crashes leaves connections behind, or none.
        with postgres_cluster.connect() as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
