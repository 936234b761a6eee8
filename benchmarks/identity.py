"""Who is who: how right it is on made-up Japanese lists and on FEBRL, and how long it takes.

The rules were tuned on seed 1 of the Japanese data; what counts is `HELD_OUT`. The reference is what everybody tries
first: the same mail address, or the same name at the same company. FEBRL knows neither mail nor employers: its
columns stand in for what our rules look at (`_febrl_keys`), and every closure of the links that were found counts.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Failed, Line, Size, child, seconds

if TYPE_CHECKING:
    from benchmarks.identity_data import Row
    from connector.model import Person, Ref
    from connector.rules.identify import Key, Keys

TUNED, HELD_OUT = 1, 99
BATCH = 1000


def lines(size: Size) -> Iterator[Line]:
    """Quality, then cost; `size.people` 100,000 gives the sets of docs/identity.md."""
    people = size.people // 2
    for what, seed, hard in (("tuned", TUNED, True), ("held out", HELD_OUT, True), ("easy", HELD_OUT, False)):
        found = child("identity:japanese", people=people, seed=seed, hard=hard)
        head = f"{found['records']:,} Japanese records, {what}"
        yield _quality(f"{head}: people", found["naive"], found["people"], "P >= .998, R >= .94, over-merge <= 12")
        yield _quality(f"{head}: companies", found["by_domain"], found["companies"], "P >= .999, R >= .99")
    for number in (1, 2, 3, 4):
        try:
            found = child("identity:febrl", number=number)
        except Failed as failure:
            yield Line(f"FEBRL {number}", "", f"not measured: {failure}")
            continue
        yield _quality(f"FEBRL {number}", found["naive"], found["people"], "F1 >= .99")
    yield from _costs(size.people)


def _quality(what: str, reference: dict[str, Any], ours: dict[str, Any], target: str) -> Line:
    return Line(what, _told(reference), _told(ours), ours["f1"] / reference["f1"], target)


def _told(found: dict[str, Any]) -> str:
    return (
        f"P {found['precision']:.4f} R {found['recall']:.4f} F1 {found['f1']:.4f}"
        f" over-merges {found['over_merges']} (largest {found['largest_over_merge']})"
    )


def _costs(people: int) -> Iterator[Line]:
    for share, target in ((0.5, "<= 15 s"), (4.2, "<= 3,000 MB")):
        found = child("identity:scratch", people=int(people * share))
        parsing = seconds(found["parse"])
        yield Line(
            f"{found['records']:,} records from scratch, file to file", f"csv alone {parsing}", seconds(found["ours"]),
            found["ours"] / found["parse"], target, found["peak"],
        )  # fmt: skip
    for share, target in ((0.42, "<= 0.3 ms a record, < 1 % of ids"), (4.2, "within seconds")):
        found = child("identity:more", people=int(people * share))
        yield Line(
            f"{BATCH:,} records more to {found['records']:,}", f"all anew {seconds(found['batch'])}",
            f"{seconds(found['each'] * BATCH)} ({found['each'] * 1000:.2g} ms each); ids moved {found['changed']:.2%}",
            found["each"] * BATCH / found["batch"], target, found["peak"],
        )  # fmt: skip
    found = child("identity:store", people=int(people * 0.42))
    yield Line(
        f"{BATCH:,} records more to a store of {found['records']:,}",
        f"to an empty one {found['first'] * 1000:.3g} ms a record",
        f"{found['each'] * 1000:.3g} ms a record", found["each"] / found["first"], "", found["peak"],
    )  # fmt: skip


# --- Japanese lists ---------------------------------------------------------------------------------------------------


def person_of(row: Row) -> Person:
    """A record as an adapter would give it."""
    from connector.model import Person

    same = (
        "email",
        "name",
        "family_name",
        "given_name",
        "company",
        "corporate_number",
        "department",
        "phone",
        "mobile",
    )
    return Person(_ref(row), {name: getattr(row, name) for name in same} | {"family_kana": row.kana})


def _ref(row: Row) -> Ref:
    from connector.model import Ref

    return Ref(row.source, "record", row.source_id)


def japanese(people: int, seed: int, hard: bool) -> dict[str, Any]:
    """How well people and companies are found, by our rules and by the naive ones."""
    from benchmarks.identity_data import generate
    from connector.rules.companies import companies, spelling_of
    from connector.rules.identify import IdentityRules, keys_of
    from connector.rules.resolve import identify

    rows = list(generate(people, seed, hard=hard))
    rules = IdentityRules()
    keys = [keys_of(person_of(row), rules) for row in rows]
    gold = {_ref(row): row.person for row in rows}
    found = {ref: number for number, group in enumerate(identify(keys, rules)) for ref in group.records}
    spelt = {each.ref: spelling_of(each) for each in keys}
    meant = companies(Counter(spelling for spelling in spelt.values() if spelling))
    at = {_ref(row): row.entity for row in rows if row.entity}
    ours = {ref: company for ref in at if (spelling := spelt[ref]) and (company := meant[spelling])}
    naive = _closure((ref, (row.email.strip().lower(), f"{_name(row)}\t{row.company}")) for ref, row in _by_ref(rows))
    by_domain = {each.ref: each.domain for each in keys if each.domain}
    return {
        "records": len(rows),
        "people": _judged(gold, found),
        "naive": _judged(gold, naive),
        "companies": _judged(at, ours),
        "by_domain": _judged(at, by_domain),
    }


def _by_ref(rows: Iterable[Row]) -> Iterator[tuple[Ref, Row]]:
    return ((_ref(row), row) for row in rows)


def _name(row: Row) -> str:
    from connector.rules.cleanse import fold

    return fold(row.name or row.family_name + row.given_name).replace(" ", "")


def _judged(gold: dict[Any, Any], found: dict[Any, Any]) -> dict[str, Any]:
    from benchmarks.pairs import quality

    told = quality(gold, found)
    names = ("precision", "recall", "f1", "over_merges", "largest_over_merge", "largest")
    return {name: getattr(told, name) for name in names}


def _closure(records: Iterable[tuple[Ref, Sequence[str]]]) -> dict[Ref, Ref]:
    """Records that have a key in common, directly or through others."""
    above: dict[Ref, Ref] = {}

    def root(ref: Ref) -> Ref:
        while above[ref] != ref:
            ref = above[ref] = above[above[ref]]
        return ref

    first: dict[str, Ref] = {}
    for ref, keys in records:
        above[ref] = ref
        for key in keys:
            if key.strip():
                above[root(ref)] = root(first.setdefault(key, ref))
    return {ref: root(ref) for ref in above}


# --- FEBRL ------------------------------------------------------------------------------------------------------------


def febrl(number: int) -> dict[str, Any]:
    """The same rules on lists of Australians."""
    from benchmarks.febrl import rows
    from connector.rules.identify import IdentityRules
    from connector.rules.resolve import identify

    given = list(rows(number))
    keys = [_febrl_keys(row) for row in given]
    gold = {each.ref: row["person"] for each, row in zip(keys, given, strict=True)}
    found = {ref: no for no, group in enumerate(identify(keys, IdentityRules())) for ref in group.records}
    naive = _closure(
        (each.ref, (row["soc_sec_id"], "\t".join((row["given_name"], row["surname"], row["address_1"]))))
        for each, row in zip(keys, given, strict=True)
    )
    return {"people": _judged(gold, found), "naive": _judged(gold, naive)}


def _febrl_keys(row: dict[str, str]) -> Keys:
    """The social security number as another system's id, birth and postcode as the mailbox, street as the mobile..."""
    from connector.model import Ref
    from connector.rules.compare import Name
    from connector.rules.identify import Key, Keys

    def both(*columns: str) -> str | None:
        return "/".join(row[name] for name in columns) if all(row[name] for name in columns) else None

    ref = Ref("febrl", row["source"], row["source_id"])
    named, ours = both("soc_sec_id"), both("date_of_birth", "street_number")
    ties = [Key("id", str(ref)), *([Key("id", f"ssn/{named}")] if named else []), *([Key("key", ours)] if ours else [])]
    phones = (
        both("date_of_birth"), both("postcode", "street_number"), both("suburb", "street_number"),
        both("address_2", "postcode"), both("address_1", "suburb"), both("address_1", "postcode"),
        both("address_2", "suburb"),
    )  # fmt: skip
    return Keys(
        ref, tuple(ties), Name.of(row["surname"], row["given_name"]), both("date_of_birth", "postcode"),
        phones=frozenset(filter(None, phones)), mobile=both("street_number", "address_1"),
    )  # fmt: skip


