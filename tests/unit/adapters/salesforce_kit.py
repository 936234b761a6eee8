"""An emulated org behind a real server, prepared as our documentation asks for, and adapters that talk to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.salesforce import Config, Salesforce
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, Lane, RaiseAlert, SetFields
from connector.model import Record, Ref, Value
from connector.ports import Needs, ObjectNeeds, Page, Receipt
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator, Settings
from connector.sandbox.server import Server
from connector.spec import Secret

SYSTEM = "sf"
SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
STEP = timedelta(minutes=1)
T = TypeVar("T")

FIELDS = frozenset({"MA_Score__c", "MA_Score_Why__c", "MA_Band__c", "MA_Last_Touch__c"})
NEEDS = Needs(
    objects={
        "Contact": ObjectNeeds(FIELDS, FIELDS, {"MA_Score_Why__c": 255}, "MA_Person_Id__c"),
        "Lead": ObjectNeeds(FIELDS, FIELDS, {"MA_Score_Why__c": 255}, "MA_Person_Id__c", create=True),
        "Opportunity": ObjectNeeds(
            read=frozenset({"Loss_Reason__c", "Product__c"}),
            deal={"lost_reason": "Loss_Reason__c", "product": "Product__c"},
        ),
    },
    alerts=True,
    timeline=True,
)


def prepare(org: SalesforceEmulator) -> None:
    """The fields that an administrator adds."""
    for name in ("Contact", "Lead"):
        org.add_field(name, name="MA_Person_Id__c", length=64, external_id=True, unique=True)
        org.add_field(name, name="MA_Score__c", type="double", precision=18)
        org.add_field(name, name="MA_Score_Why__c", length=255)
        org.add_field(name, name="MA_Band__c", length=20)
        org.add_field(name, name="MA_Last_Touch__c", type="datetime")
    org.add_field("Activity", name="MA_Key__c", length=64, external_id=True, unique=True)
    org.add_field("Task", name="Call_Result__c")
    org.add_field("Opportunity", name="Loss_Reason__c", type="picklist", picklist=("予算", "時期"))
    org.add_field("Opportunity", name="Product__c")


@dataclass
class Stage:
    """The org from inside (`org`), from outside (`server`), and what an administrator would configure."""

    org: SalesforceEmulator
    refused: set[str] = field(default_factory=set)
    """Ids of records that a validation rule of the org keeps as they are."""
    written: list[Any] = field(default_factory=list)
    """Bodies of the writes that arrived, files among them."""
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        self.server = Server(self.handle, chaos=self.org.chaos)

    def handle(self, request: Request) -> Response:
        if "/composite/sobjects" in request.path:
            self.written.append(request.get_json())
            self._refuse([row.get("id") for row in self.written[-1]["records"]])
        elif request.method == "PUT" and "/jobs/ingest" in request.path:
            self.written.append(request.get_data().decode())
            ids = [row.get("Id") for row in csv.DictReader(io.StringIO(self.written[-1], newline=""))]
            self._refuse(ids, method="PATCH", path="jobs/ingest")
        return self.org.handle(request)

    def _refuse(self, ids: Sequence[str | None], **where: Any) -> None:
        places = [place for place, id_ in enumerate(ids) if id_ in self.refused]
        if places:
            said: dict[str, Any] = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "だめ"}
            self.org.chaos.plan("row_fail", rows=places, **where, **said)

    def config(self, **options: Any) -> Config:
        given: dict[str, Any] = {
            "base_url": self.server.url,
            "client_id": Secret(env="SF_CLIENT_ID"),
            "client_secret": Secret(env="SF_CLIENT_SECRET"),
            "retries": 0,
            "call_result": "Call_Result__c",
        }
        return Config(**(given | options))

    def adapter(self, needs: Needs = NEEDS, **options: Any) -> Salesforce:
        return Salesforce(SYSTEM, self.config(**options), needs)

    def later(self, by: timedelta = STEP) -> None:
        """Time passes."""
        self.org.clock.advance(by)

    def contact(self, last_name: str = "佐藤", **fields: Any) -> str:
        made = self.org.create("Contact", {"LastName": last_name, **fields})
        self.later()
        return made

    def lead(self, last_name: str = "鈴木", **fields: Any) -> str:
        made = self.org.create("Lead", {"LastName": last_name, "Company": "第一製作所", **fields})
        self.later()
        return made

    def requests(self, part: str, method: str | None = None) -> list[str]:
        """Targets that hold `part`."""
        return [e.target for e in self.server.exchanges if part in e.target and method in (None, e.method)]


@contextmanager
def stage(settings: Settings | None = None) -> Iterator[Stage]:
    """An org of its own, in the spring of 2026."""
    org = SalesforceEmulator(clock=Clock(SPRING), settings=settings)
    prepare(org)
    ready = Stage(org)
    with pytest.MonkeyPatch.context() as patch, ready.server:
        for name in ("client_id", "client_secret", "username", "refresh_token"):
            patch.setenv(f"SF_{name.upper()}", getattr(org, name))
        yield ready


def drain(adapter: Salesforce, stream: str, cursor: str | None = None) -> list[Page]:
    return list(adapter.pull(stream, cursor))


def records(pages: Sequence[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def of(kind: type[T], pages: Sequence[Page]) -> list[T]:
    return [record for record in records(pages) if isinstance(record, kind)]


def contact_ref(id_: str) -> Ref:
    return Ref(SYSTEM, "Contact", id_)


def lead_ref(id_: str) -> Ref:
    return Ref(SYSTEM, "Lead", id_)


def set_fields(ref: Ref, **values: Value) -> SetFields:
    return SetFields(
        key=f"set:{ref}:{sorted(values)}", system=SYSTEM, identity="p1", lane=Lane.SCORES, ref=ref, values=values
    )


def create(key: str, values: Mapping[str, Value] | None = None) -> CreatePerson:
    given = values if values is not None else {"LastName": "高橋", "Company": "第二製作所"}
    return CreatePerson(
        key=f"create:{key}",
        system=SYSTEM,
        identity="p1",
        lane=Lane.FIELDS,
        object="Lead",
        key_field="MA_Person_Id__c",
        key_value=key,
        values=given,
    )


def alert(key: str, owner: str, person: Ref | None = None, deal: Ref | None = None, title: str = "動き") -> RaiseAlert:
    return RaiseAlert(
        key=key,
        system=SYSTEM,
        identity="p1",
        lane=Lane.ALERTS,
        rule="stalled-deal-stirs",
        subject="person:p1",
        owner_id=owner,
        title=title,
        body="担当者が資料をダウンロードしました",
        due_on=date(2026, 4, 2),
        person=person,
        deal=deal,
    )


def entry(key: str, person: Ref, owner: str | None = None) -> AddTouchpoint:
    return AddTouchpoint(
        key=key,
        system=SYSTEM,
        identity="p1",
        lane=Lane.FIELDS,
        person=person,
        owner_id=owner,
        title="[MA] セミナー参加",
        body="春の製造業セミナー",
        happened_at=SPRING,
        on=date(2026, 4, 1),
    )


def push(adapter: Salesforce, *changes: AnyChange) -> list[Receipt]:
    return list(adapter.push(changes))
