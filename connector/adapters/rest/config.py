"""The YAML block of a system with a REST API of its own: where its lists are, what stands where, how it is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from connector.adapters.rest.shape import Auth, Listing, Made, Modified, Paging, Update, auth
from connector.errors import text
from connector.http import BaseUrl, HttpOptions
from connector.model import Kind, Role
from connector.spec import Duration, Many, SpecError, Word

L = TypeVar("L", bound=Listing)


_SAMPLE = datetime(2026, 4, 30, 13, 45, 59, tzinfo=UTC)


def _read_back(pattern: str) -> datetime | None:
    """The sample as a system would tell it that writes so; None where the pattern is none."""
    try:
        return datetime.strptime(_SAMPLE.strftime(pattern), pattern).replace(tzinfo=UTC)
    except (ValueError, re.error):  # the latter where a part is named twice
        return None


def _time_format(value: Any) -> Any:
    if not isinstance(value, str) or value in ("iso", "epoch", "epoch_ms"):
        return value
    read = None if "%Z" in value else _read_back(value)  # names of zones are not read everywhere
    if read is None or read.date() != _SAMPLE.date() or read.hour not in (0, _SAMPLE.hour):
        raise SpecError(
            text("{value!r} is no spelling of times", "{value!r} は日時の書式として読めません", value=value),
            text(
                'write iso, epoch, epoch_ms, or a pattern as "%Y/%m/%d %H:%M:%S"',
                'iso、epoch、epoch_ms、または "%Y/%m/%d %H:%M:%S" のように書いてください',
            ),
        )
    return value


def _day_format(value: Any) -> Any:
    read = _read_back(value) if isinstance(value, str) else _SAMPLE
    if read is None or read.date() != _SAMPLE.date():
        raise SpecError(
            text("{value!r} is no spelling of days", "{value!r} は日付の書式として読めません", value=value),
            text('write a pattern as "%Y/%m/%d"', '"%Y/%m/%d" のように書いてください'),
        )
    return value


class People(Listing, Made):
    """One kind of record of people. Which field holds which word is said in the mappings."""

    created: str = ""
    """When the record was made."""
    owner: str = ""
    """Id of the user who owns it."""
    company: str = ""
    """Id of its company, a record under `companies`."""
    moments: Many[str] = ()
    """Fields named in the mappings that hold a time."""
    days: Many[str] = ()
    """Fields named in the mappings that hold a day."""
    update: Update | None = None
    """How fields are changed; without it nothing is."""

    @model_validator(mode="after")
    def _found_is_updated(self) -> Self:
        if self.create is not None and self.search is not None and self.update is None:
            raise SpecError(
                text("one that is found could not be updated", "見つかったレコードを更新できません"),
                text("add update", "update を追加してください"),
            )
        return self


class Deals(Listing):
    """One kind of record of deals. Which field holds which word is said in `deals.yaml`."""


class Companies(Listing):
    """One kind of record of companies."""

    name: str
    """Its name."""
    corporate_number: str = ""
    """法人番号."""
    website: str = ""
    """Its site."""
    parent: str = ""
    """Id of the company it belongs to."""
    owner: str = ""
    """Id of the user who owns it."""


class Owners(Listing):
    """Users of the system who own people and deals, and receive alerts."""

    name: str
    """Their name."""
    email: str = ""
    """Their mail address."""
    active: str = ""
    """Whether they are at work here still: a truth value; without it all are."""


class Touchpoints(Listing):
    """One kind of record of what people did. A row of a kind that is not told is left out and counted."""

    person: str
    """Id of the person."""
    object: str = ""
    """The kind of record of that person, where there are several under `people`."""
    happened: str
    """When it happened."""
    kind: str
    """Where its kind stands; with `kinds` empty, our word for it itself."""
    kinds: Mapping[str, Word[Kind]] = Field(default_factory=dict)
    """What the system calls them, and our words."""
    label: str = ""
    """The short text that a rep reads."""
    url: str = ""
    """The page."""
    campaign: str = ""
    """The campaign."""
    result: str = ""
    """What came of a call or meeting."""


class Notice(Made):
    """Where alerts (or entries on a timeline) are put."""

    key: str = Field(min_length=1)
    """Field that holds our key."""
    title: str = Field(min_length=1)
    """Field of the title."""
    body: str = ""
    """Field of the text."""
    owner: str = ""
    """Field of the id of whom it is for."""
    person: str = ""
    """Field of the person's id."""
    day: str = ""
    """Field of the day it is due on (alerts) or happened on (timeline)."""
    values: Mapping[str, str | int | bool] = Field(default_factory=dict)
    """Further fields with the values they always get, such as a type."""

    @model_validator(mode="after")
    def _each_in_its_place(self) -> Self:
        told = [self.key, self.title, self.body, self.owner, self.person, self.day, self.further(), *self.values]
        dotted = next((name for name in told if "." in name), None)
        if dotted is not None:
            raise SpecError(
                text("{name} stands in a block, and cannot be written", "{name} には書き込めません", name=dotted),
                text("name a field of the record itself", "レコード直下の項目を指定してください"),
            )
        twice = next((name for name, times in Counter(filter(None, told)).items() if times > 1), None)
        if twice is not None:
            what = text("{name} is to hold two things", "{name} に2つの値を入れることはできません", name=twice)
            raise SpecError(what, text("give each a field of its own", "それぞれに別の項目を指定してください"))
        return self

    def further(self) -> str:
        """A field that only some kinds of notice have."""
        return ""


