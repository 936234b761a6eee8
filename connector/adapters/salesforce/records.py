"""A row of an answer, in the words of `connector.model`.

Field names are those of the Object Reference for the Salesforce Platform.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from connector.adapters.salesforce.fields import Description, moment, noon
from connector.model import (
    Company,
    Deal,
    DealPerson,
    DealState,
    Gone,
    Kind,
    Owner,
    Person,
    Record,
    Ref,
    Touchpoint,
    Value,
)
from connector.ports import ObjectNeeds

STREAMS = ("User", "Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole", "Task", "Event")
"""Objects in the order in which what they point to has been read before."""
TASK = "Task"
MOST = 200
"""Rows in one call (Collections)."""

Row = Mapping[str, Any]

CONTACT: Mapping[str, str] = {
    "email": "Email",
    "family_name": "LastName",
    "given_name": "FirstName",
    "company": "Account.Name",
    "department": "Department",
    "title": "Title",
    "phone": "Phone",
    "mobile": "MobilePhone",
    "postal_code": "MailingPostalCode",
    "prefecture": "MailingState",
    "address": "MailingCity MailingStreet",
    "lead_source": "LeadSource",
    "opted_out": "HasOptedOutOfEmail",
    "mail_invalid": "IsEmailBounced",
}
LEAD: Mapping[str, str] = {
    "email": "Email",
    "family_name": "LastName",
    "given_name": "FirstName",
    "company": "Company",
    "title": "Title",
    "phone": "Phone",
    "mobile": "MobilePhone",
    "postal_code": "PostalCode",
    "prefecture": "State",
    "address": "City Street",
    "website": "Website",
    "lead_source": "LeadSource",
    "opted_out": "HasOptedOutOfEmail",
    "mail_invalid": "EmailBouncedDate",
}
WORDS: Mapping[str, Mapping[str, str]] = {"Contact": CONTACT, "Lead": LEAD}
"""Our words for a person, and the standard fields behind them (several: joined in this order)."""

PREFIXES: Mapping[str, str] = {"003": "Contact", "00Q": "Lead"}
"""First letters of ids of people."""

_QUEUE = "00G"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is read of an object, and how a row of it becomes a record; a word instead is why it is left out."""

    system: str
    object: str
    needs: ObjectNeeds
    described: Description
    task_key: str
    call_result: str
    corporate_number: str | None

    def record(self, row: Row) -> Record | str:
        """What a row says.

        :raises ValueError, KeyError, TypeError: when it cannot be read
        """
        return _MAKE[self.object](self, row)

    def ref(self, row: Row) -> Ref:
        """The record a row is about."""
        return Ref(self.system, self.object, str(row["Id"]))

    def value(self, row: Row, name: str) -> Value:
        """The value of a field by any spelling of its name; None where the user may not see it."""
        field = self.described.field(name)
        return None if field is None else field.read(row.get(field.name))


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _at(value: Value) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return noon(value) if isinstance(value, date) else None


def _number(value: Value) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]  # a date is no number, and says so


def _owner_id(row: Row) -> str | None:
    """A queue is nobody who could be told something."""
    owner = row.get("OwnerId")
    return None if owner is None or owner.startswith(_QUEUE) else str(owner)


def _gone(shape: Shape, row: Row) -> Gone | None:
    """A record that was deleted or merged; a lead also when it was converted."""
    ref, at = shape.ref(row), moment(row["SystemModstamp"])
    winner, contact = row.get("MasterRecordId"), row.get("ConvertedContactId")
    if row["IsDeleted"]:
        return Gone(ref, at, replace(ref, id=winner) if winner else None)
    if row.get("IsConverted"):
        return Gone(ref, at, Ref(shape.system, "Contact", contact) if contact else None)
    return None


# --- people and companies ---------------------------------------------------------------------------------------------


def _person(shape: Shape, row: Row) -> Person | Gone:
    gone = _gone(shape, row)
    if gone is not None:
        return gone
    needs = shape.needs
    return Person(
        shape.ref(row),
        dict(_words(shape, row)),
        {name: shape.value(row, name) for name in needs.read},
        None if needs.key is None else _text(shape.value(row, needs.key)),
        row.get("AccountId"),
        _owner_id(row),
        moment(row["CreatedDate"]),
        moment(row["SystemModstamp"]),
    )


def _words(shape: Shape, row: Row) -> Iterator[tuple[str, Value]]:
    for word, place in WORDS[shape.object].items():
        if place == "Account.Name":
            yield word, (row.get("Account") or {}).get("Name")
            continue
        names = [name for name in place.split() if shape.described.field(name)]
        values = [value for value in (shape.value(row, name) for name in names) if value is not None]
        if word == "mail_invalid":
            yield word, bool(values and values[0])
        elif word == "opted_out":
            if names:  # not to see a refusal of mails is not the same as to see that there is none
                yield word, bool(values and values[0])
        else:
            yield word, " ".join(map(str, values)) or None