# --- cost -------------------------------------------------------------------------------------------------------------


def scratch(people: int) -> dict[str, Any]:
    """`connector identify` on a list, against only parsing it; the list is made by another process."""
    import csv

    from connector.engine.identify_file import identify_file

    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        child("identity:make", people=people, folder=folder)
        path = Path(folder) / "records.csv"
        begin = time.process_time()
        with path.open(encoding="utf-8", newline="") as file:
            records = sum(1 for _ in csv.DictReader(file))
        parsed = time.process_time()
        identify_file(path, Path(folder) / "out.csv")
        return {"records": records, "parse": parsed - begin, "ours": time.process_time() - parsed}


def make(people: int, folder: str) -> dict[str, Any]:
    """A Japanese list as a file."""
    from benchmarks.identity_data import generate, write

    return {"records": write(generate(people, TUNED), Path(folder))}


def more(people: int) -> dict[str, Any]:
    """New records into many, against deciding about all of them anew; both must agree."""
    from benchmarks.identity_data import generate
    from connector.rules.identify import IdentityRules, keys_of
    from connector.rules.ids import keep_ids
    from connector.rules.resolve import identify, reidentify

    rules = IdentityRules()
    keys = [keys_of(person_of(row), rules) for row in generate(people, TUNED)]
    random.Random(TUNED).shuffle(keys)
    old, new = keys[:-BATCH], keys[-BATCH:]
    index = Index(old)
    ids = dict(keep_ids(identify(old, rules), {}, {}))
    before = dict(ids)
    begin = time.process_time()
    for start in range(0, BATCH, 50):
        page = new[start : start + 50]
        for each in page:
            index.add(each)
        seeds, _ = index.holders({key for each in page for key in each.keys})
        groups = reidentify(seeds, index.holders, rules)
        refs = {ref for group in groups for ref in group.records}
        ids |= keep_ids(groups, {ref: ids[ref] for ref in refs if ref in ids}, {})
    each_took = (time.process_time() - begin) / BATCH
    begin = time.process_time()
    everybody = identify(keys, rules)
    batch = time.process_time() - begin
    if {frozenset(group.records) for group in everybody} != _parts(ids):
        raise Failed("piece by piece gave other people than all at once")
    changed = sum(ids[ref] != identity for ref, identity in before.items()) / len(before)
    return {"records": len(old), "each": each_took, "batch": batch, "changed": changed}


