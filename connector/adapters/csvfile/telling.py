"""From rows in our words to records of the model, with the book at hand for who is already known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from zoneinfo import ZoneInfo

from connector.adapters.csvfile import cells as spelling
from connector.adapters.csvfile import letters
from connector.adapters.csvfile.book import Book, Known
from connector.adapters.csvfile.config import IGNORE, File
from connector.adapters.csvfile.reading import Bad, Cells
from connector.errors import text
from connector.model import (
    PERSON_FIELD_KIND,
    PERSON_FIELDS,
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

COMPANY, DEAL, OWNER, TOUCHPOINT = "company", "deal", "owner", "touchpoint"


def derived_id(*parts: str) -> str:
    """An id for a record that has none: the same whenever these parts are the same."""
    return "h" + sha256("\x1f".join(map(spelling.folded, parts)).encode()).hexdigest()[:20]


def person_needs(needs: Needs, object_: str) -> ObjectNeeds:
    """What is needed of people of an object; `*` holds what is needed of all."""
    own, every = needs.of(object_), needs.of("*")
    return replace(own, read=own.read | every.read, write=own.write | every.write)


def person_of(system: str, known: Known, needs: Needs, zone: ZoneInfo) -> Person:
    """A remembered person as the model knows it."""
    wanted = person_needs(needs, known.object)
    native = {name: _value(known, name, zone) for name in wanted.read}
    key = known.native.get(wanted.key, "").strip() if wanted.key else ""
    return Person(
        Ref(system, known.object, known.id),
        dict(known.fields),
        native,
        key or None,
        known.links.get("company"),
        known.links.get("owner"),
    )


def _value(known: Known, name: str, zone: ZoneInfo) -> Value:
    """What a column holds; where it is what the encoding left of a value of ours, that value."""
    cell = known.native.get(name, "")
    left, meant = known.written.get(name, ("", ""))
    if letters.with_one_line_end(cell) == left:
        cell = meant
    return spelling.native(cell, zone) if cell.strip() else None


class Teller:
    """Tells the rows of a file of one layout; `at` is when the file was written."""

    def __init__(self, system: str, layout: File, needs: Needs, zone: ZoneInfo, book: Book, at: datetime) -> None:
        self._at = at
        self._system = system
        self._layout = layout
        self._needs = needs
        self._zone = zone
        self._book = book
        self._seen: set[Ref] = set()
        self.members: list[tuple[str, tuple[str, str]]] = []
        """(list, (object, id)) of every row of a file of lists."""
        self.arrived: set[tuple[str, str]] = set()
        """(object, key) of people that we created and that came back."""

    def tell(self, row: Cells) -> tuple[list[Record] | None, list[Bad]]:
        """The records a row holds, with what they need told before them; None for a row that is to be left out.

        And the cells that cannot be understood: then the row holds nothing.
        """
        if IGNORE in (row.ours("touchpoint"), row.ours("state")):
            return None, []
        tell = {
            "companies": self._company,
            "people": self._person,
            "touchpoints": self._touchpoint,
            "deals": self._deal,
            "lists": self._membership,
        }[self._layout.kind]
        return tell(row), row.bad

    # kinds of rows

    def _company(self, row: Cells) -> list[Record]:
        name = self._needed(row, "name")
        id_ = self._id(row, name)
        owner, told = self._owner(row)
        moment = row.moment("modified")
        if row.bad:
            return []
        ref = Ref(self._system, COMPANY, id_)
        number, website, parent = row.key("corporate_number"), row.key("website"), row.key("parent_id")
        return [*told, Company(ref, name, number, website, parent, owner, moment)]

    def _person(self, row: Cells) -> list[Record]:
        if row.has("id"):
            row.need("id")
        created, modified = row.moment("created"), row.moment("modified")
        id_ = row.key("id")
        known = self._named(row, id_) if id_ else self._derived(row, among_named=False)
        owner, told = self._owner(row)
        if row.bad or known is None:
            return []
        known.links |= {"company": row.key("company_id")} if row.has("company_id") else {}
        known.links |= {"owner": owner} if row.has("owner") else {}
        self._take_native(row, known)
        self._book.remember(known)
        return [*told, *self._returned(known), self._shown(known, created, modified)]

    def _touchpoint(self, row: Cells) -> list[Record]:
        kind, happened = self._choice(row, "touchpoint", Kind), row.moment("happened")
        row.need("happened")
        person, told = self._somebody(row)
        if row.bad or happened is None or person is None:
            return []
        label, url, campaign, result = (row.key(word) or "" for word in ("label", "url", "campaign", "result"))
        made = derived_id(person.object, person.id, kind, happened.isoformat(), label, url, campaign, result)
        ref = Ref(self._system, TOUCHPOINT, row.key("id") or made)
        return [*told, Touchpoint(ref, person, Kind(kind), happened, label, url, campaign, result)]

    def _deal(self, row: Cells) -> list[Record]:
        name, state = self._needed(row, "name"), self._choice(row, "state", DealState)
        company, told = self._deal_company(row)
        owner, owners = self._owner(row)
        people, persons = self._deal_people(row)
        since, closed_at, modified = (row.moment(word) for word in ("stage_since", "closed_at", "modified"))
        closes_on, amount, probability = row.day("closes_on"), row.number("amount"), row.number("probability")
        if probability is not None and not 0 <= probability <= 100:
            row.complain("probability", text("not between 0 and 100", "0〜100の範囲ではありません"))
        id_ = self._id(row, name, company or "")
        if row.bad:
            return []
        self._book.remember(Known(DEAL, id_, name=name))
        deal = Deal(
            Ref(self._system, DEAL, id_), name, DealState(state), self._deal_text(row, "stage") or "", since,
            probability, amount, closes_on, closed_at, self._deal_text(row, "lost_reason"),
            self._deal_text(row, "product"), owner, company, people, modified,
        )  # fmt: skip
        return [*told, *owners, *persons, deal]

    def _membership(self, row: Cells) -> list[Record]:
        name = self._needed(row, "list")
        person, told = self._somebody(row)
        if row.bad or person is None:
            return []
        self.members.append((name, (person.object, person.id)))
        return told

    # parts of rows

    def _needed(self, row: Cells, word: str) -> str:
        row.need(word)
        return row.key(word) or ""

    def _choice(self, row: Cells, word: str, choices: type[StrEnum]) -> str:
        chosen = self._needed(row, word)
        if chosen and chosen not in list(choices):
            row.complain(word, text("a choice that `values` does not name", "values にない選択肢です"))
        return chosen

    def _id(self, row: Cells, *otherwise: str) -> str:
        if row.has("id"):
            return self._needed(row, "id")
        return derived_id(*otherwise)

    def _owner(self, row: Cells) -> tuple[str | None, list[Record]]:
        """The id of an owner, who is told of when first seen. Names stay out of ids: ids may be logged."""
        name = row.key("owner")
        if name is None:
            return None, []
        id_ = derived_id(OWNER, name)
        if self._book.known(OWNER, id_) is None:
            self._book.remember(Known(OWNER, id_, name=name))
        return id_, self._first(Owner(Ref(self._system, OWNER, id_), name))

    def _deal_company(self, row: Cells) -> tuple[str | None, list[Record]]:
        id_, name = row.key("company_id"), row.key("company")
        if id_ or not name:
            return id_, []
        ref = Ref(self._system, COMPANY, derived_id(name))
        return ref.id, self._first(Company(ref, name))

    def _first(self, record: Owner | Company) -> list[Record]:
        """The record, if this teller has not told it yet."""
        if record.ref in self._seen:
            return []
        self._seen.add(record.ref)
        return [record]

    def _deal_people(self, row: Cells) -> tuple[tuple[str, ...], list[Record]]:
        if row.key("person") is None and row.key("email") is None:
            return (), []
        person, told = self._somebody(row)
        return ((person.id,) if person else ()), told

    def _deal_text(self, row: Cells, word: str) -> str | None:
        """A word about a deal: from the native field that a mapping names, else from the layout's column."""
        header = self._needs.of(DEAL).deal.get(word)
        cell = row.row.cells.get(spelling.fold(header), "").strip() if header else row.key(word)
        return cell or None

    # who is it

    def _somebody(self, row: Cells) -> tuple[Ref | None, list[Record]]:
        """The person a row is about: by id, or by address and name; told of when the row is what we know of them."""
        if id_ := row.key("person"):
            return Ref(self._system, self._layout.object, id_), []
        known = self._derived(row, among_named=True)
        if known is None:
            return None, []
        ref = Ref(self._system, known.object, known.id)
        if not known.derived:
            return ref, []
        self._book.remember(known)
        return ref, [self._shown(known)]

    def _named(self, row: Cells, id_: str) -> Known:
        """A record with an id of its own: a column that the file has is taken as it stands, blanks included."""
        known = self._book.known(self._layout.object, id_) or Known(self._layout.object, id_)
        known.fields |= self._fields(row)
        known.email = spelling.fold(str(known.fields.get("email") or ""))
        known.name = _name(known.fields)
        return known

    def _derived(self, row: Cells, *, among_named: bool) -> Known | None:
        """A record known by address and name only: blanks in this file leave what other files told."""
        if self._layout.kind == "deals":  # there, `name` and `company` are the deal's
            fields: dict[str, Value] = {"email": row.text("email")}
        else:
            fields = self._fields(row)
        email, name = spelling.fold(str(fields.get("email") or "")), _name(fields)
        company = str(fields.get("company") or "")
        if not email and not (name and company):
            row.complain(
                "email",
                text("neither an address nor a name with a company", "メールアドレスも、氏名と会社名の組もありません"),
            )
            return None
        made = derived_id("email", email, name) if email else derived_id("name", name, company)
        known = self._alike(email, name, among_named=among_named) if email else None
        known = known or self._book.known(self._layout.object, made)
        known = known or Known(self._layout.object, made, email, name, derived=True)
        if known.derived:
            known.fields |= {word: value for word, value in fields.items() if value is not None}
            known.name = known.name or name
        return known

    def _alike(self, email: str, name: str, *, among_named: bool) -> Known | None:
        """The one known record of this address whose name does not speak against it."""
        known = [k for k in self._book.with_email(self._layout.object, email) if among_named or k.derived]
        known = [k for k in known if not name or not k.name or k.name == name]
        exact = [k for k in known if k.name == name]
        for found in (exact, known):
            if len(found) == 1:
                return found[0]
        return None

    def _fields(self, row: Cells) -> dict[str, Value]:
        return {
            word: row.flag(word) if PERSON_FIELD_KIND.get(word) == "bool" else row.text(word)
            for word in PERSON_FIELDS
            if row.has(word)
        }

    def _take_native(self, row: Cells, known: Known) -> None:
        needs = person_needs(self._needs, known.object)
        for name in sorted({*needs.read, *needs.write, *([needs.key] if needs.key else [])}):
            cell = row.row.cells.get(spelling.fold(name))
            if cell is not None:
                known.native[name] = cell

    def _returned(self, known: Known) -> list[Record]:
        """A person we created comes back under an id of the system: the made-up id lives on as this one."""
        field = self._needs.of(known.object).key
        key = known.native.get(field, "").strip() if field else ""
        if not key:
            return []
        created = self._book.came_back(known.object, key, known.id)
        if created is None:
            return []
        self.arrived.add((known.object, key))
        made = self._book.known(known.object, created.id)
        if made is not None:
            known.written = made.written | known.written
            self._book.remember(known)
        successor = Ref(self._system, known.object, known.id)
        return [Gone(Ref(self._system, known.object, created.id), self._at, successor)]

    def _shown(self, known: Known, created: datetime | None = None, modified: datetime | None = None) -> Person:
        person = person_of(self._system, known, self._needs, self._zone)
        return Person(
            person.ref, person.fields, person.native, person.key, person.company_id, person.owner_id, created, modified
        )


def _name(fields: dict[str, Value]) -> str:
    parts: Sequence[Value] = (
        (fields.get("name"),) if fields.get("name") else (fields.get("family_name"), fields.get("given_name"))
    )
    return spelling.fold("".join(str(part) for part in parts if part))