def _company(shape: Shape, row: Row) -> Company | Gone:
    number = shape.corporate_number
    return _gone(shape, row) or Company(
        shape.ref(row),
        str(row["Name"]),
        None if number is None else _text(shape.value(row, number)),
        row.get("Website"),
        row.get("ParentId"),
        _owner_id(row),
        moment(row["SystemModstamp"]),
    )


def _user(shape: Shape, row: Row) -> Owner:
    return Owner(shape.ref(row), str(row["Name"]), row.get("Email"), bool(row["IsActive"]))


# --- deals ------------------------------------------------------------------------------------------------------------


def _deal(shape: Shape, row: Row) -> Deal | Gone:
    gone = _gone(shape, row)
    if gone is not None:
        return gone
    closes_on = date.fromisoformat(row["CloseDate"])
    own = Deal(
        shape.ref(row),
        str(row["Name"]),
        _state(row),
        str(row["StageName"]),
        _stage_since(shape, row),
        _number(row.get("Probability")),
        _number(row.get("Amount")),
        closes_on,
        _closed_at(row, closes_on),
        None,
        None,
        _owner_id(row),
        row.get("AccountId"),
        modified_at=moment(row["SystemModstamp"]),
    )
    mapped = {word: _AS[word](shape.value(row, name)) for word, name in shape.needs.deal.items()}
    return replace(own, **mapped)


_AS: Mapping[str, Callable[[Value], Any]] = {
    "lost_reason": _text,
    "product": _text,
    "stage_since": _at,
    "closed_at": _at,
    "amount": _number,
    "probability": _number,
}
DEAL_WORDS = frozenset(_AS)
"""Words of a deal that a mapping may give a field of its own; the others are standard fields."""


def _state(row: Row) -> DealState:
    """By the flags that follow the stage: names of stages are each org's own, and translated."""
    if not row["IsClosed"]:
        return DealState.OPEN
    return DealState.WON if row["IsWon"] else DealState.LOST


def _stage_since(shape: Shape, row: Row) -> datetime | None:
    """When the stage changed last; a deal that never changed it has it since it was made."""
    if shape.described.field("LastStageChangeDate") is None:
        return None
    return moment(row.get("LastStageChangeDate") or row["CreatedDate"])


def _closed_at(row: Row, closes_on: date) -> datetime | None:
    """The last change of stage closed it. Entered as closed, it was closed on its date, or when it was entered."""
    if not row["IsClosed"]:
        return None
    changed = row.get("LastStageChangeDate")
    return moment(changed) if changed else min(noon(closes_on), moment(row["CreatedDate"]))


def _deal_person(shape: Shape, row: Row) -> DealPerson:
    return DealPerson(
        shape.ref(row),
        str(row["OpportunityId"]),
        str(row["ContactId"]),
        bool(row["IsDeleted"]),
        moment(row["SystemModstamp"]),
    )


# --- what sales did ---------------------------------------------------------------------------------------------------


def _who(shape: Shape, row: Row) -> Ref | None:
    who = row.get("WhoId") or ""
    name = PREFIXES.get(who[:3])
    return None if name is None else Ref(shape.system, name, who)


def _call(shape: Shape, row: Row) -> Touchpoint | str:
    person = _who(shape, row)
    if shape.value(row, shape.task_key) is not None:
        return "ours"
    if person is None:
        return "nobody"
    # A call that was closed and is open again, or deleted, has not taken place.
    gone = bool(row["IsDeleted"]) or not row["IsClosed"]
    result = _text(shape.value(row, shape.call_result)) or ""
    return Touchpoint(
        shape.ref(row), person, Kind.CALL, _called_at(row), row.get("Subject") or "", result=result, gone=gone
    )


def _called_at(row: Row) -> datetime:
    """When it was marked as done, or its day if that is earlier: people log last week's calls today."""
    done = moment(row.get("CompletedDateTime") or row["CreatedDate"])
    day = row.get("ActivityDate")
    on = date.fromisoformat(day) if day else done.date()
    return noon(on) if on < done.date() else done


_SERIES = "3"
"""Among the types of group events: the record of a series itself, beside which each occurrence has its own."""


def _meeting(shape: Shape, row: Row) -> Touchpoint | str:
    person = _who(shape, row)
    if row.get("IsChild"):
        return "invitee"
    if row.get("IsRecurrence") or row.get("GroupEventType") == _SERIES:
        return "series"
    if shape.value(row, shape.task_key) is not None:
        return "ours"
    if person is None:
        return "nobody"
    start = row.get("StartDateTime") if not row["IsAllDayEvent"] else None
    at = moment(start) if start else noon(date.fromisoformat(row["ActivityDate"]))
    return Touchpoint(shape.ref(row), person, Kind.MEETING, at, row.get("Subject") or "", gone=bool(row["IsDeleted"]))


_MAKE: Mapping[str, Callable[[Shape, Row], Record | str]] = {
    "User": _user,
    "Account": _company,
    "Contact": _person,
    "Lead": _person,
    "Opportunity": _deal,
    "OpportunityContactRole": _deal_person,
    "Task": _call,
    "Event": _meeting,
}
