"""From rows of exports to records of the model. Which column is which word is what the mappings say.

Item names are those of the customer's own e-Sales Manager (they can be renamed on the screen), so none is built in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from connector.adapters.csvfile import cells as spelling
from connector.adapters.csvfile import letters
from connector.adapters.csvfile.config import Ours
from connector.adapters.csvfile.reading import Cells
from connector.adapters.csvfile.telling import derived_id
from connector.adapters.esales_csv.config import (
    ACTIVITY,
    COMPANY,
    DEAL,
    ELSE,
    IGNORE,
    PERSON,
    Activities,
    Companies,
    Config,
    Deals,
    People,
)
from connector.adapters.esales_csv.state import Known, State
from connector.errors import text
from connector.model import (
    PERSON_FIELD_KIND,
    Company,
    Deal,
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
from connector.ports import Needs, ObjectNeeds

OWNER = "社員"
Asked = People | Companies | Deals | Activities

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_BETWEEN_SEVERAL = re.compile(r"[;；,、\s]+")
"""What may stand between the codes of several records in one cell; the exports' own way is not documented."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of an export hold which word."""

    columns: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, Ours]] = field(default_factory=dict)
    defaults: Mapping[str, Ours] = field(default_factory=dict)


def needs_of(needs: Needs, object_: str) -> ObjectNeeds:
    """What mappings that name the object ask of it."""
    return needs.objects.get(object_, ObjectNeeds())


def layout_of(export: Asked, needs: Needs) -> Layout:
    """The columns of an export by our words: those the system's options name, and those the mappings name."""
    columns: dict[str, tuple[str, ...]] = {"id": (export.key,)}
    match export:
        case People():
            named = {"company_id": export.company, "owner": export.owner, "created": export.created}
            named |= needs_of(needs, PERSON).words
        case Companies():
            named = {"name": export.name, "corporate_number": export.corporate_number, "website": export.website}
            named |= {"parent_id": export.parent, "owner": export.owner}
        case Deals():
            named = dict(needs_of(needs, DEAL).deal)
        case Activities():
            columns["happened"] = export.happened
            named = {"person": export.person, "kind": export.kind, "label": export.label, "result": export.result}
        case _:
            assert_never(export)
    named["modified"] = export.modified
    return Layout(columns | {word: (header,) for word, header in named.items() if header is not None})


def wanted(export: Asked, needs: Needs) -> list[str]:
    """The columns without which an export cannot be used: all that the options and the mappings name.

    A column that is missing would read as blank, and what stands there be written again in every run.
    """
    named = {header for headers in layout_of(export, needs).columns.values() for header in headers}
    if isinstance(export, People):
        asked = needs_of(needs, PERSON)
        named |= asked.read | ({asked.key} if asked.key else set())
    link = alias_of(export, needs)
    return sorted(named | ({link} if link else set()))


def alias_of(export: Asked, needs: Needs) -> str | None:
    """The column by which deals refer to these records, where that is neither the code nor a company's name."""
    word = {People: "people", Companies: "company"}.get(type(export), "")
    link = needs_of(needs, DEAL).linked_by.get(word)
    return link if link not in (export.key, None) else None


