"""Rows in our words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.adapters.rest import places
from connector.adapters.rest.config import Companies, Deals, Owners, People, Touchpoints
from connector.adapters.rest.places import Row, Times, UnreadableError, id_of, said
from connector.adapters.rest.shape import Listing
from connector.errors import text
from connector.model import (
    PERSON_FIELD_KIND,
    Company,
    Deal,
    DealState,
    Kind,
    Owner,
    Person,
    Record,
    Ref,
    Touchpoint,
    Value,
)
from connector.ports import ObjectNeeds, Page, Reject

COMPANY = "company"
"""The kind of record that a company is which a deal only names."""

Convert = Callable[[Row], "Sequence[Record] | str"]
"""The records in a row, or the reason why it is left out."""


def page(name: str, listing: Listing, rows: Sequence[Row], cursor: str, convert: Convert) -> Page:
    """A page of what `rows` hold; a row that cannot be read stands among the rejects."""
    records: list[Record] = []
    rejects: list[Reject] = []
    ignored: Counter[str] = Counter()
    for row in rows:
        try:
            found = convert(row)
        except UnreadableError as error:
            rejects.append(Reject(f"{name}/{_shown_id(row, listing.id)}", error.what))
            continue
        if isinstance(found, str):
            ignored[found] += 1
        else:
            records += found
    return Page(records, cursor, rejects, ignored)


def _shown_id(row: Row, place: str) -> str:
    try:
        return id_of(row, place)
    except UnreadableError:
        return "?"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of one list when its rows are read."""

    system: str
    object: str
    needs: ObjectNeeds
    times: Times

    def ref(self, row: Row, listing: Listing) -> Ref:
        """The record that a row is about."""
        return Ref(self.system, self.object, id_of(row, listing.id))

    def modified(self, row: Row, listing: Listing) -> datetime | None:
        """When it was last changed."""
        return self.times.moment(row, listing.modified.field) if listing.modified else None

    def ours(self, row: Row, place: str) -> Value:
        """A field in our own spelling, where a mapping says how the two differ."""
        found, spelt = said(row, place), self.needs.values.get(place, {})
        return next((ours for ours, theirs in spelt.items() if theirs == found), found)


# --- people -----------------------------------------------------------------------------------------------------------


def person(shape: Shape, listing: People, row: Row) -> Sequence[Record]:
    """A person.

    :raises UnreadableError: something in the row is not what it has to be
    """
    needs = shape.needs
    return [
        Person(
            ref=shape.ref(row, listing),
            fields={word: _word(shape, row, word, place) for word, place in needs.words.items()},
            native={place: native(shape, listing, row, place) for place in needs.read},
            key=said(row, needs.key) if needs.key else None,
            company_id=said(row, listing.company),
            owner_id=said(row, listing.owner),
            created_at=shape.times.moment(row, listing.created),
            modified_at=shape.modified(row, listing),
        )
    ]


def _word(shape: Shape, row: Row, word: str, place: str) -> Value:
    found = shape.ours(row, place)
    return places.truth(found, place) if PERSON_FIELD_KIND.get(word) == "bool" else found


def native(shape: Shape, listing: People, row: Row, place: str) -> Value:
    """A field by its own name: a time or a day where the configuration says so, else as the system holds it.

    :raises UnreadableError: a block of fields stands there, or no such time
    """
    if place in listing.moments:
        return shape.times.moment(row, place)
    return shape.times.day(row, place) if place in listing.days else places.value(row, place)


# --- companies and owners ---------------------------------------------------------------------------------------------


def company(shape: Shape, listing: Companies, row: Row) -> Sequence[Record]:
    """A company.

    :raises UnreadableError: as for people
    """
    return [
        Company(
            ref=shape.ref(row, listing),
            name=said(row, listing.name) or "",
            corporate_number=said(row, listing.corporate_number),
            website=said(row, listing.website),
            parent_id=said(row, listing.parent),
            owner_id=said(row, listing.owner),
            modified_at=shape.modified(row, listing),
        )
    ]


