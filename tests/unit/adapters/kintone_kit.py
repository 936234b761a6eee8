"""An emulated kintone behind a real server, prepared as our documentation asks for, and adapters that talk to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.kintone import Kintone
from connector.adapters.kintone.options import AlertOptions, App, Config, TimelineOptions
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, Lane, RaiseAlert, SetFields
from connector.model import DealState, Record, Ref, Value
from connector.ports import Needs, ObjectNeeds, Page, Receipt
from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.server import Server
from connector.spec import Secret

SYSTEM = "kt"
SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
STEP = timedelta(minutes=1)
T = TypeVar("T")

TEXT = {"type": "SINGLE_LINE_TEXT"}
KEY = {"type": "SINGLE_LINE_TEXT", "unique": True, "maxLength": "64"}


def choice(kind: str, *options: str) -> dict[str, Any]:
    return {"type": kind, "options": {name: {"label": name, "index": str(n)} for n, name in enumerate(options)}}


PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "メール": TEXT,
    "姓": TEXT,
    "名": TEXT,
    "会社名": TEXT,
    "電話": TEXT,
    "担当者": {"type": "USER_SELECT"},
    "配信": choice("CHECK_BOX", "配信停止"),
    "ma_key": KEY,
    "ma_score": {"type": "NUMBER"},
    "ma_why": {"type": "SINGLE_LINE_TEXT", "maxLength": "255"},
    "ma_band": choice("DROP_DOWN", "hot", "warm", "cold"),
    "ma_memo": TEXT,
    "ma_last_at": {"type": "DATETIME"},
    "ma_last_alert": {"type": "SINGLE_LINE_TEXT", "maxLength": "64"},
    "接点": {"type": "SUBTABLE", "fields": {"行": TEXT, "備考": TEXT}},
}
DEALS: Mapping[str, Mapping[str, Any]] = {
    "案件名": TEXT,
    "進捗": choice("DROP_DOWN", "商談中", "提案", "受注", "失注"),
    "確度": choice("RADIO_BUTTON", "A", "B", "C"),
    "金額": {"type": "NUMBER"},
    "予定日": {"type": "DATE"},
    "フェーズ変更": {"type": "DATE"},
    "失注理由": TEXT,
    "営業": {"type": "USER_SELECT"},
    "顧客名": TEXT,
    "先方": TEXT,
    "ma_last_alert": {"type": "SINGLE_LINE_TEXT", "maxLength": "64"},
}
ALERTS: Mapping[str, Mapping[str, Any]] = {
    "ma_key": KEY,
    "件名": {"type": "SINGLE_LINE_TEXT", "maxLength": "100"},
    "内容": {"type": "MULTI_LINE_TEXT"},
    "担当者": {"type": "USER_SELECT"},
    "期限": {"type": "DATE"},
    "人物": {"type": "LINK"},
    "案件": {"type": "NUMBER"},
    "対応": choice("RADIO_BUTTON", "未", "対応中", "済"),
}
CLOSE = {"field": "対応", "open": "未", "closed": "済"}
TOUCHPOINTS: Mapping[str, Mapping[str, Any]] = {
    "ma_key": KEY,
    "件名": TEXT,
    "内容": {"type": "MULTI_LINE_TEXT"},
    "日時": {"type": "DATETIME"},
    "人物番号": {"type": "NUMBER"},
    "人物ID": TEXT,
}

WORDS = {
    "email": "メール",
    "family_name": "姓",
    "given_name": "名",
    "company": "会社名",
    "phone": "電話",
    "opted_out": "配信",
}
WRITTEN = frozenset({"ma_score", "ma_why", "ma_band", "ma_memo", "ma_last_at", "接点", "配信"})
OF_PEOPLE = ObjectNeeds(
    read=frozenset(WORDS.values()) | WRITTEN,
    write=WRITTEN,
    lengths={"ma_why": 255},
    key="ma_key",
    create=True,
    words=WORDS,
    values={"配信": {"true": "配信停止", "false": ""}},
    choices={"ma_band": frozenset({"hot", "warm", "cold"}), "配信": frozenset({"配信停止"})},
    kinds={
        "ma_score": "number",
        "ma_why": "text",
        "ma_band": "text",
        "ma_memo": "text",
        "ma_last_at": "moment",
        "接点": "lines",
        "配信": "text",
    },
)
DEAL_WORDS = {
    "name": "案件名",
    "stage": "進捗",
    "stage_since": "フェーズ変更",
    "probability": "確度",
    "amount": "金額",
    "closes_on": "予定日",
    "lost_reason": "失注理由",
    "owner": "営業",
    "company": "顧客名",
    "people": "先方",
}
OF_DEALS = ObjectNeeds(
    read=frozenset(DEAL_WORDS.values()),
    deal=DEAL_WORDS,
    states={DealState.WON: frozenset({"受注"}), DealState.LOST: frozenset({"失注"})},
    probabilities={"A": 90, "B": 50, "C": 10},
    linked_by={"people": "メール"},
)
NEEDS = Needs({"people": OF_PEOPLE, "deals": OF_DEALS}, alerts=True, timeline=True)


@dataclass
class Stage:
    """The domain from inside (`kintone`), from outside (`server`), and what an administrator would configure."""

    kintone: KintoneEmulator
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    bodies: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of the requests that arrived with one."""
    headers: list[dict[str, str]] = field(default_factory=list)
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        self.server = Server(self.handle, chaos=self.kintone.chaos)
        for name, fields in (("people", PEOPLE), ("deals", DEALS), ("alerts", ALERTS), ("touchpoints", TOUCHPOINTS)):
            self.add_app(name, fields)
        self.kintone.add_user("sato", "佐藤 営業")

    def add_app(self, name: str, fields: Mapping[str, Mapping[str, Any]], guest_space: int | None = None) -> str:
        self.ids[name] = self.kintone.create_app(name, fields, guest_space=guest_space)
        self.tokens[name] = self.kintone.add_token(self.ids[name], "view", "add", "edit")
        return self.ids[name]

    def handle(self, request: Request) -> Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if request.get_data():
            self.bodies.append((request.method, request.path, json.loads(request.get_data())))
        return self.kintone.handle(request)

    def apps(self, **changed: Mapping[str, Any]) -> dict[str, App]:
        given: dict[str, dict[str, Any]] = {
            name: {"id": int(self.ids[name]), "token": Secret(env=f"KT_{name.upper()}")} for name in self.ids
        }
        given["people"] |= {"owner": "担当者", "summary": {"table": "接点", "line": "行"}}
        for name, options in changed.items():
            given[name] |= options
        return {name: App.model_validate(options) for name, options in given.items()}

    def config(self, **options: Any) -> Config:
        given: dict[str, Any] = {
            "base_url": self.server.url,
            "retries": 0,
            "apps": self.apps(),
            "alert": AlertOptions.model_validate(
                {"app": "alerts", "fields": {"person": "人物", "deal": "案件"}, "close": CLOSE}
            ),
            "timeline": TimelineOptions.model_validate(
                {"app": "touchpoints", "fields": {"person": "人物番号", "person_id": "人物ID"}}
            ),
        }
        return Config(**(given | options))

    def adapter(self, needs: Needs = NEEDS, **options: Any) -> Kintone:
        made = Kintone(SYSTEM, self.config(**options), needs)
        made._client.http.sleep = lambda seconds: None
        return made

    def later(self, by: timedelta = STEP) -> None:
        """Time passes."""
        self.kintone.clock.advance(by)

    def add(self, app: str, **values: Any) -> Ref:
        made = self.kintone.create(self.ids[app], values)
        self.later()
        return self.ref(app, made)

    def ref(self, app: str, number: str) -> Ref:
        return Ref(SYSTEM, app, f"{self.ids[app]}-{number}")

    def get(self, ref: Ref) -> dict[str, Any]:
        return self.kintone.get(*place_of(ref))

    def requests(self, part: str = "", method: str | None = None) -> list[str]:
        """Targets that hold `part`."""
        return [e.target for e in self.server.exchanges if part in e.target and method in (None, e.method)]