def _parts(ids: dict[Ref, str]) -> set[frozenset[Ref]]:
    parts: dict[str, set[Ref]] = defaultdict(set)
    for ref, identity in ids.items():
        parts[identity].add(ref)
    return {frozenset(part) for part in parts.values()}


class Index:
    """Keys and who holds them, in memory."""

    def __init__(self, records: Iterable[Keys]) -> None:
        self._by_key: dict[Key, list[Keys]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Keys) -> None:
        """One record more."""
        for key in record.keys:
            self._by_key[key].append(record)

    def holders(self, keys: Collection[Key]) -> tuple[list[Keys], set[Key]]:
        """As the store answers it."""
        from connector.rules.resolve import MOST_HOLDERS

        found = {key: self._by_key.get(key, []) for key in keys}
        dead = {key for key, held in found.items() if len(held) > MOST_HOLDERS}
        return [record for key, held in found.items() if key not in dead for record in held], dead


def store(people: int) -> dict[str, Any]:
    """The same through the store, page by page, as a run does it."""
    from benchmarks.engine import bench
    from benchmarks.identity_data import generate
    from connector.engine.pull import store_page
    from connector.ports import Page
    from connector.store import database

    persons = [person_of(row) for row in generate(people, TUNED)]
    random.Random(TUNED).shuffle(persons)
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        url = f"sqlite:///{folder}/store.db"
        engine = database.open_engine(url)
        database.upgrade(engine)
        engine.dispose()
        took = []
        with bench(url) as made:
            lease = made.app.lease()
            for start in range(0, len(persons) - BATCH + 1, BATCH):
                begin = time.process_time()
                with lease.writing() as conn:
                    store_page(conn, made.app.setup, Page(persons[start : start + BATCH], str(start)), made.now)
                took.append((time.process_time() - begin) / BATCH)
            lease.release()
    return {"records": BATCH * (len(took) - 1), "each": took[-1], "first": took[0]}
