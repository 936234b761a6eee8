"""A record of an app, in the words of `connector.model`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import Any

from connector.adapters.kintone.client import Row
from connector.adapters.kintone.form import CHOICES, SOME_OF, Form
from connector.adapters.kintone.options import App
from connector.adapters.kintone.values import moment, noon, number, read, said, takes_lines
from connector.model import PERSON_FIELD_KIND, Company, Deal, DealState, Owner, Person, Ref, Value
from connector.ports import ObjectNeeds

COMPANY = "company"
USER = "user"
"""Objects that are no app: kintone knows companies by name and users by their code."""

_NO_VALUE = frozenset({"FILE", "REFERENCE_TABLE", "GROUP"})
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def state_field(needs: ObjectNeeds) -> str | None:
    """The field that tells whether a deal is won or lost."""
    return needs.deal.get("state") or needs.deal.get("stage")


@dataclass(frozen=True)
class Shape:
    """What is read of an app, and how a record of it becomes ours.

    Its functions raise ValueError, KeyError or TypeError for a record that cannot be read.
    """

    system: str
    word: str
    app: App
    form: Form
    needs: ObjectNeeds
    zone: tzinfo

    @cached_property
    def demanded(self) -> Sequence[str]:
        """The fields without which a record would say something else."""
        needs, app = self.needs, self.app
        if needs.deal:
            named = {*needs.read, *needs.deal.values()}
        else:
            named = {*needs.read, *needs.words.values(), *(name for name in (needs.key, app.owner) if name)}
        return sorted(named)

    def unreadable(self) -> Sequence[str]:
        """Those of them that are not there, or that hold nothing which could be a value."""
        return [code for code in self.demanded if not self._readable(code)]

    def _readable(self, code: str) -> bool:
        field, summary = self.form.find(code), self.app.summary
        if field is None or not field.enabled or field.type in _NO_VALUE:
            return False
        if field.type == "SUBTABLE":
            return summary is not None and summary.table == code and takes_lines(field, summary)
        return code not in self.form.tables or code == self.needs.deal.get("people")

    @cached_property
    def columns(self) -> Sequence[str]:
        """What to ask for: fields of tables come with their table."""
        stamps = [self.form.of_type("UPDATED_TIME"), self.form.of_type("CREATED_TIME")]
        named = [self.form.tables.get(code, code) for code in self.demanded]
        return list(dict.fromkeys(["$id", *(code for code in stamps if code), *named]))

    def ref(self, row: Row) -> Ref:
        """The record a row is about; numbers count per app, and ids must differ in the whole system."""
        return Ref(self.system, self.word, f"{self.app.id}-{int(self._cell(row, '$id'))}")

    # --- people -----------------------------------------------------------------------------------------------------

    def person(self, row: Row) -> Person:
        """A record of a person."""
        needs = self.needs
        fields = {word: self._word(row, word, code) for word, code in needs.words.items()}
        company = fields.get("company")
        owner = next(self._users(row, self.app.owner), None)
        return Person(
            self.ref(row),
            fields,
            {code: self._value(row, code) for code in needs.read},
            said(self._cell(row, needs.key)) if needs.key else None,
            str(company) if company else None,
            owner.ref.id if owner else None,
            self._stamp(row, "CREATED_TIME"),
            self._stamp(row, "UPDATED_TIME"),
        )

    def _word(self, row: Row, word: str, code: str) -> Value:
        cell, spelt = self._cell(row, code), self.needs.values.get(code, {})
        held = said(cell)
        back = {theirs: ours for ours, theirs in spelt.items()}
        if PERSON_FIELD_KIND.get(word) != "bool":
            return (back.get(held, held) if held else None) or None
        if self.form.fields[code].type in SOME_OF and "true" in spelt:
            return spelt["true"] in cell  # a box that is not ticked says no
        meant = back.get(held or "", held)
        return _TRUTH[meant.lower()] if meant else None

    # --- deals ------------------------------------------------------------------------------------------------------

    def deal(self, row: Row, people: tuple[str, ...]) -> Deal:
        """A record of a deal, with the ids of its people."""
        ref = self.ref(row)
        owner = next(self._users(row, self.needs.deal.get("owner")), None)
        stage = self._text(row, "stage")
        return Deal(
            ref,
            self._text(row, "name") or ref.id,
            self._state(row),
            stage or "",
            self._moment(row, "stage_since"),
            self._probability(row),
            self._number(row, "amount"),
            self._day(row, "closes_on"),
            self._moment(row, "closed_at"),
            self._text(row, "lost_reason"),
            self._text(row, "product"),
            owner.ref.id if owner else None,
            self._text(row, "company"),
            people,
            self._stamp(row, "UPDATED_TIME"),
        )

    def linked(self, row: Row) -> Iterator[str]:
        """What the field behind `people` holds: one value, or one of each row of its table."""
        code = self.needs.deal.get("people")
        if code is None:
            return
        table = self.form.tables.get(code)
        rows = [row] if table is None else [each["value"] for each in self._cell(row, table)]
        cells = [each[code]["value"] for each in rows]
        for cell in cells:
            yield from (str(cell).strip(),) if isinstance(cell, str) and cell.strip() else ()

    def _state(self, row: Row) -> DealState:
        code, states = state_field(self.needs), self.needs.states
        if code is None:
            return DealState.OPEN
        held = said(self._cell(row, code)) or ""
        for state, spelt in states.items():
            if held in spelt:
                return state
        if DealState.OPEN in states:
            raise ValueError(code)
        return DealState.OPEN

    def _probability(self, row: Row) -> float | None:
        held = self._text(row, "probability")
        if held is None:
            return None
        if self.needs.probabilities:
            return self.needs.probabilities[held]
        found = float(number(held.rstrip("%％ ")))
        if not 0 <= found <= 100:
            raise ValueError(found)
        return found

    def _number(self, row: Row, word: str) -> float | None:
        held = self._text(row, word)
        return None if held is None else float(number(held))

    def _day(self, row: Row, word: str) -> date | None:
        at = self._of(row, word)
        if isinstance(at, datetime):
            return at.astimezone(self.zone).date()
        return at if isinstance(at, date) or at is None else date.fromisoformat(str(at))

    def _moment(self, row: Row, word: str) -> datetime | None:
        at = self._of(row, word)
        if at is None or isinstance(at, datetime):
            return at
        return noon(at if isinstance(at, date) else date.fromisoformat(str(at)), self.zone)

    def _of(self, row: Row, word: str) -> Value:
        code = self.needs.deal.get(word)
        return None if code is None else self._value(row, code)

    def _text(self, row: Row, word: str) -> str | None:
        code = self.needs.deal.get(word)
        return None if code is None else said(self._cell(row, code))

    # --- whom it names ----------------------------------------------------------------------------------------------

    def beside(self, row: Row) -> Iterator[Owner | Company]:
        """The users who own it, and its company: kintone keeps no lists of them that everybody may read."""
        yield from self._users(row, self.needs.deal.get("owner") or self.app.owner)
        code = self.needs.deal.get("company") or self.needs.words.get("company")
        name = said(self._cell(row, code)) if code else None
        if name:
            yield Company(Ref(self.system, COMPANY, name), name)

    def _users(self, row: Row, code: str | None) -> Iterator[Owner]:
        cell = self._cell(row, code) if code else None
        for each in cell if isinstance(cell, list) else [cell] if cell else []:
            if not each["code"]:  # somebody who was deleted, maybe
                continue
            if self.form.fields[str(code)].type not in ("ORGANIZATION_SELECT", "GROUP_SELECT"):
                yield Owner(Ref(self.system, USER, str(each["code"])), str(each.get("name") or each["code"]))

    # --- cells ------------------------------------------------------------------------------------------------------

    def _cell(self, row: Row, code: str) -> Any:
        return row[code]["value"]

    def _value(self, row: Row, code: str) -> Value:
        return read(self.form.fields[code], self._cell(row, code), self.app.summary)

    def _stamp(self, row: Row, kind: str) -> datetime | None:
        code = self.form.of_type(kind)
        return moment(row[code]["value"]) if code and code in row else None


def missing_options(needs: ObjectNeeds, options: Sequence[str]) -> list[str]:
    """Spellings of states that a choice no longer has: taken as they are, lost deals would look open."""
    return sorted(spelt for state in needs.states.values() for spelt in state if spelt and spelt not in options)


def missing_truths(form: Form, needs: ObjectNeeds) -> Iterator[tuple[str, list[str]]]:
    """Fields that tell yes or no, with spellings of it that their choice no longer has.

    Taken as they are, everybody who refused mails would look as if they had not.
    """
    for word, code in needs.words.items():
        field = form.fields.get(code)
        if PERSON_FIELD_KIND.get(word) == "bool" and field is not None and field.type in CHOICES:
            spelt = needs.values.get(code, {}).values()
            if missing := sorted(each for each in spelt if each and each not in field.options):
                yield code, missing


def is_choice(form: Form, code: str) -> bool:
    """Whether a field holds nothing but its options."""
    field = form.find(code)
    return field is not None and field.type in CHOICES