class Teller:
    """Tells the rows of one file; `at` is when it was written."""

    def __init__(self, system: str, config: Config, needs: Needs, state: State, at: datetime) -> None:
        self._at = at
        self._system = system
        self._config = config
        self._needs = needs
        self._state = state
        self._people = needs_of(needs, PERSON)
        self._deals = needs_of(needs, DEAL)
        self._owners: set[str] = set()

    def tell(self, export: Asked, row: Cells) -> list[Record] | None:
        """The records that a row holds, none when `row.bad` says why; None for a row that is to be left out."""
        row.need("id")
        match export:
            case People():
                return self._person(export, row)
            case Companies():
                return self._company(export, row)
            case Deals():
                return self._deal(row)
            case Activities():
                return self._activity(export, row)

    def person(self, known: Known) -> Person:
        """A remembered 名刺 as the model knows it."""
        native = {name: self._value(known, name) for name in self._people.read}
        fields = {word: self._word(word, known.native.get(column, "")) for word, column in self._people.words.items()}
        ref = Ref(self._system, PERSON, known.id)
        return Person(ref, fields, native, known.key or None, known.company, known.owner)

    # kinds of rows

    def _person(self, export: People, row: Cells) -> list[Record] | None:
        id_ = row.key("id") or ""
        created, modified = row.moment("created"), row.moment("modified")
        owner, told = self._owner(row)
        for word in PERSON_FIELD_KIND:
            if self._word(word, row.text(word) or "") is None and row.key(word):
                row.complain(word, spelling.NO_FLAG)
        if row.bad:
            return []
        held = {name: row.row.cells.get(spelling.fold(name), "") for name in self._asked_of_people()}
        before = self._state.known(PERSON, id_)
        alias = alias_of(export, self._needs)
        known = Known(
            PERSON,
            id_,
            held.get(self._people.key or "", "").strip(),
            spelling.fold(row.row.cells.get(spelling.fold(alias), "")) if alias else "",
            native=held,
            written=before.written if before else {},
            company=row.key("company_id"),
            owner=owner,
        )
        self._state.remember(known)
        person = self.person(known)
        shown = Person(
            person.ref, person.fields, person.native, person.key, person.company_id, owner, created, modified
        )
        return [*told, *self._returned(known), shown]

    def _company(self, export: Companies, row: Cells) -> list[Record] | None:
        row.need("name")
        modified = row.moment("modified")
        owner, told = self._owner(row)
        if row.bad:
            return []
        id_, name = row.key("id") or "", row.key("name") or ""
        if alias := alias_of(export, self._needs):
            self._state.remember(Known(COMPANY, id_, alias=spelling.fold(row.row.cells[spelling.fold(alias)])))
        number, website, parent = row.key("corporate_number"), row.key("website"), row.key("parent_id")
        return [*told, Company(Ref(self._system, COMPANY, id_), name, number, website, parent, owner, modified)]

    def _deal(self, row: Cells) -> list[Record] | None:
        row.need("name")
        state = self._state_of(row)
        probability = self._probability(row)
        since, closed_at, modified = (row.moment(word) for word in ("stage_since", "closed_at", "modified"))
        closes_on, amount = row.day("closes_on"), row.number("amount")
        owner, owners = self._owner(row)
        company, companies = self._deal_company(row)
        people = self._deal_people(row)
        if row.bad:
            return []
        deal = Deal(
            Ref(self._system, DEAL, row.key("id") or ""), row.key("name") or "", state, row.key("stage") or "", since,
            probability, amount, closes_on, closed_at, row.key("lost_reason"), row.key("product"), owner, company,
            people, modified,
        )  # fmt: skip
        return [*owners, *companies, deal]

    def _activity(self, export: Activities, row: Cells) -> list[Record] | None:
        kinds = {spelling.fold(name): kind for name, kind in export.kinds.items()}
        kind = kinds.get(spelling.fold(row.key("kind") or ""), kinds.get(ELSE))
        codes = _several(row.key("person"))
        if kind == IGNORE or not codes:
            return None
        row.need("happened")
        happened = row.moment("happened")
        if kind is None:
            row.complain("kind", text("a choice that `kinds` does not name", "kinds にない選択肢です"))
        if row.bad or happened is None:
            return []
        label, result = row.key("label") or "", row.key("result") or ""
        return [
            Touchpoint(
                Ref(self._system, ACTIVITY, f"{row.key('id')}-{code}"), Ref(self._system, PERSON, code),
                Kind(str(kind)), happened, label, result=result,
            )
            for code in codes
        ]  # fmt: skip

    # parts of rows

    def _asked_of_people(self) -> set[str]:
        asked = self._people
        return {*asked.read, *asked.words.values(), *([asked.key] if asked.key else [])}

    def _value(self, known: Known, name: str) -> Value:
        """What a column holds; where it is what the encoding left of a value of ours, that value."""
        cell = letters.with_one_line_end(known.native.get(name, ""))
        if not cell.strip():
            return None
        written, meant = known.written.get(name, ("", ""))
        if meant and cell == letters.read_back(written, self._config.encoding):
            return meant
        if _same_number(cell.replace(",", ""), written, as_text=bool(meant)):
            return written
        return spelling.native(cell, self._needs.timezone)

    def _word(self, word: str, cell: str) -> str | bool | None:
        """A word about a person: by the mapping's table of values, else as it stands."""
        if not cell.strip():
            return None
        table = self._people.values.get(self._people.words.get(word, ""), {})
        meanings = {spelling.fold(theirs): ours for ours, theirs in table.items()}
        meant = meanings.get(spelling.fold(cell), cell)
        if PERSON_FIELD_KIND.get(word) != "bool":
            return meant
        try:
            return spelling.flag(meant)
        except spelling.Meaningless:
            return None

    def _owner(self, row: Cells) -> tuple[str | None, list[Record]]:
        """The id of an owner, who is told with the first record. Names stay out of ids: ids may be logged."""
        name = row.key("owner")
        if name is None:
            return None, []
        id_ = derived_id(OWNER, name)
        if id_ in self._owners:
            return id_, []
        self._owners.add(id_)
        if self._state.known(OWNER, id_) is None:
            self._state.remember(Known(OWNER, id_, name=name))
        return id_, [Owner(Ref(self._system, OWNER, id_), name)]

    def _returned(self, known: Known) -> list[Record]:
        """A 名刺 we created comes back under a code: its made-up id lives on as this one."""
        created = self._state.came_back(known.key, known.id) if known.key else None
        if created is None:
            return []
        made = self._state.known(PERSON, created.id)
        if made is not None:
            known.written = made.written | known.written
            self._state.remember(known)
        successor = Ref(self._system, PERSON, known.id)
        return [Gone(Ref(self._system, PERSON, created.id), self._at, successor)]

    def _state_of(self, row: Cells) -> DealState:
        """By the words of `states`: without `open` among them, any other value is open."""
        states = {spelling.fold(value): state for state, values in self._deals.states.items() for value in values}
        word = "state" if row.has("state") else "stage"
        cell = row.key(word) or ""
        found = states.get(spelling.fold(cell))
        if found is None and DealState.OPEN in self._deals.states:
            row.complain(word, text("a choice that `states` does not name", "states にない選択肢です"))
        return found or DealState.OPEN

    def _probability(self, row: Cells) -> float | None:
        table = {spelling.fold(name): value for name, value in self._deals.probabilities.items()}
        cell = row.key("probability")
        if table and cell is not None:
            found = table.get(spelling.fold(cell))
            if found is None:
                row.complain(
                    "probability", text("a choice that `probabilities` does not name", "probabilities にない選択肢です")
                )
            return found
        value = row.number("probability")
        if value is not None and not 0 <= value <= 100:
            row.complain("probability", text("not between 0 and 100", "0〜100の範囲ではありません"))
        return value

    def _deal_company(self, row: Cells) -> tuple[str | None, list[Record]]:
        """By code or another column, where `linked_by` says so; otherwise by its name, under an id made of it."""
        cell, link = row.key("company"), self._deals.linked_by.get("company")
        if cell is None:
            return None, []
        companies = self._config.companies
        if companies is not None and link == companies.key:
            return cell, []
        if link is not None and (companies is None or link != companies.name):
            return self._linked(row, "company", COMPANY, cell), []
        ref = Ref(self._system, COMPANY, derived_id(cell))
        return ref.id, [Company(ref, cell)]

    def _deal_people(self, row: Cells) -> tuple[str, ...]:
        link = self._deals.linked_by.get("people", self._config.people.key)
        codes = _several(row.key("people"))
        if link == self._config.people.key:
            return codes
        found = (self._linked(row, "people", PERSON, code) for code in codes)
        return tuple(id_ for id_ in found if id_ is not None)

    def _linked(self, row: Cells, word: str, object_: str, cell: str) -> str | None:
        """The code of the one record that is called so; one that is not there is no link."""
        found = self._state.called(object_, spelling.fold(cell))
        if len(found) > 1:
            row.complain(
                word, text("{n} records of {object} fit", "{object} が{n}件該当します", n=len(found), object=object_)
            )
        return found[0].id if len(found) == 1 else None


def _several(cell: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in _BETWEEN_SEVERAL.split(cell or "") if part))


def _same_number(cell: str, written: str, *, as_text: bool) -> bool:
    """Whether a cell is the number that was written; zeros at its end mean nothing, except in texts."""
    if not (_NUMBER.fullmatch(written) and _NUMBER.fullmatch(cell)):
        return False
    return cell == written if as_text else Decimal(cell) == Decimal(written)
