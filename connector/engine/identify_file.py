"""Who is who in a list: one CSV file in, the ids of its people and companies out. No store, no system, no network.

The rules are those of a run (`rules.identify`, `rules.resolve`), so that a list shows what they would do. Of the rows
only their keys stay in memory; what a reviewer wants to see of a few of them is read a second time.
"""

from __future__ import annotations

import csv
import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from connector.adapters.csvfile.letters import cell_of
from connector.engine.list_file import Layout, Row, Trouble, harmless, look_at, rows_of, unusable
from connector.errors import ConfigError, ConnectorError, Language, Problem, Text, text
from connector.model import Ref
from connector.rules.companies import companies, spelling_of
from connector.rules.identify import IdentityRules, Key, Keys, Kind, keys_said
from connector.rules.ids import new_id
from connector.rules.resolve import Edge, Group, Guard, identify_all, order
from connector.rules.wording import GUARDS, IN_COMMON
from connector.spec import Mark, parse, read_yaml

HEADER = ("source", "source_id", "person_id", "company_id")
SHOWN = (
    "name", "kana", "company", "corporate_number", "department", "title", "email", "phone", "mobile", "address",
    "registered_at",
)  # fmt: skip
"""What a reviewer sees of both rows of a pair, as far as the list has it."""

_NAMED = 100


@dataclass(slots=True)
class Lines:
    """How many rows something is true of, and on which lines the first of them begin."""

    rows: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """One more."""
        self.rows += 1
        if len(self.lines) < _NAMED:
            self.lines.append(line)


@dataclass(slots=True)
class Report:
    """What was found in a list. Holds no values of it: numbers, places and its headers."""

    layout: Layout
    rows: int = 0
    people: int = 0
    companies: int = 0
    largest: int = 0
    """Rows of the person who has most."""
    largest_id: str = ""
    joined: Counter[Kind] = field(default_factory=Counter)
    """How often what in common joined two records, or people."""
    proposed: Counter[Guard] = field(default_factory=Counter)
    """Pairs that might be one person, by what held them back."""
    keyless: Lines = field(default_factory=Lines)
    """Rows that say nothing by which they could be linked to another."""
    shared_mailboxes: int = 0
    """Addresses of several rows that belong to a role, or are used by people with different names."""
    shared_mobiles: int = 0
    crowded: Counter[Kind] = field(default_factory=Counter)
    """Keys that so many rows hold that they say nothing."""
    meaningless: dict[str, Lines] = field(default_factory=lambda: defaultdict(Lines))
    """Cells that hold something, but none of what their column is for."""
    troubles: dict[tuple[Trouble, str], Lines] = field(default_factory=lambda: defaultdict(Lines))
    """Rows that cannot be used, by what is wrong in which column."""
    unusable: int = 0
    repeated: Lines = field(default_factory=Lines)
    """Rows that say just what another with the same id says."""
    same_id: Lines = field(default_factory=Lines)
    """Rows that say something else than another with the same id."""
    short: Lines = field(default_factory=Lines)
    blank: int = 0
    lost_letters: int = 0
    """Cells written with letters replaced, for want of them in the encoding."""

    @property
    def contradictions(self) -> int:
        """Pairs that share an address, a number or an id though their names contradict."""
        return self.proposed["name"]


def rules_at(path: Path) -> IdentityRules:
    """The rules in a file such as `mappings/identity.yaml`.

    :raises ConfigError: with every problem of it
    """
    root, problems = read_yaml(path, str(path))
    built: IdentityRules | None = None
    if root is not None:
        built, more = parse(IdentityRules, root, Mark(str(path), 1, 1))
        problems += more
    elif not problems:
        problems.append(Problem(str(path), 0, 0, text("the file is empty", "ファイルが空です")))
    if built is None or problems:
        raise ConfigError(problems)
    return built


