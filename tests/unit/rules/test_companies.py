from __future__ import annotations

from collections.abc import Collection, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Person, Ref
from connector.rules.companies import Spelling, around, companies, company_id, spelling_of
from connector.rules.identify import IdentityRules, keys_of

NUMBER, OTHER_NUMBER = "7000012050002", "1180301018771"
AOBA, WAKABA = company_id("青葉", ""), company_id("若葉", "")
ONE, OTHER = company_id("", NUMBER), company_id("", OTHER_NUMBER)
NARA = company_id("斎藤設備\tsaito-nara.co.jp", "")

Row = tuple[str, str, str, int]
"""Core of the name, 法人番号, domain, and how many records say so."""


def found(*rows: Row) -> list[str | None]:
    """The company of each row."""
    counts = {Spelling(core, number, domain): count for core, number, domain, count in rows}
    assert len(counts) == len(rows)
    by_spelling = companies(counts)
    return [by_spelling[spelling] for spelling in counts]


# --- what a record says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "spelling"),
    [
        ({"company": "株式会社青葉製作所", "email": "taro@tokyo.aoba.co.jp"}, ("青葉製作所", "", "aoba.co.jp")),
        ({"company": "㈱青葉製作所 大阪支店", "corporate_number": "T7000012050002"}, ("青葉製作所", NUMBER, "")),
        ({"company": "AOBA Co., Ltd.", "email": "taro@gmail.com"}, ("aoba", "", "")),
        ({"company": "個人", "email": "taro@aoba.co.jp"}, ("", "", "aoba.co.jp")),
        ({"corporate_number": NUMBER}, ("", NUMBER, "")),
        ({"company": "個人", "email": "taro@gmail.com"}, None),
        ({"company": "青葉ホールディングス"}, ("青葉ホールデイングス", "", "")),
        ({}, None),
    ],
)
def test_how_a_record_spells_its_company(said: dict[str, str], spelling: tuple[str, str, str] | None) -> None:
    keys = keys_of(Person(Ref("ma", "visitor", "7"), said), IdentityRules())

    assert spelling_of(keys) == spelling


def test_the_number_makes_the_id_of_a_company_and_the_name_where_there_is_none() -> None:
    assert company_id("青葉", NUMBER) == company_id("若葉", NUMBER) == ONE
    assert len({AOBA, WAKABA, ONE, OTHER, company_id(NUMBER, "")}) == 5
    assert all(one.startswith("c") and len(one) == 17 for one in (AOBA, ONE))