class Alerts(Notice):
    """Where alerts are put."""

    deal: str = ""
    """Field of the deal's id."""

    def further(self) -> str:
        """The field of the deal's id."""
        return self.deal


class Config(HttpOptions):
    """A system of one's own that speaks JSON over HTTP."""

    type: Literal["rest"] = "rest"
    """The word that chooses this adapter."""
    role: Word[Role]
    """Which side of the loop it stands on: ma or sfa."""
    base_url: BaseUrl
    """What every path begins with, as `https://crm.example.co.jp/api/v1`."""
    auth: Annotated[Auth | None, BeforeValidator(auth, json_schema_input_type=Auth | Literal["none"])]
    """Who we are, sent with every request; `none` where nobody is asked."""
    times: Annotated[str, BeforeValidator(_time_format)] = "iso"
    """How times are written: `iso`, `epoch` (seconds), `epoch_ms`, or a pattern as `"%Y/%m/%d %H:%M:%S"`. One without a
    time zone is of the configured one, one that ends with the letter Z is UTC."""
    dates: Annotated[str, BeforeValidator(_day_format)] = "%Y-%m-%d"
    """How days are written."""
    number_ids: bool = False
    """Whether ids within a body are sent as numbers (`42`) instead of text (`"42"`)."""
    unique_ids: bool = False
    """Whether no two records of the system bear the same id, whatever list they are in. Several lists of people, of
    deals or of companies need that: where each counts from 1, configure a system for each."""
    overlap: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=365))] = timedelta(minutes=10)
    """How late a record may become visible after its time of change, clocks that differ included."""
    rows: str = ""
    """`rows` of every list that does not say its own."""
    paging: Paging = Paging()
    """`paging` of every list that does not say its own."""
    modified: Modified | None = None
    """`modified` of every list that does not say its own; `null` there means none."""
    people: Mapping[str, People]
    """Kinds of record of people, by the name that mappings call them (`object`)."""
    deals: Mapping[str, Deals] = Field(default_factory=dict)
    """Kinds of record of deals, by name."""
    companies: Mapping[str, Companies] = Field(default_factory=dict)
    """Kinds of record of companies, by name."""
    owners: Mapping[str, Owners] = Field(default_factory=dict)
    """Users who own records, by a name of your choice."""
    touchpoints: Mapping[str, Touchpoints] = Field(default_factory=dict)
    """What people did, by a name of your choice."""
    alerts: Alerts | None = None
    """Where alerts are put; without it there are none."""
    timeline: Notice | None = None
    """Where entries of a timeline are put; without it there are none."""

    @model_validator(mode="after")
    def _each_has_a_name(self) -> Self:
        if not self.people:
            raise SpecError(
                text("there are no people", "people が空です"),
                text("add one kind at least", "1種類以上を追加してください"),
            )
        kinds = (self.people, self.deals, self.companies, self.owners, self.touchpoints)
        names = Counter(name for kind in kinds for name in kind)
        odd = next((name for name in names if re.search(r"[:/]", name)), None)
        if odd is not None:
            what = text(
                "{name!r} is no name for a kind of record", "{name!r} はレコード種類の名前にできません", name=odd
            )
            raise SpecError(what, text("write it without : and /", ": と / を使わないでください"))
        twice = next((name for name, times in names.items() if times > 1), None)
        if twice is not None:
            what = text("two kinds of record are named {name!r}", "{name!r} という種類が2つあります", name=twice)
            raise SpecError(what, text("give each a name of its own", "それぞれに別の名前を付けてください"))
        many = next((kind for kind in (self.people, self.deals, self.companies) if len(kind) > 1), None)
        if many is not None and not self.unique_ids:
            raise SpecError(
                text("ids of {names} may meet", "{names} の ID が重なるおそれがあります", names=", ".join(many)),
                text(
                    "unique_ids: true if no two records bear the same id; else a system for each",
                    "どのレコードも ID が異なるなら unique_ids: true、そうでなければ連携先を分けてください",
                ),
            )
        for name, touches in self.touchpoints.items():
            if touches.object not in self.people and (touches.object or len(self.people) > 1):
                what = text("{name}: whose they are is not said", "{name}: 誰の接点か決められません", name=name)
                fix = text("object: one of {names}", "object: {names} のいずれか", names=", ".join(self.people))
                raise SpecError(what, fix)
        return self

    def settled(self, listing: L) -> L:
        """A list with what it does not say itself."""
        shared = {name: getattr(self, name) for name in ("rows", "paging", "modified")}
        return listing.model_copy(update={k: v for k, v in shared.items() if k not in listing.model_fields_set})