def identify_file(
    path: Path,
    out: Path,
    *,
    review: Path | None = None,
    rules: IdentityRules | None = None,
    mapping: Sequence[str] = (),
    encoding: str = "utf-8",
    language: Language = "en",
    watch: Callable[[Text], None] = lambda _: None,
) -> Report:
    """Write who is who in the list at `path` to `out`, and the pairs that a person should look at to `review`.

    `mapping`: `HEADER=COLUMN` for headers that are not known by themselves; `encoding`: of what is written.

    :raises ConfigError: when the list cannot be read at all, or a path cannot be meant
    :raises ConnectorError: when a result cannot be written, or the list changes meanwhile
    """
    rules = rules or IdentityRules()
    _check_places(path, out, review)
    layout = look_at(path, mapping)
    report = Report(layout)
    state = _state(path)
    watch(text("reading", "読み込み中"))
    census = _Census(layout, rules, report)
    with _no_collecting():
        census.read()
        watch(text("linking", "名寄せ中"))
        groups, told = identify_all(census.known(), rules)
        report.shared_mailboxes, report.shared_mobiles = told.mailboxes, told.mobiles
        report.crowded.update(told.crowded)
        people = {ref: name for group in groups for name in (new_id(group),) for ref in group.records}
        withheld = _told(groups, report)
        del groups
        watch(text("counting", "集計中"))
        company_of = _companies_of(census, report)
        _count(census, people, report)
        watch(text("writing", "書き込み中"))
        pairs = _pairs(census, people, withheld, language) if review else []
        if _state(path) != state:
            what = text("the list was changed while it was read", "読み込み中にファイルが変更されました")
            raise ConnectorError(what, where=path.name, fix=text("run it again", "もう一度実行してください"))
        _write(out, encoding, _results(census, people, company_of), report)
        if review:
            # Somebody opens these in a spreadsheet, which takes UTF-8 without a mark for something else.
            _write(review, "utf-8-sig" if encoding == "utf-8" else encoding, pairs, report)
    return report


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Looking for garbage among millions of records that stay takes a fifth of the time, and finds none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _results(
    census: _Census, people: Mapping[Ref, str], company_of: Callable[[Keys], str]
) -> Iterator[tuple[str, ...]]:
    yield HEADER
    for source, source_id, keys in census.told():
        yield (source, source_id, people[keys.ref], company_of(keys)) if keys else (source, source_id, "", "")


def _check_places(path: Path, out: Path, review: Path | None) -> None:
    """Before an hour's work: whether the results can be put where they should be."""
    problems = []
    results = [("--out", out)] + ([("--review", review)] if review else [])
    for option, place in results:
        if place.is_dir() or not place.parent.is_dir():
            problems.append(
                Problem(option, 0, 0, text("cannot write {place}", "{place} には書き込めません", place=place))
            )
    places = [("FILE", path), *results]
    if len({place.resolve() for _, place in places}) < len(places):
        what = text("the same file is named twice", "同じファイルが2回指定されています")
        problems.append(Problem("/".join(option for option, _ in places), 0, 0, what))
    if problems:
        raise ConfigError(problems)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0  # whoever reads it tells
    return found.st_size, found.st_mtime_ns


# --- rows to keys -----------------------------------------------------------------------------------------------------


