"""Pairs that are suggested by probability: what is asked of a person, and what becomes of it in the store."""

from __future__ import annotations

import logging
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.identity import person_of
from benchmarks.identity_data import generate
from connector.engine import suggest
from connector.engine.pull import store_page
from connector.engine.suggest import RULE, Band, Suggestion, keep_suggestions, precision, shown, suggest_all
from connector.errors import ConnectorError
from connector.model import Person, Ref
from connector.ports import Page
from connector.rules.compare import Name
from connector.rules.identify import IdentityRules, Keys, keys_of
from connector.rules.resolve import Edge, Group, identify
from connector.store import identities
from tests.conftest import NOT_OFFERED
from tests.machine.world import World

needs_splink = pytest.mark.skipif(
    find_spec("splink") is None, reason=f"{NOT_OFFERED} splink: the extra is large, and no lock file holds it"
)


def ref(id_: str) -> Ref:
    return Ref("ma", "person", id_)


def keys(id_: str, name: str = "", mailbox: str = "", *, role: bool = False) -> Keys:
    domain = mailbox.rpartition("@")[2] or None
    return Keys(ref(id_), name=Name.of(full=name), mailbox=mailbox or None, role=role, domain=domain)


def alone(*ids: str) -> list[Group]:
    return [Group((ref(id_),)) for id_ in ids]


def pair(a: str, b: str, probability: float = 0.9) -> Suggestion:
    return Suggestion(ref(a), ref(b), probability)


def asked(suggestions: Sequence[Suggestion]) -> list[tuple[str, str, str]]:
    return [(one.a.id, one.b.id, one.guard) for one in suggestions]


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_what_has_nothing_against_it_is_asked_first_then_what_is_most_probable() -> None:
    records = [keys("a", "山田 太郎"), keys("b", "山田 次郎"), keys("c", "山田 太郎"), keys("d", "山田")]

    found = shown([pair("a", "b", 0.99), pair("a", "d", 0.6), pair("a", "c", 0.7)], records, alone(*"abcd"), ())

    assert asked(found) == [("a", "c", ""), ("a", "d", ""), ("a", "b", "name")]


def test_two_people_are_asked_about_once_by_their_likeliest_pair() -> None:
    groups = [Group((ref("a"), ref("b"))), Group((ref("c"), ref("d")))]

    found = shown([pair("a", "c", 0.6), pair("b", "d", 0.8), pair("a", "d", 0.7)], [], groups, ())

    assert asked(found) == [("b", "d", "")]


def test_records_of_one_person_are_not_asked_about() -> None:
    assert shown([pair("a", "b")], [], [Group((ref("a"), ref("b")))], ()) == []


def test_records_that_belong_to_nobody_known_are_not_asked_about() -> None:
    assert shown([pair("a", "x")], [], alone("a"), ()) == []


def test_people_who_need_no_question_get_none_whichever_records_are_alike() -> None:
    groups = [Group((ref("a"), ref("b"))), Group((ref("c"), ref("d")))]

    assert shown([pair("a", "c")], [], groups, [(ref("b"), ref("d"))]) == []


def test_another_name_and_another_mailbox_at_one_company_are_two_people() -> None:
    records = [
        keys("a", "山田 太郎", "taro.yamada@a.co.jp"),
        keys("b", "鈴木 一郎", "ichiro.suzuki@a.co.jp"),
        keys("c", "山田 太郎", "yamada2@a.co.jp"),
    ]

    found = shown([pair("a", "b"), pair("a", "c")], records, alone(*"abc"), ())

    assert asked(found) == [("a", "c", "mail")]


def test_what_any_record_of_the_two_people_says_may_speak_against_it() -> None:
    records = [keys("a", "山田 太郎"), keys("b"), keys("c", "佐藤 花子"), keys("d")]
    groups = [Group((ref("a"), ref("b"))), Group((ref("c"), ref("d")))]

    assert asked(shown([pair("b", "d")], records, groups, ())) == [("b", "d", "name")]