def owner(shape: Shape, listing: Owners, row: Row) -> Sequence[Record]:
    """A user who owns records.

    :raises UnreadableError: as for people
    """
    return [
        Owner(
            ref=shape.ref(row, listing),
            name=said(row, listing.name) or "",
            email=said(row, listing.email),
            active=places.truth(said(row, listing.active), listing.active) is not False,
        )
    ]


# --- deals ------------------------------------------------------------------------------------------------------------


def deal(shape: Shape, listing: Deals, row: Row, *, companies: bool) -> Sequence[Record]:
    """A deal. `companies`: whether the system has records of them; if not, a deal tells only the name of its own.

    :raises UnreadableError: as for people
    """
    words, times = shape.needs.deal, shape.times
    told = {word: said(row, place) for word, place in words.items() if word != "people"}
    named = None if companies else told.get("company")
    found = Deal(
        ref=shape.ref(row, listing),
        name=told.get("name") or "",
        state=_state(shape, told, words),
        stage=told.get("stage") or "",
        stage_since=times.moment(row, words.get("stage_since")),
        probability=_probability(shape, row),
        amount=places.number(row, words.get("amount")),
        closes_on=times.day(row, words.get("closes_on")),
        closed_at=times.moment(row, words.get("closed_at")),
        lost_reason=told.get("lost_reason"),
        product=told.get("product"),
        owner_id=told.get("owner"),
        company_id=told.get("company"),
        people=_people(row, words.get("people", "")),
        modified_at=shape.modified(row, listing),
    )
    return [Company(Ref(shape.system, COMPANY, named), named), found] if named else [found]


def _state(shape: Shape, told: Mapping[str, str | None], words: Mapping[str, str]) -> DealState:
    word = "state" if "state" in words else "stage"
    found, states = told.get(word), shape.needs.states
    for state, spelt in states.items():
        if found in spelt:
            return state
    if not states and found in set(DealState):
        return DealState(found)
    if DealState.OPEN in states:
        place = words.get(word, word)
        what = text(
            "{place} is no state that deals.yaml knows", "{place} の状態が deals.yaml にありません", place=place
        )
        raise UnreadableError(what)
    return DealState.OPEN


def _probability(shape: Shape, row: Row) -> float | None:
    place = shape.needs.deal.get("probability")
    if place is None:
        return None
    if shape.needs.probabilities:
        return shape.needs.probabilities.get(said(row, place) or "")
    found = places.number(row, place)
    if found is not None and not 0 <= found <= 100:
        raise UnreadableError(text("{place} is no percentage", "{place} が百分率ではありません", place=place))
    return found


def _people(row: Row, place: str) -> tuple[str, ...]:
    """The ids of those who take part: one, a list of them, or what stands in each block of a list."""
    found = places.at(row, place) if place else None
    several = found if isinstance(found, list) else [found]
    if any(isinstance(each, dict | list) for each in several):
        what = text("{place} holds blocks, not ids", "{place} が ID ではありません", place=place)
        raise UnreadableError(what)
    return tuple(dict.fromkeys(str(each) for each in several if each not in (None, "")))


# --- touchpoints ------------------------------------------------------------------------------------------------------


def touchpoint(shape: Shape, listing: Touchpoints, person_object: str, row: Row) -> Sequence[Record] | str:
    """Something a person did; a row of nobody, or of a kind that is not told, is left out.

    :raises UnreadableError: as for people
    """
    who, word = said(row, listing.person), said(row, listing.kind) or ""
    if who is None:
        return "anonymous"
    kind = listing.kinds.get(word) if listing.kinds else Kind(word) if word in set(Kind) else None
    if kind is None:
        return "kind_not_mapped"
    happened = shape.times.moment(row, listing.happened)
    if happened is None:
        place = listing.happened
        raise UnreadableError(text("{place} is missing", "{place} がありません", place=place))
    return [
        Touchpoint(
            ref=shape.ref(row, listing),
            person=Ref(shape.system, person_object, who),
            kind=kind,
            happened_at=happened,
            label=said(row, listing.label) or "",
            url=said(row, listing.url) or "",
            campaign=said(row, listing.campaign) or "",
            result=said(row, listing.result) or "",
        )
    ]