# --- which company is meant -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([("青葉", "", "", 1), ("若葉", "", "", 1)], [AOBA, WAKABA], id="two names are two companies"),
        pytest.param(
            [("青葉", "", "", 9), ("青葉", "", "aoba.co.jp", 1), ("青葉", "", "aoba.com", 1)],
            [AOBA] * 3,
            id="one name is one company, whatever its domains",
        ),
        pytest.param(
            [("青葉", NUMBER, "", 1), ("若葉", NUMBER, "", 1), ("", NUMBER, "", 1)],
            [ONE] * 3,
            id="a company that changed its name keeps its number",
        ),
        pytest.param(
            [("青葉", NUMBER, "", 1), ("青葉", "", "", 5), ("青葉", "", "aoba.co.jp", 5)],
            [ONE] * 3,
            id="who only tells the name means the company with the number",
        ),
        pytest.param(
            [("青葉", NUMBER, "", 1), ("青葉", OTHER_NUMBER, "", 1)],
            [ONE, OTHER],
            id="two numbers are two companies, though of one name",
        ),
        pytest.param(
            [("青葉", NUMBER, "", 5), ("青葉", OTHER_NUMBER, "", 1), ("青葉", "", "", 9)],
            [ONE, OTHER, AOBA],
            id="which of two companies of one name is meant would be a guess",
        ),
        pytest.param(
            [
                ("斎藤設備", NUMBER, "saito-yamagata.co.jp", 2),
                ("斎藤設備", OTHER_NUMBER, "saito-kyoto.co.jp", 2),
                ("斎藤設備", "", "saito-kyoto.co.jp", 1),
                ("斎藤設備", "", "saito-yamagata.co.jp", 1),
                ("斎藤設備", "", "saito.example.jp", 1),
            ],
            [ONE, OTHER, OTHER, ONE, company_id("斎藤設備", "")],
            id="two companies of one name in two prefectures, by their domains",
        ),
        pytest.param(
            [("青葉", NUMBER, "aoba.co.jp", 1), ("青葉", OTHER_NUMBER, "aoba.co.jp", 1), ("青葉", "", "aoba.co.jp", 9)],
            [ONE, OTHER, AOBA],
            id="and not where both are there",
        ),
        pytest.param(
            [
                ("斎藤設備", NUMBER, "saito-mie.co.jp", 1),
                ("斎藤設備", "", "saito-nara.co.jp", 4),
                ("斎藤設備", "", "saito-tsu.co.jp", 3),
                ("斎藤設備", "", "", 9),
                ("", "", "saito-nara.co.jp", 1),
            ],
            [ONE, NARA, ONE, ONE, NARA],
            id="a namesake that is at home at a domain of its own and never shows the number",
        ),
        pytest.param(
            [("斎藤設備", NUMBER, "", 3), ("斎藤設備", "", "saito-nara.co.jp", 4)],
            [ONE] * 2,
            id="but the number must have a domain of its own, too",
        ),
        pytest.param([("青葉", "", "aoba.co.jp", 2), ("", "", "aoba.co.jp", 1)], [AOBA] * 2, id="no name but a domain"),
        pytest.param([("", "", "aoba.co.jp", 7)], [None], id="a domain alone is no company"),
        pytest.param(
            [("青葉", "", "aoba.co.jp", 1), ("", "", "aoba.co.jp", 1)],
            [AOBA, None],
            id="one record does not speak for a domain",
        ),
        pytest.param(
            [("青葉", NUMBER, "aoba.co.jp", 1), ("", "", "aoba.co.jp", 1)],
            [ONE] * 2,
            id="unless it tells the number",
        ),
        pytest.param(
            [("青葉", "", "group.co.jp", 5), ("若葉", "", "group.co.jp", 5), ("", "", "group.co.jp", 5)],
            [AOBA, WAKABA, None],
            id="a domain of two companies says nothing",
        ),
        pytest.param(
            [("青葉", "", "aoba.co.jp", 3), ("aoba", "", "aoba.co.jp", 9)],
            [AOBA] * 2,
            id="the English name beside the only Japanese one at the domain",
        ),
        pytest.param(
            [("青葉", "", "aoba.co.jp", 3), ("aoba", "", "aoba.co.jp", 1), ("aoba", "", "", 1)],
            [AOBA] * 3,
            id="and where no domain is told",
        ),
        pytest.param(
            [
                ("青葉", "", "aoba.co.jp", 3),
                ("若葉", "", "wakaba.co.jp", 3),
                ("global", "", "aoba.co.jp", 1),
                ("global", "", "wakaba.co.jp", 1),
                ("global", "", "", 1),
            ],
            [AOBA, WAKABA, AOBA, WAKABA, company_id("global", "")],
            id="an English name that two companies use",
        ),
        pytest.param(
            [("青葉", "", "g.co.jp", 3), ("若葉", "", "g.co.jp", 3), ("aoba", "", "g.co.jp", 3)],
            [AOBA, WAKABA, company_id("aoba", "")],
            id="the English name beside two Japanese ones",
        ),
        pytest.param(
            [("青葉", "", "aoba.co.jp", 3), ("aoba", NUMBER, "aoba.co.jp", 1)],
            [AOBA, ONE],
            id="the English name with a number of its own",
        ),
        pytest.param(
            [("aoba", "", "aoba.com", 3), ("wakaba", "", "aoba.com", 3), ("", "", "aoba.com", 1)],
            [company_id("aoba", ""), company_id("wakaba", ""), None],
            id="two English names at one domain",
        ),
        pytest.param(
            [("青葉製作所", "", "aoba.co.jp", 3), ("青葉制作所", "", "aoba.co.jp", 1)],
            [company_id("青葉製作所", "")] * 2,
            id="a wrong conversion, once",
        ),
        pytest.param(
            [("青葉製作所", "", "aoba.co.jp", 3), ("青葉制作所", "", "aoba.co.jp", 2)],
            [company_id("青葉製作所", ""), company_id("青葉制作所", "")],
            id="what two records say is no mistake",
        ),
        pytest.param(
            [("青葉製作所", "", "aoba.co.jp", 3), ("青葉制作所", "", "elsewhere.co.jp", 1)],
            [company_id("青葉製作所", ""), company_id("青葉制作所", "")],
            id="a name like it, elsewhere",
        ),
        pytest.param(
            [("青葉製作所", "", "aoba.co.jp", 3), ("若葉商事", "", "aoba.co.jp", 1)],
            [company_id("青葉製作所", ""), company_id("若葉商事", "")],
            id="a guest at the domain",
        ),
    ],
)
def test_which_company_a_spelling_means(rows: list[Row], expected: list[str | None]) -> None:
    assert found(*rows) == expected
    assert found(*reversed(rows)) == expected[::-1]