@contextmanager
def stage() -> Iterator[Stage]:
    """A domain of its own, in the spring of 2026."""
    ready = Stage(KintoneEmulator(clock=Clock(SPRING)))
    with pytest.MonkeyPatch.context() as patch, ready.server:
        for name, token in ready.tokens.items():
            patch.setenv(f"KT_{name.upper()}", token)
        yield ready


def place_of(ref: Ref) -> tuple[str, str]:
    """App and record number."""
    app, _, number = ref.id.partition("-")
    return app, number


def drain(adapter: Kintone, stream: str, cursor: str | None = None) -> list[Page]:
    return list(adapter.pull(stream, cursor))


def records(pages: Sequence[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def of(kind: type[T], pages: Sequence[Page]) -> list[T]:
    return [record for record in records(pages) if isinstance(record, kind)]


def set_fields(ref: Ref, **values: Value) -> SetFields:
    return SetFields(
        key=f"set:{ref}:{sorted(values)}", system=SYSTEM, identity="p1", lane=Lane.SCORES, ref=ref, values=values
    )


def create(key: str, **values: Value) -> CreatePerson:
    return CreatePerson(
        key=f"create:{key}", system=SYSTEM, identity=key, lane=Lane.SCORES, object="people", key_field="ma_key",
        key_value=key, values=values,
    )  # fmt: skip


def alert(key: str, owner: str = "sato", person: Ref | None = None, deal: Ref | None = None) -> RaiseAlert:
    return RaiseAlert(
        key=key, system=SYSTEM, identity="p1", lane=Lane.ALERTS, rule="stalled-deal-stirs", subject="person:p1",
        owner_id=owner, title="動き", body="担当者が資料をダウンロードしました", due_on=date(2026, 4, 2),
        person=person, deal=deal,
    )  # fmt: skip


def entry(key: str, person: Ref, title: str = "[MA] セミナー参加") -> AddTouchpoint:
    return AddTouchpoint(
        key=key, system=SYSTEM, identity="p1", lane=Lane.FIELDS, person=person, owner_id=None, title=title,
        body="春の製造業セミナー", happened_at=SPRING, on=date(2026, 4, 1),
    )  # fmt: skip


def push(adapter: Kintone, *changes: AnyChange) -> list[Receipt]:
    return list(adapter.push(changes))
