"""Salesforce: leads, contacts, accounts, opportunities and activities, by the REST API.

What is known of the API and from where stands beside what relies on it; `docs/adapters/salesforce.md` tells an
administrator what to set up.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from connector.adapters.salesforce.fields import FieldName
from connector.adapters.salesforce.records import CONTACT, DEAL_WORDS, LEAD, MOST, STREAMS, TASK
from connector.changes import AddTouchpoint, AnyChange, CloseAlert, CreatePerson, RaiseAlert, SetFields
from connector.errors import text
from connector.http import BaseUrl, HttpOptions
from connector.model import Kind, Role
from connector.ports import Adapter, Finding, Needs, ObjectShown, Page, Quota, Receipt
from connector.spec import Duration, Secret, Spec, SpecError

_SUFFIX = ".salesforce.com"


def _domain(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value) is None or value.endswith(_SUFFIX):
        raise SpecError(
            text("{value!r} is not a domain", "{value!r} はドメインではありません", value=value),
            text(
                "write what stands before .salesforce.com, as example.my",
                "example.my のように .salesforce.com の前の部分を指定してください",
            ),
        )
    return value


def _version(value: str) -> str:
    if re.fullmatch(r"[1-9]\d\.0", value) is None:
        raise SpecError(
            text("{value!r} is not an API version", "{value!r} は API バージョンではありません", value=value),
            text('write it in quotes, as "62.0"', '"62.0" のように引用符で囲んで指定してください'),
        )
    return value


class AlertOptions(Spec):
    """How an alert looks as a task."""

    status: str = "Not Started"
    """Status of a new task, by its API name."""
    priority: str = "High"
    """Priority, by its API name."""
    closed: str = "Completed"
    """Status of a task that is taken back (`connector undo`), by its API name: one that counts as closed."""
    reminder: bool = True
    """Whether its owner is reminded, at 00:00 UTC of the due day (09:00 in Japan)."""


class TimelineOptions(Spec):
    """How a touchpoint looks as a task."""

    status: str = "Completed"
    """Status of such a task, by its API name: one that counts as closed."""


class Config(HttpOptions):
    """A Salesforce org, entered by a connected app."""

    type: Literal["salesforce"] = "salesforce"
    """The word that chooses this adapter."""
    domain: Annotated[str, AfterValidator(_domain)] | None = None
    """The org's My Domain, as `example.my` for example.my.salesforce.com."""
    base_url: BaseUrl | None = None
    """Instead of `domain`: the whole address, for an emulated org or one behind a gateway."""
    client_id: Secret
    """Consumer key of the connected app."""
    client_secret: Secret | None = None
    """Consumer secret of the connected app."""
    username: Secret | None = None
    """User of the JWT and password flows. Without it the app's own user is signed in (client credentials)."""
    private_key: Secret | None = None
    """RSA key in PEM, for the JWT flow."""
    password: Secret | None = None
    """Password followed by the security token, for the password flow, which Salesforce is phasing out."""
    refresh_token: Secret | None = None
    """Refresh token, for the flow of that name."""
    api_version: Annotated[str, AfterValidator(_version)] = "62.0"
    """Version of the API, so that a new release of Salesforce changes nothing here."""
    leads: bool = True
    """Whether leads are people, too; false: contacts alone."""
    overlap: Duration = timedelta(minutes=10)
    """How late a record may become visible after its time stamp: the longest transaction of the org."""
    history: Duration = timedelta(days=730)
    """How far back calls and meetings are read at first."""
    task_key: FieldName = "MA_Key__c"
    """Field of activities that holds the key of our tasks: text of 32 or more, External ID, Unique."""
    call_result: FieldName = "CallDisposition"
    """Field of tasks that holds the result of a call."""
    corporate_number: FieldName | None = None
    """Field of accounts that holds the corporate number (法人番号)."""
    alert: AlertOptions = AlertOptions()
    """How an alert looks as a task."""
    timeline: TimelineOptions = TimelineOptions()
    """How a touchpoint looks as a task."""
    duplicates: Literal["park", "save_anyway"] = "park"
    """A new person whom a duplicate rule of the org finds similar to another: park the change, or save where the rule
    allows it."""
    assignment_rules: bool = False
    """Whether the org's assignment rules choose the owner of a new lead."""
    collections_per_call: Annotated[int, Field(ge=1, le=5)] = 5
    """How many times 200 rows share one call. Fewer: more calls, each of them shorter (an org with slow automation)."""
    bulk_above: Annotated[int, Field(ge=0)] = 2000
    """With more changes of one kind and object than this, they go by Bulk API 2.0. Alerts never do."""
    bulk_wait: Duration = timedelta(minutes=5)
    """How long a run waits for its bulk jobs; a later run collects what takes longer. Less than `run.every`."""

    @property
    def address(self) -> str:
        """Where to sign in."""
        return self.base_url or f"https://{self.domain}{_SUFFIX}"

    @property
    def audience(self) -> str:
        """For whom a JWT assertion is meant."""
        if self.base_url is not None:
            return self.base_url
        sandbox = self.domain == "test" or ".sandbox." in f"{self.domain}."
        return f"https://{'test' if sandbox else 'login'}{_SUFFIX}"

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.domain is None) == (self.base_url is None):
            raise SpecError(
                text("where is the org?", "組織のアドレスが分かりません"),
                text("give either domain or base_url", "domain か base_url のどちらか一方を指定してください"),
            )
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        given = [n for n in ("private_key", "password", "refresh_token") if getattr(self, n) is not None]
        if len(given) > 1 or (self.username is not None) != (given in (["private_key"], ["password"])):
            raise SpecError(
                text("no clear way to sign in", "サインインの方法が決まりません"),
                text(
                    "give client_secret alone; or refresh_token; or username with private_key or password",
                    "client_secret のみ、refresh_token、または username と private_key か password を指定してください",
                ),
            )
        if self.client_secret is None and given not in (["private_key"], ["refresh_token"]):
            raise SpecError(
                text("client_secret is missing", "client_secret がありません"),
                text(
                    "give it as {{env: NAME}} or {{file: PATH}}", "{{env: 名前}} か {{file: パス}} で指定してください"
                ),
            )
        if not given and self.domain in ("login", "test"):
            raise SpecError(
                text(
                    "client credentials need the org's own domain",
                    "クライアントログイン情報フローには私のドメインが必要です",
                ),
                text("write its My Domain, as example.my", "example.my のような「私のドメイン」を指定してください"),
            )
        return self


