"""Where the parts of runs wait for workers: Procrastinate's tables in the store's own PostgreSQL.

The queue only carries them. It may lose one or hand one out twice: whether a part is done is written in the store, and
whoever waits for it puts it into the queue again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
from procrastinate import exceptions, jobs, schema
from sqlalchemy import Engine
from sqlalchemy import text as sql

from connector.engine.part import Part
from connector.errors import StoreError, text
from connector.store import runs
from connector.store.database import writing

_NAME = "connector"
_SCHEMA_LOCK = 0x636F6E71  # any number that is ours alone
_SCHEMA = "queue_schema"

Do = Callable[[Part], None]


class NotNow(Exception):
    """The part is to be done later, or by another worker."""


class _Later(procrastinate.BaseRetryStrategy):
    def get_retry_decision(
        self,
        *,
        exception: BaseException,
        job: jobs.Job,  # noqa: ARG002  the signature is theirs
    ) -> procrastinate.RetryDecision | None:
        return procrastinate.RetryDecision(retry_in={"seconds": 2}) if isinstance(exception, NotNow) else None


def prepare(store: Engine) -> None:
    """Make the queue's tables, or bring them to this version: once, however many try.

    :raises StoreError: the store is not PostgreSQL, or cannot be used
    """
    _address(store)
    steps = sorted(Path(schema.SchemaManager.get_migrations_path()).glob("*.sql"))
    with writing(store) as conn:
        conn.execute(sql("SELECT pg_advisory_xact_lock(:n)"), {"n": _SCHEMA_LOCK})
        known = runs.remembered(conn, _SCHEMA)
        if known is None:
            scripts = [schema.SchemaManager.get_schema()]
        else:
            scripts = [step.read_text(encoding="utf-8") for step in steps if step.name > known]
        raw: Any = conn.connection.driver_connection
        for script in scripts:
            raw.execute(script)  # past SQLAlchemy, to which `%` and `:` in it would mean something
        if scripts:
            runs.remember(conn, _SCHEMA, steps[-1].name)


def _address(store: Engine) -> str:
    if store.dialect.name != "postgresql":
        raise StoreError(
            text("workers need PostgreSQL as the store", "ワーカーを使うには store が PostgreSQL である必要があります"),
            fix=text(
                "set `store` to a PostgreSQL URL; without workers (`run.workers`), `connector run` does all by itself",
                "store に PostgreSQL の URL を指定してください。run.workers を外せば `connector run` だけで動きます",
            ),
        )
    return store.url.set(drivername="postgresql").render_as_string(hide_password=False)


class Queue:
    """Puts parts of a run into the queue, and looks at them there."""

    def __init__(self, store: Engine) -> None:
        self._connector = procrastinate.SyncPsycopgConnector(
            conninfo=_address(store), min_size=1, max_size=2, name="queue"
        )
        self._app = procrastinate.App(connector=self._connector)

    def open(self) -> None:
        """Connect.

        :raises StoreError: the store cannot be used now
        """
        with _told():
            self._app.open()

    def close(self) -> None:
        """Let go of the connections."""
        self._app.close()

    def put(self, some: Sequence[Part]) -> None:
        """Let these wait for a worker.

        :raises StoreError: the store cannot be used now
        """
        with _told():
            self._app.configure_task(_NAME, queue=_NAME).batch_defer(*(part.as_data() for part in some))

    def waiting(self) -> set[str]:
        """The keys of the parts that no worker has taken yet.

        :raises StoreError: the store cannot be used now
        """
        return {part_of(job.task_kwargs).key for job in self._all("todo")}

    def clear(self) -> None:
        """Take out what waits; ask workers to leave what they are at; forget what dead workers were at.

        :raises StoreError: the store cannot be used now
        """
        manager = self._app.job_manager
        with _told():
            for job in self._all("doing"):
                if job.worker_id is None and job.id is not None:
                    manager.retry_job_by_id(job.id, retry_at=procrastinate.utils.utcnow())
            for job in [*self._all("todo"), *self._all("doing")]:
                if job.id is not None:
                    manager.cancel_job_by_id(job.id, abort=True, delete_job=True)

    def _all(self, status: str) -> Collection[jobs.Job]:
        with _told():
            return list(self._app.job_manager.list_jobs(queue=_NAME, status=status))


def part_of(data: Mapping[str, Any]) -> Part:
    """A part as the queue carried it (`Part.as_data`)."""
    return Part(**{**data, "left_out": [(place, word) for place, word in data["left_out"]]})


@contextmanager
def _told() -> Iterator[None]:
    """The queue's own errors as ours."""
    try:
        yield
    except (exceptions.ConnectorException, psycopg.Error) as error:
        raise StoreError(
            text("the queue of parts cannot be used now", "処理待ちキューを現在利用できません"),
            fix=text("check PostgreSQL", "PostgreSQL を確認してください"),
        ) from error


class Taker:
    """Takes parts out of the queue and does them one by one, until told to stop."""

    def __init__(self, store: Engine, do: Do, stop: Callable[[], None]) -> None:
        self._do, self._stop = do, stop
        self._left = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=_address(store), min_size=1, max_size=4, name="queue")
        )
        self._app.task(name=_NAME, queue=_NAME, pass_context=True, retry=_Later())(self._work)

    def take(self) -> None:
        """Work until `leave()`, or until the store is lost.

        :raises StoreError: the store cannot be used now
        """
        with _told():
            asyncio.run(self._forever())

    def leave(self) -> None:
        """Take no further part; the one under way is finished. May be called from a signal handler."""
        self._left = True
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    async def _forever(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._app.open_async():
            self._task = asyncio.create_task(
                self._app.run_worker_async(
                    queues=[_NAME],
                    concurrency=1,
                    fetch_job_polling_interval=2.0,
                    install_signal_handlers=False,
                    delete_jobs="always",
                )
            )
            if self._left:
                self._task.cancel()
            try:
                await self._task
            except asyncio.CancelledError:
                return

    def _work(self, context: procrastinate.JobContext, /, **data: Any) -> None:
        """One part, in a thread; when the run takes it back, the work is stopped at its next step."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.5):
                if context.should_abort():
                    self._stop()
                    return

        looker = threading.Thread(target=look, name="taken-back", daemon=True)
        looker.start()
        try:
            self._do(part_of(data))
        except NotNow as error:
            if context.should_abort():
                raise exceptions.JobAborted from error
            raise
        finally:
            ended.set()
            looker.join()