@pytest.mark.parametrize("uses", [1, 2, 100])
@pytest.mark.parametrize(
    ("parent", "subsidiary"),
    [
        ("青葉", "青葉物流"),
        ("青葉", "青葉ホールディングス"),
        ("青葉", "青葉ファイナンス"),
        ("青葉製作所", "青葉製作所労働組合"),
        ("青葉電機", "青葉電機販売"),
        ("青葉東京販売", "青葉大阪販売"),
        ("青葉システム", "青葉システム九州"),
        ("青葉システム九州", "青葉システム"),
    ],
)
def test_parent_and_subsidiary_are_never_one_though_they_share_a_domain(
    parent: str, subsidiary: str, uses: int
) -> None:
    rows = [(parent, "", "aoba.co.jp", 50), (subsidiary, "", "aoba.co.jp", uses)]

    assert found(*rows) == [company_id(parent, ""), company_id(subsidiary, "")]
    assert found(*rows, ("", "", "aoba.co.jp", 1))[:2] == found(*rows)


# --- any companies ----------------------------------------------------------------------------------------------------

SPELLINGS = st.builds(
    Spelling,
    st.sampled_from(["", "青葉製作所", "青葉制作所", "若葉", "aoba"]),
    st.sampled_from(["", "", "", NUMBER, OTHER_NUMBER]),
    st.sampled_from(["", "aoba.co.jp", "wakaba.co.jp"]),
).filter(any)
COUNTS = st.dictionaries(SPELLINGS, st.integers(1, 5), max_size=12)


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_spellings_does_not_matter(counts: dict[Spelling, int], dice: Random) -> None:
    shuffled = list(counts)
    dice.shuffle(shuffled)

    assert companies({spelling: counts[spelling] for spelling in shuffled}) == companies(counts)


@given(COUNTS)
def test_whoever_tells_a_number_is_that_company_and_different_numbers_are_never_one(
    counts: dict[Spelling, int],
) -> None:
    told = companies(counts)

    assert told.keys() == counts.keys()
    assert all(told[spelling] == company_id("", spelling.number) for spelling in counts if spelling.number)
    # Who tells a name is somebody; and nobody is a company that nobody speaks of.
    assert all(told[spelling] for spelling in counts if spelling.core)
    known = {company_id(s.core, "") for s in counts if s.core} | {company_id("", s.number) for s in counts if s.number}
    known |= {company_id(f"{s.core}\t{s.domain}", "") for s in counts if s.core and s.domain}
    assert {company for company in told.values() if company} <= known