@pytest.mark.parametrize(
    ("one", "other", "guard"),
    [
        ("taro.yamada@a.co.jp", "taro.yamda@a.co.jp", ""),  # mistyped
        ("taro.yamada@a.co.jp", "taro.yamada2@a.co.jp", "mail"),  # namesakes
        ("taro.yamada@a.co.jp", "taro.yamada@b.co.jp", ""),
    ],
)
def test_an_address_that_was_mistyped_is_no_other(one: str, other: str, guard: str) -> None:
    records = [keys("a", "山田 太郎", one), keys("b", "山田 太郎", other)]

    assert asked(shown([pair("a", "b")], records, alone("a", "b"), ())) == [("a", "b", guard)]


def test_an_address_for_roles_speaks_against_nobody() -> None:
    records = [keys("a", "山田 太郎", "info@a.co.jp", role=True), keys("b", "山田 太郎", "yamada@a.co.jp")]

    assert asked(shown([pair("a", "b")], records, alone("a", "b"), ())) == [("a", "b", "")]


def test_what_the_rules_ask_and_what_somebody_denied_is_not_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [Group((ref("a"),), (), (Edge(ref("a"), ref("b"), "E4", 55, "name_company", "mail"),)), *alone(*"bcd")]
    monkeypatch.setattr(suggest, "score", lambda *_, **__: [pair("a", "b"), pair("a", "c"), pair("b", "d")])

    found = suggest.suggest([], groups, known={(ref("a"), ref("c")): "different"})

    assert asked(found) == [("b", "d", "")]


# --- how right it was -------------------------------------------------------------------------------------------------


def test_each_decided_pair_counts_in_the_band_of_its_probability() -> None:
    found = precision(
        [(0.5, "same"), (0.89, "different"), (0.9, "same"), (0.99, "same"), (1.0, "same"), (0.4, "different")]
    )

    assert found == (Band(0.5, 2, 1), Band(0.9, 1, 1), Band(0.99, 2, 2))
    assert [band.precision for band in found] == [0.5, 1.0, 1.0]


def test_nothing_is_told_of_what_nobody_decided() -> None:
    assert [band.precision for band in precision([])] == [None, None, None]


def test_the_evidence_says_how_much_each_comparison_weighs() -> None:
    one = Suggestion(ref("a"), ref("b"), 0.9, (("name", 12.6), ("company", 8.94), ("mail", -2.2)))

    assert one.evidence == "name +12.6, company +8.9, mail -2.2"
    assert suggest.evidence_text(one.evidence).in_("ja") == "氏名 +12.6、会社 +8.9、メール -2.2"
    assert suggest.evidence_text(one.evidence).in_("en") == one.evidence


# --- what is compared -------------------------------------------------------------------------------------------------


def compared(records: Sequence[Keys]) -> list[Keys]:
    return suggest._comparable(records, {record.ref: number for number, record in enumerate(records)})


def test_records_with_neither_a_name_nor_an_address_of_their_own_are_left_out() -> None:
    records = [
        keys("a", "山田"),
        keys("b", mailbox="yamada@a.co.jp"),
        keys("c"),
        keys("d", "", "info@a.co.jp", role=True),
    ]

    assert [one.ref.id for one in compared(records)] == ["a", "b"]


def test_an_address_that_many_people_share_is_nobodys() -> None:
    records = [keys(id_, name, "sekkei@a.co.jp") for id_, name in zip("abc", ["山田", "佐藤", "鈴木"], strict=True)]

    assert {one.mailbox for one in compared(records)} == {None}
    assert {one.mailbox for one in compared(records[:2])} == {"sekkei@a.co.jp"}


def test_a_company_is_compared_by_the_commonest_spelling_of_its_number() -> None:
    spelt = ["ヤマダ", "ヤマダ", "YAMADA"]
    records = [
        Keys(ref(id_), name=Name.of(full="山田 太郎"), company=company, corporate_number="1010001000006")
        for id_, company in zip("abc", spelt, strict=True)
    ]

    assert {one.company for one in compared(records)} == {"ヤマダ"}


# --- in the store -----------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def put(world: World, *people: Person) -> None:
    lease = world.app.lease()
    try:
        with lease.writing() as conn:
            store_page(conn, world.app.setup, Page(people, ""), world.now)
    finally:
        lease.release()


def person(id_: str, name: str, **fields: str) -> Person:
    return Person(ref(id_), {"name": name, **fields})


