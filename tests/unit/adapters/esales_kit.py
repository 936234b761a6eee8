"""An emulated Remix behind a real server, prepared as our documentation asks for, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest

from connector.adapters.esales import Config, ESales
from connector.adapters.esales.options import (
    AlertFields,
    AlertOptions,
    AlertRows,
    Employees,
    ProbeRecord,
    Stamps,
)
from connector.changes import AnyChange, CreatePerson, Lane, RaiseAlert, SetFields
from connector.model import DealState, Ref, Value
from connector.ports import Needs, ObjectNeeds, Page, Receipt
from connector.sandbox.clock import Clock
from connector.sandbox.esales import RemixEmulator, RemixSettings
from connector.sandbox.server import Server
from connector.spec import Secret

SYSTEM = "sys"
SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
T = TypeVar("T")

KEY, WHY, BAND, SCORE = "MAキー", "MAスコア根拠", "MAランク", "MAスコア"
NEEDS = Needs(
    objects={
        "person": ObjectNeeds(
            read=frozenset({WHY, "備考", BAND, SCORE}),
            write=frozenset({WHY, "備考", BAND, SCORE}),
            key=KEY,
            create=True,
            choices={BAND: frozenset({"A", "B", "C"})},
        ),
        "business": ObjectNeeds(
            read=frozenset({"進捗", "受注確度", "金額", "受注予定日", "失注理由", "主担当"}),
            deal={
                "stage": "進捗",
                "probability": "受注確度",
                "amount": "金額",
                "closes_on": "受注予定日",
                "lost_reason": "失注理由",
                "owner": "主担当",
            },
            states={DealState.WON: frozenset({"受注"}), DealState.LOST: frozenset({"失注"})},
            probabilities={"A": 90.0, "B": 60.0, "C": 30.0, "D": 10.0},
        ),
    },
    alerts=True,
    probed={"put": "partial", "clear": "yes", "clock": "ok"},
)
STAMPS = {
    "business": Stamps(changed="変更日", created="登録日"),
    "customer": Stamps(changed="変更日", created="登録日"),
}
ALERT = AlertOptions(
    via=("sheet_rows",),
    sheet_rows=AlertRows(
        sheet="extension_1", key="MAアラートキー", title="名称", body="内容", person="紐付(名刺)", deal="紐付(案件)"
    ),
)


@dataclass
class Stage:
    """The tenant from inside (`esm`), from outside (`server`), and what an administrator would configure."""

    esm: RemixEmulator
    server: Server = field(init=False)
    codes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.esm.handle, chaos=self.esm.chaos)
        for name, kind in ((KEY, "text"), (WHY, "text"), (SCORE, "num"), ("MA通知", "text"), ("MA通知キー", "text")):
            self.codes[name] = self.esm.add_column("person", name, kind)
        self.codes[BAND] = self.esm.add_column("person", BAND, "select", choices=["A", "B", "C"])
        for name in ("MAアラートキー", "内容"):
            self.codes[name] = self.esm.add_column("extension_1", name)
        self.codes["ToDoキー"] = self.esm.add_column("todo", "ToDoキー")

    def config(self, **options: Any) -> Config:
        given: dict[str, Any] = {
            "login_url": f"{self.server.url}/sandbox/esales-pc",
            "token": Secret(env="ESM_TOKEN"),
            "retries": 0,
            "rate": None,
            "stamps": STAMPS,
            "employees": Employees(id="社員コード", name="社員名", email="メールアドレス"),
            "alert": ALERT,
        }
        return Config(**(given | options))

    def adapter(self, needs: Needs = NEEDS, **options: Any) -> ESales:
        return ESales(SYSTEM, self.config(**options), needs)

    def tick(self, by: timedelta = timedelta(seconds=1)) -> None:
        self.esm.clock.advance(by)

    def company(self, name: str = "第一製作所") -> int:
        self.tick()
        return self.esm.add_customer(name)

    def person(self, name: str = "佐藤 一郎", **columns: Any) -> str:
        """`columns` are codes behind an underscore (`_914="a@example.com"`) or the names of our own."""
        customer = columns.pop("customer", None) or self.company()
        self.tick()
        given = {self.codes[name] if name in self.codes else int(name[1:]): value for name, value in columns.items()}
        return str(self.esm.add_person(customer, name, given))

    def held(self, id_: str) -> Mapping[Any, Any]:
        return self.esm.get("person", int(id_))

    def requests(self, part: str, method: str | None = None) -> list[str]:
        return [e.target for e in self.server.exchanges if part in e.target and method in (None, e.method)]


@contextmanager
def stage(settings: RemixSettings | None = None) -> Iterator[Stage]:
    """A tenant of its own, in the spring of 2026."""
    ready = Stage(RemixEmulator(clock=Clock(SPRING), settings=settings))
    with pytest.MonkeyPatch.context() as patch, ready.server:
        patch.setenv("ESM_TOKEN", ready.esm.api_token)
        yield ready


def drain(adapter: ESales, stream: str, cursor: str | None = None) -> list[Page]:
    return list(adapter.pull(stream, cursor))


def of(kind: type[T], pages: Sequence[Page]) -> list[T]:
    return [record for page in pages for record in page.records if isinstance(record, kind)]


def ref(id_: str) -> Ref:
    return Ref(SYSTEM, "person", id_)


def set_fields(id_: str, values: Mapping[str, Value]) -> SetFields:
    return SetFields(
        key=f"set:{id_}:{sorted(values)}", system=SYSTEM, identity="p1", lane=Lane.SCORES, ref=ref(id_), values=values
    )


def create(key: str, values: Mapping[str, Value]) -> CreatePerson:
    return CreatePerson(
        key=f"create:{key}",
        system=SYSTEM,
        identity="p1",
        lane=Lane.FIELDS,
        object="person",
        key_field=KEY,
        key_value=key,
        values=values,
    )


def alert(key: str, person: Ref | None = None, owner: str = "1") -> RaiseAlert:
    return RaiseAlert(
        key=key,
        system=SYSTEM,
        identity="p1",
        lane=Lane.ALERTS,
        rule="stalled-deal-stirs",
        subject="person:p1",
        owner_id=owner,
        title="停滞案件に動き",
        body="担当者が資料をダウンロードしました",
        due_on=date(2026, 4, 2),
        person=person,
    )


def push(adapter: ESales, *changes: AnyChange) -> list[Receipt]:
    return list(adapter.push(changes))


FIELDS_ALERT = AlertOptions(
    via=("person_fields", "todo"),
    person_fields=AlertFields(key="MA通知キー", title="MA通知"),
    todo=AlertRows(key="ToDoキー", title="件名", body="内容", owner="担当者", due="期限", person="名刺コード"),
)


def unprobed(needs: Needs = NEEDS) -> Needs:
    return replace(needs, probed={})


def tried_on(id_: str) -> ProbeRecord:
    return ProbeRecord(sheet="person", id=id_, field=WHY)