class _Census:
    """The rows of a list as identification sees them, in their order."""

    def __init__(self, layout: Layout, rules: IdentityRules, report: Report) -> None:
        self.layout = layout
        self._rules = rules
        self._report = report
        self._stem = harmless(layout.path.stem.encode("utf-8", "replace").decode())
        self._sources: dict[str, str] = {}
        """Names of sources by how records have them."""
        self._rows: list[Keys] = []
        self._ids: dict[int, tuple[str, str]] = {}
        """The ids that rows bear in the results, where these differ from those of their record."""
        self._first: dict[Ref, int] = {}
        self._again: dict[Ref, dict[Keys, list[int]]] = {}
        self._once: dict[Any, Any] = {}

    def read(self) -> None:
        """All rows.

        :raises ConnectorError: when the list cannot be read any more
        """
        try:
            for place, row in rows_of(self.layout):
                self._add(place, row)
        except OSError as error:
            raise unusable(self.layout.path, error) from None
        self._tell_apart()
        for place, keys in enumerate(self._rows):
            # A line number is an id only where no row has it as its own.
            if keys.ref.object == "line" and Ref(keys.ref.system, "row", keys.ref.id) in self._first:
                self._ids[place] = (self._sources[keys.ref.system], f"line {keys.ref.id}")
        self._first.clear()
        self._once.clear()

    def _add(self, place: int, row: Row) -> None:
        report = self._report
        report.rows += 1
        if row.blank:
            report.blank += 1
            self._rows.append(_BLANK)
            self._ids[place] = (self._stem, str(row.line))
            return
        if row.short:
            report.short.add(row.line)
        for trouble in row.troubles:
            report.troubles[trouble].add(row.line)
        source, source_id = self._id_of(row)
        system = self._system(source)
        if row.troubles:
            report.unusable += 1
            self._rows.append(Keys(Ref(system, "unusable", str(row.line))))
            self._ids[place] = (source, source_id or str(row.line))
            return
        ref = Ref(system, "row", source_id) if source_id else Ref(system, "line", str(row.line))
        keys = self._keys(ref, row)
        self._rows.append(keys)
        if (first := self._first.setdefault(ref, place)) != place:
            variants = self._again.setdefault(ref, {self._rows[first]: [first]})
            (report.repeated if keys in variants else report.same_id).add(row.line)
            variants.setdefault(keys, []).append(place)

    def _id_of(self, row: Row) -> tuple[str, str]:
        """Source and id as they stand there; a cell that cannot be read says nothing."""
        bad = {column for _, column in row.troubles}
        found = (row.cells.get(column, "") if column not in bad else "" for column in ("source", "source_id"))
        source, source_id = found
        return source or self._stem, source_id

    def _system(self, source: str) -> str:
        """A source as a part of a reference, where a slash would end it."""
        system = source.replace("%", "%25").replace("/", "%2F")
        self._sources.setdefault(system, source)
        return str(self._one(system))

    def _keys(self, ref: Ref, row: Row) -> Keys:
        found = row.cells
        fields = {name: found.get(name) for name in _FIELDS}
        fields["family_kana"] = found.get("family_kana") or found.get("kana")
        # Nothing else names a record of a list; and of what many rows say alike, one is enough.
        keys = keys_said(ref, fields, self._rules, one=self._one)
        for column, said in _MEANING:
            if any(name in found for name in column) and getattr(keys, said) is None:
                self._report.meaningless[column[0]].add(row.line)
        if not (keys.mailbox or keys.mobile or keys.keys):
            self._report.keyless.add(row.line)
        return keys

    def _one(self, value: Any) -> Any:
        return self._once.setdefault(value, value)

    def _tell_apart(self) -> None:
        """One record for each thing that rows say under one id; the id ties them, unless their names contradict."""
        for ref, variants in self._again.items():
            tie = (Key("key", str(ref)),) if len(variants) > 1 else ()
            for number, keys in enumerate(sorted(variants, key=_content)):
                own = replace(keys, ref=Ref(ref.system, f"row {number}" if number else "row", ref.id), ties=tie)
                for place in variants[keys]:
                    self._rows[place] = own
        self._again.clear()

    def known(self) -> Iterator[Keys]:
        """The records. Rows that say the same are one."""
        return (keys for keys in self._rows if keys is not _BLANK)

    def told(self) -> Iterator[tuple[str, str, Keys | None]]:
        """Source and id of each row, and its record; None for a blank row."""
        for place, keys in enumerate(self._rows):
            source, source_id = self._ids.get(place) or (self._sources[keys.ref.system], keys.ref.id)
            yield source, source_id, keys if keys is not _BLANK else None

    def places_of(self, refs: Collection[Ref]) -> dict[int, Ref]:
        """The first row of each of these records."""
        found: dict[Ref, int] = {}
        for place, keys in enumerate(self._rows):
            if keys.ref in refs:
                found.setdefault(keys.ref, place)
        return {place: ref for ref, place in found.items()}


_BLANK = Keys(Ref("", "blank", ""))
_FIELDS = (
    "email", "name", "family_name", "given_name", "given_kana", "company", "corporate_number", "department", "phone",
    "mobile",
)  # fmt: skip
_MEANING = (
    (("name", "family_name", "given_name", "kana", "family_kana", "given_kana"), "name"),
    (("email",), "mailbox"),
    (("company",), "company"),
    (("corporate_number",), "corporate_number"),
)
"""Columns, and what of the keys should come of them."""


def _content(keys: Keys) -> tuple[str, ...]:
    """What a row says, for sorting."""
    name = keys.name
    mail = (keys.mailbox, keys.subdomain, keys.domain)
    said = (*mail, keys.mobile, keys.company, keys.corporate_number, keys.department)
    of_name = (name.key, name.family or "", *sorted(name.readings)) if name else ()
    return (*(value or "" for value in said), *sorted(keys.phones), *of_name)


# --- what came of it --------------------------------------------------------------------------------------------------