@pytest.fixture
def people(world: World) -> World:
    """Four people, of whom the rules ask whether the first two are one."""
    put(
        world,
        person("a", "山田 太郎", company="青空商事", email="t.yamada@aozora.co.jp"),
        person("b", "山田 太郎", company="青空商事", email="taro@aozora.co.jp"),
        person("c", "山田 太郎", company="赤空商事"),
        person("d", "鈴木 一郎"),
    )
    return world


def proposals(world: World) -> list[tuple[str, str, str, str, int, str]]:
    with world.app.reading() as conn:
        found = identities.proposals(conn)
        ids = {no: one.id for no, one in identities.refs_of(conn, {no for p in found for no in (p.a, p.b)}).items()}
    return [(ids[p.a], ids[p.b], p.rule, p.evidence, p.strength, p.guard) for p in found]


def keep(world: World, *suggestions: Suggestion) -> int:
    lease = world.app.lease()
    try:
        with lease.writing() as conn:
            return keep_suggestions(conn, suggestions)
    finally:
        lease.release()


def test_a_suggestion_is_a_proposal_with_its_probability_and_its_reasons(people: World) -> None:
    rules = proposals(people)
    assert [(a, b, guard) for a, b, *_, guard in rules] == [("a", "b", "mail")]

    assert keep(people, Suggestion(ref("a"), ref("c"), 0.8765, (("name", 12.6), ("company", -5.1)), "name")) == 1

    assert proposals(people) == [*rules, ("a", "c", RULE, "name +12.6, company -5.1", 876, "name")]


def test_what_was_suggested_before_makes_way_and_what_the_rules_propose_stays(people: World) -> None:
    rules = proposals(people)
    keep(people, pair("a", "c"), pair("c", "d"))

    keep(people, pair("b", "c", 1.0))
    assert [found for found in proposals(people) if found not in rules] == [("b", "c", RULE, "", 999, "")]

    keep(people)
    assert proposals(people) == rules


def test_a_pair_that_the_rules_propose_stays_theirs(people: World) -> None:
    rules = proposals(people)

    assert keep(people, pair("a", "b")) == 0
    assert proposals(people) == rules


def test_a_record_that_is_not_stored_is_not_proposed(people: World) -> None:
    assert keep(people, pair("a", "nobody")) == 0


def test_what_was_suggested_about_a_record_is_forgotten_when_the_record_changes(people: World) -> None:
    keep(people, pair("c", "d"))

    put(people, person("d", "鈴木 二郎"))

    assert RULE not in [rule for _, _, rule, *_ in proposals(people)]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Suggestion]:
    """What the model would say, and no need for Splink."""
    said: list[Suggestion] = []
    monkeypatch.setattr(suggest, "_splink", lambda: None)
    monkeypatch.setattr(suggest, "score", lambda *_, **__: said)
    return said


def test_all_living_records_are_searched_and_the_outcome_is_proposed(people: World, scored: list[Suggestion]) -> None:
    rules = proposals(people)
    scored += [pair("a", "b", 0.99), pair("a", "c", 0.8), pair("c", "d", 0.7)]
    lease = people.app.lease()

    found = suggest_all(people.app, lease)

    assert (found.records, found.pairs, found.doubtful) == (4, 2, 1)
    assert [found for found in proposals(people) if found not in rules] == [
        ("a", "c", RULE, "", 800, ""),
        ("c", "d", RULE, "", 700, "name"),
    ]


def test_what_was_decided_is_not_asked_again_and_tells_how_right_the_probabilities_are(
    people: World, scored: list[Suggestion]
) -> None:
    lease = people.app.lease()
    with lease.writing() as conn:
        nos = {one.id: no for no, one in identities.refs_of(conn, range(1, 9)).items()}
        decision = identities.Decision(nos["a"], nos["c"], "different", "me", people.now)
        identities.put_decisions(conn, [decision])
    scored += [pair("a", "c", 0.95), pair("c", "d", 0.6)]

    found = suggest_all(people.app, lease)

    assert found.reviewed == (Band(0.5, 0, 0), Band(0.9, 1, 0), Band(0.99, 0, 0))
    assert [(a, b) for a, b, rule, *_ in proposals(people) if rule == RULE] == [("c", "d")]


# --- with and without Splink ------------------------------------------------------------------------------------------


