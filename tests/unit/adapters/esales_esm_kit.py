"""An emulated esm behind a real server, prepared as our documentation asks for, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.adapters.esales import Config, ESales
from connector.adapters.esales.options import (
    AlertFields,
    AlertOptions,
    AlertPost,
    AlertRows,
    Employees,
    FieldOptions,
    Find,
    ProbeRecord,
)
from connector.model import DealState, Ref
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.clock import Clock
from connector.sandbox.esales import EsmEmulator, EsmSettings
from connector.sandbox.server import Server
from connector.spec import Secret

SYSTEM = "sys"
SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
CARD, PLAN, APP = "business_cards.business_card", "businessplans.businessplan", "appextender.sheet_134"
WHY, KEY, MEMO = f"{CARD}.type_text1", f"{CARD}.type_text2", f"{CARD}.memo"
SCORE, BAND, TOUCHED = f"{CARD}.type_number1", f"{CARD}.type_pulldown1", f"{CARD}.type_datetime1"
NOTICE, NOTICE_KEY = f"{CARD}.type_text3", f"{CARD}.type_text4"
STAGE, ODDS, AMOUNT, PLANNED = f"{PLAN}.progress", f"{PLAN}.probability", f"{PLAN}.amount", f"{PLAN}.order_date"
STAGES = ("初回訪問", "提案", "見積", "受注", "失注")

NEEDS = Needs(
    objects={
        "businesscard": ObjectNeeds(
            read=frozenset({WHY, MEMO, SCORE, BAND, TOUCHED, f"{CARD}.name"}),
            write=frozenset({WHY, MEMO, SCORE, BAND, TOUCHED}),
            key=KEY,
            create=True,
            words={"email": f"{CARD}.email", "phone": f"{CARD}.tel_no", "name": f"{CARD}.name"},
            choices={BAND: frozenset({"A", "B"})},
        ),
        "businessplan": ObjectNeeds(
            read=frozenset({STAGE, ODDS, AMOUNT, PLANNED}),
            deal={
                "name": f"{PLAN}.businessplan_name",
                "stage": STAGE,
                "probability": ODDS,
                "amount": AMOUNT,
                "closes_on": PLANNED,
                "company": f"{PLAN}.relational_customer",
                "owner": f"{PLAN}.relational_employee",
            },
            states={DealState.WON: frozenset({"受注"}), DealState.LOST: frozenset({"失注"})},
            probabilities={"A": 90.0, "B": 60.0},
        ),
    },
    alerts=True,
    probed={"put": "partial", "zone": "ok", "clear": "yes"},
)
FIELDS = {
    MEMO: FieldOptions(type="MEMO"),
    BAND: FieldOptions(type="SELECT", choices=("A", "B")),
    STAGE: FieldOptions(type="SELECT", choices=STAGES),
    ODDS: FieldOptions(type="SELECT", choices=("A", "B", "C", "D")),
    AMOUNT: FieldOptions(type="NUMBER"),
    PLANNED: FieldOptions(type="DATE"),
    f"{CARD}.name": FieldOptions(type="STRING"),
    f"{CARD}.relational_customer": FieldOptions(type="SB_RELATION"),
    "customers.customer.customer_name": FieldOptions(type="STRING"),
    f"{PLAN}.relational_customer": FieldOptions(type="SB_RELATION"),
    f"{PLAN}.relational_employee": FieldOptions(type="SB_RELATION"),
    f"{APP}.name": FieldOptions(type="STRING"),
    f"{APP}.memo": FieldOptions(type="MEMO"),
}
PREFIXES = {
    "businesscard": CARD,
    "businessplan": PLAN,
    "customer": "customers.customer",
    "employee": "employees.employee",
    "sheet_134": APP,
}


def template(sheet: str, *, records: bool = False) -> Find:
    """The search that the sandbox made up, as an administrator would copy it."""
    prefix = PREFIXES[sheet]
    since = {"key": f"{prefix}.system_upd_date", "operator": "ge", "value": "{since}"}
    return Find(
        via="template",
        path=f"search/{sheet}",
        body={"conditions": [since], "offset": "{offset}", "limit": 2},
        by_key={"conditions": [{"key": "{field}", "operator": "eq", "value": "{key}"}], "offset": "{offset}"},
        ids="records.*" if records else f"records.*.{prefix}.id",
        total="total",
    )


ALERT = AlertOptions(
    via=("sheet_rows",),
    sheet_rows=AlertRows(sheet="sheet_134", key=f"{APP}.type_text1", title=f"{APP}.name", body=f"{APP}.memo"),
)
ON_CARD = AlertOptions(via=("person_fields",), person_fields=AlertFields(key=NOTICE_KEY, title=NOTICE))
POST = AlertOptions(
    via=("timeline_post", "sheet_rows"),
    sheet_rows=ALERT.sheet_rows,
    timeline_post=AlertPost(
        key=NOTICE_KEY, body={"body": [{"text": "{title}\n{body}"}], "channel": {"channelId": 1}, "tag": ["MA"]}
    ),
)


@dataclass
class Stage:
    """The tenant from inside (`esm`), from outside (`server`), and what an administrator would configure."""

    esm: EsmEmulator
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        self.server = Server(self.esm.handle, chaos=self.esm.chaos)
        for name in ("MA根拠", "MAキー", "MA通知", "MA通知キー"):
            self.esm.add_column("businesscard", name)
        self.esm.add_column("businesscard", "MAスコア", "number")
        self.esm.add_column("businesscard", "MAランク", "pulldown", choices=["A", "B"])
        self.esm.add_column("businesscard", "最終接点", "datetime")
        self.esm.add_column("sheet_134", "MAキー")
        self.esm.add_channel("営業")

    def config(self, **options: Any) -> Config:
        given: dict[str, Any] = {
            "login_url": f"{self.server.url}/sandbox/login",
            "gateway": self.server.url,
            "token": Secret(env="ESM_TOKEN"),
            "retries": 0,
            "rate": None,
            "fields": FIELDS,
            "find": {sheet: template(sheet) for sheet in PREFIXES},
            "employees": Employees(name="employees.employee.employee_name", email="employees.employee.email"),
            "alert": ALERT,
        }
        return Config(**(given | options))

    def adapter(self, needs: Needs = NEEDS, **options: Any) -> ESales:
        return ESales(SYSTEM, self.config(**options), needs)

    def by_password(self, needs: Needs = NEEDS, **options: Any) -> ESales:
        pair = {"user": Secret(env="ESM_USER"), "password": Secret(env="ESM_PASSWORD")}
        return self.adapter(needs, token=None, **pair, **options)

    def tick(self, by: timedelta = timedelta(seconds=1)) -> None:
        self.esm.clock.advance(by)

    def company(self, name: str = "第一製作所") -> int:
        self.tick()
        return self.esm.add_customer(name)

    def card(self, name: str = "佐藤 一郎", values: Mapping[str, Any] | None = None) -> str:
        customer = self.company()
        self.tick()
        return str(self.esm.add_card(customer, name, values))

    def held(self, id_: str) -> Mapping[Any, Any]:
        return self.esm.get("businesscard", int(id_))

    def requests(self, part: str, method: str | None = None) -> list[str]:
        return [e.target for e in self.server.exchanges if part in e.target and method in (None, e.method)]


@contextmanager
def stage(settings: EsmSettings | None = None) -> Iterator[Stage]:
    """A tenant of its own, in the spring of 2026."""
    settings = settings or EsmSettings()
    settings.search = True
    ready = Stage(EsmEmulator(clock=Clock(SPRING), settings=settings))
    with pytest.MonkeyPatch.context() as patch, ready.server:
        patch.setenv("ESM_TOKEN", ready.esm.api_token)
        patch.setenv("ESM_USER", ready.esm.login)
        patch.setenv("ESM_PASSWORD", ready.esm.password)
        yield ready


def ref(id_: str) -> Ref:
    return Ref(SYSTEM, "businesscard", id_)


def probed(**known: str) -> Needs:
    return replace(NEEDS, probed=known)


def tried_on(id_: str) -> ProbeRecord:
    return ProbeRecord(sheet="businesscard", id=id_, field=WHY)