def _told(groups: Iterable[Group], report: Report) -> list[Edge]:
    """The pairs for review, likeliest first."""
    withheld: set[Edge] = set()
    for group in groups:
        report.people += 1
        report.joined.update(edge.evidence for edge in group.edges)
        withheld.update(group.withheld)
    report.proposed.update(edge.guard for edge in withheld)
    return sorted(withheld, key=lambda edge: (-edge.strength, order(edge.a), order(edge.b)))


def _companies_of(census: _Census, report: Report) -> Callable[[Keys], str]:
    found = companies(Counter(spelling for keys in census.known() if (spelling := spelling_of(keys))))
    report.companies = len(set(filter(None, found.values())))

    def company_of(keys: Keys) -> str:
        spelling = spelling_of(keys)
        return (found[spelling] or "") if spelling else ""

    return company_of


def _count(census: _Census, people: Mapping[Ref, str], report: Report) -> None:
    rows = Counter(people[keys.ref] for keys in census.known())
    if rows:
        report.largest = max(rows.values())
        report.largest_id = min(name for name, count in rows.items() if count == report.largest)
    roles = Counter(mailbox for _, mailbox in {(keys.ref, keys.mailbox) for keys in census.known() if keys.role})
    report.shared_mailboxes += sum(count > 1 for count in roles.values())


# --- for a reviewer ---------------------------------------------------------------------------------------------------

SHARED: Mapping[str, Text] = {**IN_COMMON, "key": text("the same id", "同じ ID")}
"""What two rows have in common, in words."""

_PAIR = ("why", "in_common", "guard")
_OF_EACH = ("source", "source_id", "line", "person_id")


def _pairs(
    census: _Census, people: Mapping[Ref, str], withheld: Sequence[Edge], language: Language
) -> list[tuple[str, ...]]:
    """The pairs with what both rows say, and a line of headers above."""
    seen = _evidence(census, {ref for edge in withheld for ref in (edge.a, edge.b)})
    columns = [name for name in SHOWN if any(name in row for row in seen.values())]
    both = [f"{name}_{side}" for name in (*_OF_EACH, *columns) for side in "ab"]
    lines: list[tuple[str, ...]] = [(*_PAIR, *both)]
    for edge in withheld:
        words = (GUARDS[edge.guard].in_(language), SHARED[edge.evidence].in_(language), edge.guard)
        sides = [{**seen[ref], "person_id": people[ref]} for ref in (edge.a, edge.b)]
        lines.append((*words, *(side.get(name, "") for name in (*_OF_EACH, *columns) for side in sides)))
    return lines


def _evidence(census: _Census, refs: Collection[Ref]) -> dict[Ref, dict[str, str]]:
    """What the rows of these records say, read once more."""
    places = census.places_of(refs)
    ids = {place: (source, source_id) for place, (source, source_id, _) in enumerate(census.told()) if place in places}
    found: dict[Ref, dict[str, str]] = {}
    try:
        for place, row in rows_of(census.layout, places) if places else ():
            source, source_id = ids[place]
            own = {"source": source, "source_id": source_id, "line": str(row.line)}
            found[places[place]] = _shown(row.cells) | own
    except OSError as error:
        raise unusable(census.layout.path, error) from None
    return found


def _shown(row: Mapping[str, str]) -> dict[str, str]:
    whole = dict(row)
    for column, parts in (("name", ("family_name", "given_name")), ("kana", ("family_kana", "given_kana"))):
        said = " ".join(row[part] for part in parts if part in row)
        whole.setdefault(column, said)
    return {name: harmless(whole[name]) for name in SHOWN if whole.get(name)}


# --- files ------------------------------------------------------------------------------------------------------------


def _write(path: Path, encoding: str, lines: Iterable[Sequence[str]], report: Report) -> None:
    """A whole file (RFC 4180) for its owner alone, or none: nobody ever sees half of it."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        beside.unlink(missing_ok=True)
        beside.touch(0o600)
        with beside.open("w", encoding=encoding, newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            for line in lines:
                spelt = [cell_of(cell, encoding) for cell in line]
                report.lost_letters += sum(bool(letters) for _, letters in spelt)
                writer.writerow([cell for cell, _ in spelt])
        beside.replace(path)
    except OSError as error:
        raise unusable(path, error) from None
    finally:
        with suppress(OSError):
            beside.unlink()
