"""A small world of emulated systems, which can be copied; the connector in it; and what is compared at the end.

In the process (`direct`): requests go straight to the emulators, through everything of the product down to its
transport, without a socket. For real processes (`served`): the emulators listen on loopback.
"""

from __future__ import annotations

import copy
import copyreg
import io
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import make_url, update
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.wrappers import Request

from connector.config import Setup, load
from connector.demo.systems import Systems
from connector.demo.world import configure
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.probing import probe
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.sandbox.server import Server
from connector.store import tables as t
from connector.store.database import open_engine, writing
from tests.faults.proxy import heard
from tests.faults.story import Emulated, begin, go_on

# A copy of an emulator has locks of its own.
copyreg.pickle(type(threading.RLock()), lambda _: (threading.RLock, ()))
copyreg.pickle(type(threading.Lock()), lambda _: (threading.Lock, ()))

PORTS = {"salesforce": 1, "shanon": 2, "kintone": 3, "remix": 4, "esm": 5}
"""Where nobody listens: requests that are taken to the emulators directly."""


def handlers(made: Emulated) -> dict[str, Any]:
    """The emulators by the names of their places."""
    all_of_them = {
        "salesforce": made.org, "shanon": made.smp, "kintone": made.kintone, "remix": made.remix, "esm": made.esm,
    }  # fmt: skip
    return {name: each for name, each in all_of_them.items() if each is not None}


def write_config(folder: Path, made: Emulated, urls: Mapping[str, str]) -> Path:
    """The shipped configuration for these addresses."""
    nobody, branches = cast("Any", None), cast("Any", SimpleNamespace(apps=made.apps))
    systems = Systems(
        made.clock, made.org, made.smp, made.kintone, made.remix, nobody, "", nobody, branches, dict(urls)
    )
    folder.mkdir(parents=True)
    return configure(folder, systems)


_SHANON = """\
timezone: Asia/Tokyo
store: sqlite:///data/connector.db
systems:
  shanon:
    type: shanon
    base_url: http://127.0.0.1:{port}
    rate: 1000
    api_key: {{file: secrets/api_key}}
    password: {{file: secrets/password}}
    secret: {{file: secrets/secret}}
    lists: {{do-not-mass-mail: 1, nurture-budget: 2, nurture-timing: 3, nurture-lost: 4}}
"""


def beside_shanon(folder: Path, made: Emulated, system: str, secrets: Mapping[str, str]) -> Path:
    """A configuration of the MA and one `system` more, whose secrets stand in files; its mappings are yet to come."""
    (folder / "secrets").mkdir(mode=0o700, parents=True)
    smp = made.smp
    own = {"api_key": smp.api_key, "password": smp.password, "secret": smp.secret}
    for name, value in (own | dict(secrets)).items():
        (folder / "secrets" / name).write_text(value, encoding="utf-8")
        (folder / "secrets" / name).chmod(0o600)
    config = folder / "config.yaml"
    config.write_text(_SHANON.format(port=PORTS["shanon"]) + system, encoding="utf-8")
    config.chmod(0o640)
    (folder / "mappings").mkdir()
    return config


@contextmanager
def direct(made: Emulated) -> Iterator[None]:
    """Requests to `PORTS` reach these emulators without a socket, until the end of the block."""
    with reaching({PORTS[name]: each.handle for name, each in handlers(made).items()}):
        yield


@contextmanager
def reaching(by_port: Mapping[int, Callable[[Request], Any]]) -> Iterator[None]:
    """Requests to these ports reach these handlers without a socket, until the end of the block; others as ever."""

    def send(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        handle = by_port.get(url.port or 0)
        if handle is None:
            return before(self, request, *args, **more)
        body: Any = request.body.encode() if isinstance(request.body, str) else request.body or b""
        told = [(name, str(value)) for name, value in request.headers.items()]
        place = f"{url.scheme}://{url.netloc}"
        answer = handle(heard(str(request.method), place, request.path_url, told, body))
        headers = HTTPHeaderDict(list(answer.headers))
        raw = HTTPResponse(io.BytesIO(answer.get_data()), headers, answer.status_code, preload_content=False)
        return self.build_response(request, raw)

    before = HTTPAdapter.send
    HTTPAdapter.send = send  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = before  # type: ignore[method-assign]


@dataclass
class World:
    """The emulated systems, and a connector with a store between them."""

    made: Emulated
    setup: Setup
    store: str
    """URL of the store."""

    @contextmanager
    def app(self) -> Iterator[App]:
        """The connector as a fresh process would open it."""
        setup = replace(self.setup, config=self.setup.config.model_copy(update={"store": self.store}))
        app = open_app(setup, clock=self.made.clock)
        try:
            yield app
        finally:
            app.close()

    def run(self) -> Report:
        """One pass."""
        with self.app() as app:
            return run(app)

    def probe(self) -> None:
        with self.app() as app:
            probe(app, "esales")

    def fresh(self, *, pull: bool = True) -> list[object]:
        """What a run would still write."""
        with self.app() as app:
            return list(plan_preview(app, pull=pull, as_of=None).fresh)

    def expire_lease(self) -> None:
        """The time of whoever holds the lease is over."""
        engine = open_engine(self.store)
        with writing(engine) as conn:
            conn.execute(update(t.lease).values(expires=0))
        engine.dispose()


class Shelf(Protocol):
    """Where stores stand."""

    def new(self, folder: Path) -> str:
        """The URL of a store that is not there yet."""

    def copy(self, store: str, folder: Path) -> str:
        """The URL of a copy of a store."""


class Files:
    """Stores on SQLite, one in each folder."""

    def new(self, folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder / 'connector.db'}"

    def copy(self, store: str, folder: Path) -> str:
        file = Path(str(make_url(store).database))
        for each in file.parent.glob(f"{file.name}*"):  # with a journal, where a run was cut
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(each, folder / each.name)
        return self.new(folder)


@dataclass(frozen=True)
class Moment:
    """A state of the world that many runs can start from."""

    made: Emulated
    store: str
    shelf: Shelf

    def world(self, setup: Setup, folder: Path) -> World:
        """A copy to do with as one likes."""
        return World(copy.deepcopy(self.made), setup, self.shelf.copy(self.store, folder))


def first_day(folder: Path, shelf: Shelf) -> tuple[Moment, Setup]:
    """Before the first run: set up, probed; and the configuration that goes with `direct`."""
    made = begin()
    urls = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items()}
    setup = load(write_config(folder / "config", made, urls))
    world = World(made, setup, shelf.new(folder / "config" / "data"))
    with direct(made):
        world.probe()
    return Moment(made, world.store, shelf), setup


def next_day(first: Moment, setup: Setup, folder: Path) -> Moment:
    """After a first run and a day of life, before the second run."""
    world = first.world(setup, folder)
    with direct(world.made):
        report = world.run()
    assert (report.exit, report.created) == (Exit.DONE, 2), report.as_data()
    go_on(world.made)
    return Moment(world.made, world.store, first.shelf)


@contextmanager
def served(made: Emulated) -> Iterator[dict[str, str]]:
    """The emulators listen until the end of the block; their addresses by name."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Server(each.handle, chaos=each.chaos)).url
            for name, each in handlers(made).items()
        }