def test_without_splink_it_is_said_how_to_get_it(people: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)

    with pytest.raises(ConnectorError) as caught:
        suggest_all(people.app, people.app.lease())

    for language in ("en", "ja"):
        assert "pip install 'ma-sfa-connector[match]'" in caught.value.in_(language)


def test_of_few_records_nothing_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "_splink", lambda: None)

    with pytest.raises(ConnectorError, match="too little to learn from in 2 records"):
        suggest.suggest([keys("a", "山田 太郎"), keys("b", "山田 太郎")], alone("a", "b"))


def learnt(**instead: list[tuple[float | None, float | None]]) -> bool:
    """Of levels with their probabilities among one person's records, and among strangers'; None: not seen."""
    model: dict[str, list[tuple[float | None, float | None]]] = {
        "name": [(0.9, 1e-5), (0.1, 0.99)],
        "mail": [(0.8, None), (0.2, 1.0)],
        "company": [(None, None), (None, None)],
        "mobile": [(None, None), (None, 1.0)],
    }
    names = ("m_probability", "u_probability")
    comparisons = [
        {
            "output_column_name": name,
            "comparison_levels": [
                {"is_null_level": True},
                *({n: p for n, p in zip(names, level, strict=True) if p is not None} for level in levels),
            ],
        }
        for name, levels in (model | instead).items()
    ]
    return suggest._learnt({"comparisons": comparisons})


def test_a_model_is_used_only_if_likeness_speaks_for_one_person() -> None:
    assert learnt()
    assert not learnt(name=[(1e-6, 1e-5), (0.1, 0.99)])
    assert not learnt(mail=[(0.8, 1e-5), (0.99, 0.9)])
    assert not learnt(company=[(None, 0.1), (None, 0.9)])


SOME = 250
"""People, with more than twice as many records."""


@pytest.fixture(scope="module")
def list_of_people() -> tuple[list[Keys], tuple[Group, ...], dict[Ref, str]]:
    rules = IdentityRules()
    rows = [(person_of(row), row.person) for row in generate(SOME, 7)]
    records = [keys_of(one, rules) for one, _ in rows]
    return records, identify(records, rules), {one.ref: who for one, who in rows}


@needs_splink
def test_what_is_suggested_is_mostly_true_and_always_the_same(
    list_of_people: tuple[list[Keys], tuple[Group, ...], dict[Ref, str]],
) -> None:
    records, groups, whose = list_of_people

    found = suggest.suggest(records, groups)

    assert found
    assert sum(whose[one.a] == whose[one.b] for one in found) >= 0.7 * len(found)
    assert all(one.probability >= 0.5 and 0 < len(one.weights) <= 5 for one in found)
    assert suggest.suggest(list(reversed(records)), groups) == found


@needs_splink
def test_it_works_in_silence_without_a_network_and_leaves_nothing_behind(
    list_of_people: tuple[list[Keys], tuple[Group, ...], dict[Ref, str]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError

    records, groups, _ = list_of_people
    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    a, b = groups[0].records[0], groups[1].records[0]

    with caplog.at_level(logging.DEBUG):
        suggest.score(records, groups, seed=1, min_probability=0.5, also=[(a, b)])

    assert not [record for record in caplog.records if record.name.startswith("splink")]
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@needs_splink
def test_decided_pairs_are_scored_even_if_they_are_one_person_by_now(
    list_of_people: tuple[list[Keys], tuple[Group, ...], dict[Ref, str]],
) -> None:
    records, groups, _ = list_of_people
    by_ref = {record.ref: record for record in records}
    a, b = next(
        (a, b)
        for group in groups
        for a, b in zip(group.records, group.records[1:], strict=False)
        if by_ref[a].name and by_ref[a].name == by_ref[b].name and by_ref[a].mailbox == by_ref[b].mailbox
    )

    scored = suggest.score(records, groups, seed=1, min_probability=0.5, also=[(b, a)])

    assert [one.probability > 0.99 for one in scored if (one.a, one.b) == (a, b)] == [True]


@needs_splink
def test_records_that_hardly_agree_teach_nothing() -> None:
    records = [keys(f"{n:04}", f"{chr(0x4E00 + n)}本 太郎", f"p{n}@a{n}.co.jp") for n in range(600)]

    with pytest.raises(ConnectorError, match="too little to learn from in 600 records"):
        suggest.suggest(records, alone(*(f"{n:04}" for n in range(600))))
