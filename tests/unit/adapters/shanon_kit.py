"""An emulated SMP behind a real server, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from connector.adapters.shanon import Config, Shanon
from connector.changes import AddToList, Lane, RemoveFromList, SetFields
from connector.model import Record, Ref, Touchpoint, Value
from connector.ports import Needs, ObjectNeeds, Page
from connector.sandbox.clock import Clock
from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator
from connector.spec import Secret

SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
T = TypeVar("T")


@dataclass
class Stage:
    smp: ShanonEmulator
    server: Server

    def adapter(self, needs: Needs | None = None, **options: Any) -> Shanon:
        credentials = {
            word: Secret(env=f"SMP_{word.upper()}") for word in ("api_key", "password", "secret") if word not in options
        }
        asked: dict[str, Any] = {"rate": None, "retries": 0, "base_url": self.server.url, **credentials, **options}
        return Shanon("shanon", Config(**asked), needs or Needs())

    def calls(self, path: str, method: str = "GET") -> int:
        """Requests at exactly this resource."""
        asked = [e.target.partition("?")[0] for e in self.server.exchanges if e.method == method]
        return asked.count(f"/services/rest/{path}")

    def person(self, number: int = 1, **fields: object) -> int:
        given = {"Name1": "佐藤", "Name2": f"{number}郎", "Email": f"p{number}@example.com", **fields}
        return self.smp.add_visitor(given)


@contextmanager
def stage() -> Iterator[Stage]:
    """A system of its own, in the spring of 2026."""
    smp = ShanonEmulator(clock=Clock(SPRING))
    with pytest.MonkeyPatch.context() as patch, Server(smp.handle, chaos=smp.chaos) as server:
        for name in ("api_key", "password", "secret"):
            patch.setenv(f"SMP_{name.upper()}", getattr(smp, name))
        yield Stage(smp, server)


def visitor(id_: int) -> Ref:
    return Ref("shanon", "visitor", str(id_))


def fields_needed(*names: str) -> Needs:
    return Needs(objects={"visitor": ObjectNeeds(read=frozenset(names), write=frozenset(names))})


def drain(adapter: Shanon, stream: str, cursor: str | None = None) -> list[Page]:
    return list(adapter.pull(stream, cursor))


def records(pages: Sequence[Page], kind: type[T]) -> list[T]:
    found: list[Record] = [record for page in pages for record in page.records]
    return [record for record in found if isinstance(record, kind)]


def touchpoints(adapter: Shanon, stream: str) -> list[Touchpoint]:
    return records(drain(adapter, stream), Touchpoint)


def set_fields(id_: int, **values: Value) -> SetFields:
    return SetFields(
        key=f"set:{id_}", system="shanon", identity="p1", lane=Lane.FIELDS, ref=visitor(id_), values=values
    )


def add(id_: int, name: str = "nurture") -> AddToList:
    return AddToList(
        key=f"add:{id_}", system="shanon", identity="p1", lane=Lane.NURTURE, list=name, person=visitor(id_)
    )


def remove(id_: int, name: str = "nurture") -> RemoveFromList:
    return RemoveFromList(
        key=f"remove:{id_}", system="shanon", identity="p1", lane=Lane.NURTURE, list=name, person=visitor(id_)
    )


def later(stage: Stage, **span: float) -> None:
    stage.smp.clock.advance(timedelta(**span))