class Salesforce(Adapter):
    """One org."""

    type = "salesforce"
    Config = Config
    role = Role.SFA
    writes = frozenset({SetFields, CreatePerson, RaiseAlert, CloseAlert, AddTouchpoint})
    deal_words = DEAL_WORDS
    person_words = frozenset({*CONTACT, *LEAD})
    batch = 5 * MOST
    connections = 3

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        # The client library is loaded when a system is made: lint needs only the options, and starts at once.
        from connector.adapters.salesforce.bulk import Bulk  # noqa: PLC0415
        from connector.adapters.salesforce.check import Checker  # noqa: PLC0415
        from connector.adapters.salesforce.org import Org  # noqa: PLC0415
        from connector.adapters.salesforce.read import Reader  # noqa: PLC0415
        from connector.adapters.salesforce.rows import Rows  # noqa: PLC0415
        from connector.adapters.salesforce.write import Writer  # noqa: PLC0415

        self._streams = tuple(each for each in STREAMS if config.leads or each != "Lead")
        self._org = Org(name, config)
        self.http = self._org.http
        self._reader = Reader(self._org, config, needs)
        rows = Rows(self._org, config)
        self._writer = Writer(self._org, config, rows)
        self.jobs = bulk = Bulk(self._org, config, rows)
        self._rows_of_a_call = MOST * config.collections_per_call
        self._bulk_above, self._rows_of_a_job = config.bulk_above, bulk.most
        self._checker = Checker(self._org, config, needs, self._streams)

    @classmethod
    def looks_back(cls, config: Spec) -> Mapping[Kind, timedelta]:
        """Calls and meetings, as configured."""
        return dict.fromkeys((Kind.CALL, Kind.MEETING), config.history) if isinstance(config, Config) else {}

    @property
    def streams(self) -> Sequence[str]:
        """One per object: users and companies first, then people, deals, and what sales did."""
        return self._streams

    def check(self) -> Sequence[Finding]:
        """Compare objects, fields, permissions and picklists with the needs."""
        return list(self._checker.findings())

    def inspect(self) -> Sequence[ObjectShown]:
        """People, deals and tasks with all their fields, by API name."""
        return list(self._checker.objects())

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """What changed of one object."""
        return self._reader.pull(stream, cursor)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Up to 1,000 changes of a group in one call, as long as no two are about the same record."""
        return self._writer.push(changes)

    def group(self, change: AnyChange) -> Hashable:
        """Changes of one kind to one object share a call."""
        if isinstance(change, SetFields):
            return type(change).__name__, change.ref.object
        return type(change).__name__, change.object if isinstance(change, CreatePerson) else TASK

    def calls_for(self, changes: int) -> int:
        """By Collections, or by jobs: each is created, filled, closed, asked about, and its results fetched."""
        by_job = changes > self._bulk_above
        return 5 * -(-changes // self._rows_of_a_job) if by_job else -(-changes // self._rows_of_a_call)

    def server_time(self) -> datetime | None:
        """Salesforce's clock."""
        return self._org.http.server_time

    def quota(self) -> Quota | None:
        """Calls of the last 24 hours."""
        return self._org.quota()

    def close(self) -> None:
        """Close the connections."""
        self._org.http.close()
