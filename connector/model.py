"""The words of the business: facts as every system tells them, in one vocabulary. Frozen, no behaviour but derivation.

Times are aware UTC `datetime`s here and at the seam (`ports.py`); the store keeps them as integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Value = str | int | float | bool | date | datetime | None
"""What a field of a record may hold. Lists of choices are joined by `;` in the order of the system."""

EMPTY: Mapping[str, Value] = MappingProxyType({})


class Role(StrEnum):
    """Which side of the loop a system stands on."""

    MA = "ma"
    SFA = "sfa"


class Kind(StrEnum):
    """What a touchpoint was. Calls and meetings come from the SFA and carry a `result`."""

    PAGE_VIEW = "page_view"
    MAIL_OPEN = "mail_open"
    MAIL_CLICK = "mail_click"
    MAIL_BOUNCED = "mail_bounced"
    FORM_SUBMITTED = "form_submitted"
    DOWNLOAD = "download"
    SURVEY_ANSWERED = "survey_answered"
    SEMINAR_REGISTERED = "seminar_registered"
    SEMINAR_ATTENDED = "seminar_attended"
    SEMINAR_ABSENT = "seminar_absent"
    BOOTH_VISIT = "booth_visit"
    BUSINESS_CARD = "business_card"
    INQUIRY = "inquiry"
    CALL = "call"
    MEETING = "meeting"


PERSON_FIELDS = (
    "email",
    "name",
    "family_name",
    "given_name",
    "family_kana",
    "given_kana",
    "company",
    "corporate_number",
    "department",
    "title",
    "phone",
    "mobile",
    "postal_code",
    "prefecture",
    "address",
    "website",
    "lead_source",
    "opted_out",
    "mail_invalid",
)
"""Our words for a person's fields. An adapter fills those it can from its standard fields."""

PERSON_FIELD_KIND: Mapping[str, Literal["bool"]] = MappingProxyType({"opted_out": "bool", "mail_invalid": "bool"})
"""The fields among `PERSON_FIELDS` that are not text."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A record in a system: `salesforce/Contact/003...`.

    `id` is no other person's (deal's, company's, owner's) in that system, whatever its object: deals name their people
    and companies by it. Where a system numbers each kind of record from 1, the adapter puts the kind before the number.
    """

    system: str
    object: str
    id: str

    def __str__(self) -> str:
        return f"{self.system}/{self.object}/{self.id}"


@dataclass(frozen=True, slots=True)
class Person:
    """One record of a person in one system.

    `fields` are in our words (`PERSON_FIELDS`); `native` are the system's own fields that a mapping named, by their
    own names and with their values as the system holds them; `key` is the value found in the external id that we own.
    """

    ref: Ref
    fields: Mapping[str, Value]
    native: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    key: str | None = None
    company_id: str | None = None
    owner_id: str | None = None
    created_at: datetime | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A record that is no more: deleted, or living on as `successor` (merged into, or converted to it)."""

    ref: Ref
    at: datetime
    successor: Ref | None = None


@dataclass(frozen=True, slots=True)
class Company:
    """One record of a company (account, 顧客) in one system."""

    ref: Ref
    name: str
    corporate_number: str | None = None
    website: str | None = None
    parent_id: str | None = None
    owner_id: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """A user of an SFA who owns people and deals and receives alerts."""

    ref: Ref
    name: str
    email: str | None = None
    active: bool = True


class DealState(StrEnum):
    """Where a deal stands, whatever the system calls its stages."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal (商談・案件). `people` are ids of person records in the same system; `probability` is 0-100."""

    ref: Ref
    name: str
    state: DealState
    stage: str = ""
    stage_since: datetime | None = None
    probability: float | None = None
    amount: float | None = None
    closes_on: date | None = None
    closed_at: datetime | None = None
    lost_reason: str | None = None
    product: str | None = None
    owner_id: str | None = None
    company_id: str | None = None
    people: tuple[str, ...] = ()
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DealPerson:
    """A person's part in a deal, for systems that keep it as a record of its own; `gone` when it was taken away."""

    ref: Ref
    deal_id: str
    person_id: str
    gone: bool = False
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """Something a person did that marketing (or sales) saw. `ref.object` is the stream it came from.

    `person` is the person record it belongs to, in the same system unless the system says otherwise. `label` is the
    short text a rep reads (a page or seminar title); `url`, `campaign` and `result` are what score rules filter on.
    """

    ref: Ref
    person: Ref
    kind: Kind
    happened_at: datetime
    label: str = ""
    url: str = ""
    campaign: str = ""
    result: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """The complete membership of one list, as ids of person records in the same system."""

    system: str
    list: str
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The ids of all people or deals of one object that a system has now, from one that does not tell of deletions.

    A record that is missing from two inventories in a row is gone; one that counted as gone and is named again is back.
    """

    system: str
    object: str
    ids: frozenset[str]


Record = Person | Gone | Company | Owner | Deal | DealPerson | Touchpoint | Membership | Inventory
"""Everything a page may hold."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of a score: what a rule gave, and the touchpoint behind it (the last one, where several count)."""

    rule: str
    points: float
    count: int
    last_at: datetime
    label: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A score with its lines; `points` is their sum. `next_change_at`: the first moment it would differ by itself."""

    name: str
    points: float
    band: str
    hits: tuple[Hit, ...] = ()
    next_change_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """The records judged to be one human being, under an id that stays over runs."""

    id: str
    persons: tuple[Person, ...]
    company: str | None = None
    """Our id of the person's company, when it is known."""


@dataclass(frozen=True, slots=True)
class Written:
    """What we last wrote into one field of a record: the value, when, and how often in a row within a day.

    `undone`: the value before that, where an administrator took it back; it is not written again.
    """

    value: Value
    at: datetime
    times: int = 1
    undone: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """All that is known of one identity at the time of planning, touchpoints apart (those stand in columns).

    `deals` are the deals this person takes part in; `company_deals` all deals at the person's company (own ones
    included). `lists` maps (system, list) to the person records that are on it; `ours` holds those that we put
    there. `alerts` maps (rule, subject of repetition) to the last time an alert was raised; `bands` is each
    score's band as alerts last knew it; `written` holds what we wrote into each field of each record; `timeline`
    the touchpoints that may belong on an SFA timeline; `may_be` the other people who may be this one, as `review` asks,
    with their records.
    """

    identity: Identity
    deals: tuple[Deal, ...] = ()
    company_deals: tuple[Deal, ...] = ()
    lists: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    ours: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    alerts: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    bands: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[Ref, Mapping[str, Written]] = field(default_factory=dict)
    timeline: tuple[Touchpoint, ...] = ()
    may_be: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