@given(COUNTS)
def test_a_name_that_two_records_use_is_one_company_or_several_with_numbers(counts: dict[Spelling, int]) -> None:
    told = companies(counts)
    for core in {spelling.core for spelling in counts if not spelling.core.isascii()}:
        of_it = {spelling: told[spelling] for spelling in counts if spelling.core == core}
        if sum(counts[spelling] for spelling in of_it) > 1:
            numbers = {spelling.number for spelling in of_it if spelling.number}
            apart = {company_id(f"{core}\t{spelling.domain}", "") for spelling in of_it if spelling.domain}
            usual = {company_id(core, ""), *(company_id("", number) for number in numbers)}
            assert set(of_it.values()) <= usual | (apart if len(numbers) == 1 else set())
            assert len(numbers) > 1 or len({c for s, c in of_it.items() if not s.number} - apart) < 2


class Book:
    """How many records use each spelling, and what each means; changed as the engine does it."""

    def __init__(self) -> None:
        self.counts: dict[Spelling, int] = {}
        self.meant: dict[Spelling, str | None] = {}

    def _by_name(self, some: Collection[Spelling]) -> list[tuple[Spelling, int]]:
        cores = {spelling.core for spelling in some} - {""}
        return [(spelling, count) for spelling, count in self.counts.items() if spelling.core in cores]

    def _by_domain(self, some: Collection[Spelling]) -> list[tuple[Spelling, int]]:
        domains = {spelling.domain for spelling in some} - {""}
        return [(spelling, count) for spelling, count in self.counts.items() if spelling.domain in domains]

    def use(self, change: Mapping[Spelling, int]) -> Mapping[Spelling, str | None]:
        """From now on so many records use these (0: none); what was looked at."""
        self.counts = {spelling: count for spelling, count in {**self.counts, **change}.items() if count}
        looked_at = around(change, self._by_name, self._by_domain)
        self.meant |= looked_at
        self.meant = {spelling: company for spelling, company in self.meant.items() if spelling in self.counts}
        return looked_at


@given(st.lists(st.dictionaries(SPELLINGS, st.integers(0, 5), min_size=1, max_size=3), max_size=10))
def test_looking_around_what_changed_gives_what_looking_at_everything_gives(
    changes: list[dict[Spelling, int]],
) -> None:
    book = Book()
    for change in changes:
        looked_at = book.use(change)

        assert book.meant == companies(book.counts)
        assert looked_at.keys() <= book.counts.keys()


def test_what_has_nothing_in_common_with_a_change_is_not_looked_at() -> None:
    book = Book()
    book.use({Spelling("青葉", "", "aoba.co.jp"): 3, Spelling("若葉", "", "wakaba.co.jp"): 3})

    assert book.use({Spelling("青葉", NUMBER, ""): 1}).keys() == {
        Spelling("青葉", "", "aoba.co.jp"), Spelling("青葉", NUMBER, ""),
    }  # fmt: skip


def test_a_number_learnt_at_one_domain_tells_who_is_meant_at_another() -> None:
    book = Book()
    nameless = Spelling("", "", "aoba.com")
    book.use({Spelling("青葉", "", "aoba.com"): 2, nameless: 1})
    assert book.meant[nameless] == AOBA

    book.use({Spelling("青葉", NUMBER, "aoba.co.jp"): 1})

    assert book.meant[nameless] == ONE


def test_an_english_name_means_elsewhere_what_it_means_at_home() -> None:
    book = Book()
    book.use({Spelling("aoba", "", "aoba.co.jp"): 1, Spelling("aoba", "", ""): 1})
    assert book.meant[Spelling("aoba", "", "")] == company_id("aoba", "")

    book.use({Spelling("青葉", "", "aoba.co.jp"): 2})
    assert book.meant[Spelling("aoba", "", "")] == AOBA

    book.use({Spelling("若葉", "", "aoba.co.jp"): 2})
    assert book.meant[Spelling("aoba", "", "")] == company_id("aoba", "")


def test_no_text_is_too_strange() -> None:
    odd = Spelling("\ud83d" * 1_000, "", "\x00\u202e")

    assert found((*odd, 1), ("", "", odd.domain, 2)) == [company_id(odd.core, ""), None]


def test_one_visitor_does_not_move_a_company_that_many_say_they_are_of() -> None:
    aoba, sony, _ = found(("青葉商事", "", "aoba.co.jp", 2), ("sony", "", "", 50), ("sony", "", "aoba.co.jp", 1))
    assert sony != aoba
