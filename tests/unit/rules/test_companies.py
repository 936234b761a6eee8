from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Person, Ref
from connector.rules.companies import Sharing, Spelling, around, companies, company_id, spelling_of
from connector.rules.identify import IdentityRules, keys_of

TOKYO, OSAKA = "7000012050002", "8000012130001"
AOBA = "aoba-example.co.jp"


def said(core: str = "", number: str = "", domain: str = "") -> Spelling:
    return Spelling(core, number, domain)


def parts(counts: Mapping[Spelling, int]) -> set[frozenset[Spelling]]:
    found: dict[str | None, set[Spelling]] = {}
    for spelling, company in companies(counts).items():
        found.setdefault(company, set()).add(spelling)
    return {frozenset(part) for part in found.values()}


def one(*spellings: Spelling) -> frozenset[Spelling]:
    return frozenset(spellings)


def test_what_a_record_says_of_its_company() -> None:
    rules = IdentityRules()
    record = Person(Ref("ma", "visitor", "1"), {"company": "㈱青葉製作所", "email": f"taro@mail.{AOBA}"})

    assert spelling_of(keys_of(record, rules)) == said("青葉製作所", "", AOBA)
    assert spelling_of(keys_of(Person(record.ref, {"email": "taro@gmail.com"}), rules)) is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {said("青葉", "", AOBA): 3, said("青葉"): 1, said("若葉"): 1},
            {one(said("青葉", "", AOBA), said("青葉")), one(said("若葉"))},
            id="by the core of the name",
        ),
        pytest.param(
            {said("青葉", TOKYO): 1, said("青葉", "", AOBA): 4, said("新青葉", TOKYO): 2},
            {one(said("青葉", TOKYO), said("青葉", "", AOBA), said("新青葉", TOKYO))},
            id="a company that was renamed keeps its number",
        ),
        pytest.param(
            {said("花園", TOKYO, "tokyo.jp"): 2, said("花園", OSAKA, "osaka.jp"): 2, said("花園", "", "osaka.jp"): 1},
            {one(said("花園", TOKYO, "tokyo.jp")), one(said("花園", OSAKA, "osaka.jp"), said("花園", "", "osaka.jp"))},
            id="homonyms: the number tells them apart, the domain tells whose",
        ),
        pytest.param(
            {said("花園", TOKYO): 2, said("花園", OSAKA): 2, said("花園"): 3},
            {one(said("花園", TOKYO)), one(said("花園", OSAKA)), one(said("花園"))},
            id="homonyms: nothing tells whose a bare name is",
        ),
        pytest.param(
            {said("青葉製作所", "", AOBA): 5, said("aobaseisakusho", "", AOBA): 9, said("aobaseisakusho"): 2},
            {one(said("青葉製作所", "", AOBA), said("aobaseisakusho", "", AOBA), said("aobaseisakusho"))},
            id="an English name is that of the one company at its domain",
        ),
        pytest.param(
            {said("青葉製作所", "", AOBA): 5, said("青葉制作所", "", AOBA): 1, said("", "", AOBA): 2},
            {one(said("青葉製作所", "", AOBA), said("青葉制作所", "", AOBA), said("", "", AOBA))},
            id="a spelling seen once, and no name at all",
        ),
        pytest.param(
            {said("青葉製作所", "", AOBA): 5, said("緑川運輸", "", AOBA): 1},
            {one(said("青葉製作所", "", AOBA)), one(said("緑川運輸", "", AOBA))},
            id="another name is no misspelling",
        ),
        pytest.param(
            {said("青葉", "", AOBA): 50, said("青葉販売", "", AOBA): 5, said("aoba", "", AOBA): 2},
            {one(said("青葉", "", AOBA)), one(said("青葉販売", "", AOBA)), one(said("aoba", "", AOBA))},
            id="parent and subsidiary on one domain: never one, and an English name may be either's",
        ),
        pytest.param(
            {said("青葉", "", AOBA): 1, said("", "", AOBA): 1},
            {one(said("青葉", "", AOBA)), one(said("", "", AOBA))},
            id="one record makes no home at a domain",
        ),
        pytest.param(
            {said("sony", "", "sony.co.jp"): 4, said("", "", "sony.co.jp"): 1},
            {one(said("sony", "", "sony.co.jp"), said("", "", "sony.co.jp"))},
            id="a company that is called in Latin letters",
        ),
    ],
)
def test_which_spellings_mean_one_company(counts: dict[Spelling, int], expected: set[frozenset[Spelling]]) -> None:
    assert parts(counts) == expected


def test_a_domain_that_several_share_tells_nothing() -> None:
    counts = {said("青葉", "", AOBA): 5, said("青葉販売", "", AOBA): 5, said("", "", AOBA): 1}

    assert companies(counts)[said("", "", AOBA)] is None


def test_a_company_is_called_by_its_number_where_one_is_known() -> None:
    found = companies({said("青葉", TOKYO): 1, said("青葉"): 1, said("若葉"): 2})

    assert found[said("青葉")] == company_id("青葉", TOKYO) != company_id("青葉", "")
    assert found[said("若葉")] == company_id("若葉", "")


# --- after a change ---------------------------------------------------------------------------------------------------

SPELLINGS = st.builds(
    Spelling,
    st.sampled_from(["", "青葉", "青葉販", "青葉販売", "若葉", "aoba", "wakaba"]),
    st.sampled_from(["", "", "", TOKYO, OSAKA]),
    st.sampled_from(["", AOBA, "wakaba.jp", "group.jp"]),
).filter(any)
CHANGES = st.lists(st.dictionaries(SPELLINGS, st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=8)


@given(CHANGES)
def test_deciding_around_a_change_gives_what_deciding_everything_gives(changes: list[dict[Spelling, int]]) -> None:
    counts: dict[Spelling, int] = {}
    decided: dict[Spelling, str | None] = {}

    def sharing(place: int) -> Sharing:
        def find(some: Collection[Spelling]) -> list[tuple[Spelling, int]]:
            wanted = {each[place] for each in some} - {""}
            return [(spelling, count) for spelling, count in counts.items() if spelling[place] in wanted]

        return find

    for change in changes:
        counts = {spelling: count for spelling, count in (counts | change).items() if count}
        decided |= around(change, sharing(0), sharing(2))
        assert {spelling: decided[spelling] for spelling in counts} == companies(counts)


@given(st.dictionaries(SPELLINGS, st.integers(1, 5), max_size=10))
def test_the_order_of_spellings_does_not_matter_and_numbers_are_never_mixed(counts: dict[Spelling, int]) -> None:
    found = companies(counts)

    assert found == companies(dict(reversed(counts.items())))
    by_company: dict[str | None, set[str]] = {}
    for spelling, company in found.items():
        if spelling.number:
            by_company.setdefault(company, set()).add(spelling.number)
    assert all(len(numbers) == 1 for numbers in by_company.values())
