"""A golden test made from a real person: it holds at once, tells nobody who that was, and fails when a rule changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from connector.cli import cli
from connector.config import load
from connector.engine.anonymise import Anonymiser
from connector.engine.golden import run_tests
from connector.engine.record import record
from connector.errors import ConnectorError
from connector.model import Deal, DealState, Kind, Person, Ref
from connector.rules.pattern import url_test
from connector.rules.plan import Rules
from connector.rules.score import ScoreRule, ScoreSpec
from connector.spec import read_yaml_text
from tests.machine.world import MAPPINGS, World
from tests.unit.engine.test_schema import wrong

REAL = (
    "鷹觜", "椛音", "タカノハシ", "ハナネ", "takanohashi", "hanane", "9081234567", "9876", "5432", "アルファ", "alpha",
    "ドリームスクエア", "秘密の部署", "極秘", "限定公開", "secret-campaign",
)  # fmt: skip
"""Of the real person; nothing of it may stand in a test."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def history(world: World) -> None:
    """Somebody in both systems, with a deal of the own and one of the company, visits, a seminar and a call."""
    owner = world.sfa.add_owner("営業")
    said = {
        "email": "hanane.takanohashi@alpha.co.jp", "family_name": "鷹觜", "given_name": "椛音",
        "family_kana": "タカノハシ", "given_kana": "ハナネ", "name": "鷹觜 椛音", "mobile": "09081234567",
        "phone": "080-9876-5432", "company": "株式会社アルファ", "address": "東京都千代田区ドリームスクエア",
        "department": "秘密の部署",
    }  # fmt: skip
    visitor = world.ma.add_person(**said)
    contact = world.sfa.add_person(**said | {"company": "㈱アルファ"}, owner_id=owner)
    ago = world.now - timedelta(days=70, seconds=7)
    world.sfa.add_deal("アルファ 極秘案件", probability=70, people=(contact.id,), owner_id=owner, stage_since=ago)
    for days in (1, 2, 40):
        at = world.now - timedelta(days=days, seconds=13)
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, at, label="極秘セミナー", campaign="secret-campaign")
    at = world.now - timedelta(hours=2)
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, at, label="限定公開", url="https://alpha.example/hanane?m=hanane")
    world.ma.add_touchpoint(visitor, Kind.CALL, world.now - timedelta(days=3), result="極秘の結果")
    world.run()


def verdicts(world: World, content: str) -> list[list[str]]:
    place = world.folder / "mappings" / "recorded.test.yaml"
    place.write_text(content, encoding="utf-8")
    found, problems = run_tests(load(world.folder / "config.yaml"))
    assert problems == []
    return [[str(each) for each in verdict.differences] for verdict in found]


def test_it_holds_at_once_and_names_nobody(world: World) -> None:
    history(world)

    recorded = record(world.app, "hanane.takanohashi@alpha.co.jp")

    assert [word for word in REAL if word in recorded.content] == []
    assert verdicts(world, recorded.content) == [[]]
    assert not wrong("test", read_yaml_text(recorded.content, "-")[0])
    assert record(world.app, "hanane.takanohashi@alpha.co.jp") == recorded


def test_it_is_alike_in_shape(world: World) -> None:
    history(world)

    content = record(world.app, "hanane.takanohashi@alpha.co.jp").content

    assert content.count("email: user1@d1.example.jp") == content.count("email: ") > 1, "equal things stay equal"
    assert "name: 佐藤 花子" in content
    assert "family_name: 佐藤" in content
    assert "株式会社サンプル1" in content
    assert "㈱サンプル1" in content
    assert "09000000001" in content
    assert "080-0000-0001" in content
    assert "{kind: page_view, ago: " in content
    assert "https://www.example.jp/page1" in content
    assert content.count("kind: seminar_attended") == 3


@pytest.mark.parametrize(
    ("topic", "old", "new", "said"),
    [
        ("scores", "within: 30d, points: 10", "within: 1h, points: 10", "score.interest"),
        ("scores", "each: true, cap: 21", "each: true, cap: 14", "score.interest"),
        ("alerts", "gte: 60d", "gte: 71d", "alerts"),
        ("protect", "gte: 60}", "gte: 71}", "list no-mail"),
        ("people", "score.interest: {to: score", "score.interest: {to: points", "no mapping writes score"),
    ],
)
def test_it_fails_when_a_rule_changes(world: World, topic: str, old: str, new: str, said: str) -> None:
    history(world)
    content = record(world.app, "hanane.takanohashi@alpha.co.jp").content
    changed = MAPPINGS[topic].replace(old, new)
    assert changed != MAPPINGS[topic]

    (world.folder / "mappings" / f"{topic}.yaml").write_text(changed, encoding="utf-8")

    (differences,) = verdicts(world, content)
    assert any(said in each for each in differences), differences


def test_who_is_meant_must_be_clear(world: World) -> None:
    with pytest.raises(ConnectorError, match="nobody is known by that"):
        record(world.app, "nobody@example.jp")


def test_the_command_writes_a_new_file_that_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    history(world)
    world.app.close()
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    config = str(world.folder / "config.yaml")
    out = world.folder / "mappings" / "one.test.yaml"

    def test(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["test", "-c", config, *words])
        if isinstance(result.exception, ConnectorError):
            return result.exit_code, str(result.exception)
        return result.exit_code, result.output

    person = ("--record", "hanane.takanohashi@alpha.co.jp")
    assert test(*person, "--out", str(out))[0] == 0
    code, said = test("--coverage")
    assert code == 0
    assert "1 of 1 as expected\n" in said
    assert f"{8 - said.count('did nothing in any test')} of 8 rules did something in a test\n" in said
    assert "already there" in test(*person, "--out", str(out))[1]
    assert "would not be run as a test" in test(*person, "--out", str(out.with_name("one.yaml")))[1]
    assert test(*person)[1].startswith("- name: 記録した人物")


# --- made-up values ---------------------------------------------------------------------------------------------------

text = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12).map(str.strip).filter(bool)
url_patterns = ("/price*", "*example.com/case/*", "https://shop.example.com/*", "/price/special", "*plan=1*")


def anonymiser() -> Anonymiser:
    rules = [
        ScoreRule(id=f"r{n}", touchpoint=(Kind.PAGE_VIEW,), within=timedelta(days=1), points=1, url=(pattern,))
        for n, pattern in enumerate(url_patterns)
    ]
    return Anonymiser(Rules({"s": ScoreSpec(rules=tuple(rules))}))


@given(st.lists(text, min_size=2, max_size=6))
def test_equal_values_stay_equal_and_others_apart(values: list[str]) -> None:
    made = anonymiser()
    for word in ("family_name", "company", "department", "email"):
        shown = [made.fields(Person(Ref("ma", "p", "1"), {word: value}))[word] for value in values]
        again = [made.fields(Person(Ref("ma", "p", "1"), {word: value}))[word] for value in values]
        assert shown == again
        if word in ("family_name", "department"):
            assert len(set(shown)) == len(set(values))


@given(st.text("abcdefg@._-/鷹觜", min_size=1, max_size=20))
def test_an_id_tells_nothing(id_: str) -> None:
    made = anonymiser().ref(Ref("csv", "person", id_))

    assert set(made.id) <= set("0123456789")


@pytest.mark.parametrize(
    ("real", "made"),
    [
        ("0035g000000003wAAA", "003000000000000001"),
        ("0035g000000003w", "003000000000001"),
        ("12-57", "12-01"),
        ("588", "001"),
        ("7", "1"),
    ],
)
def test_an_id_keeps_its_shape(real: str, made: str) -> None:
    assert anonymiser().ref(Ref("s", "o", real)).id == made


@pytest.mark.parametrize(
    "real",
    [
        "https://real.example.com/price/7?m=a@b.jp#x",
        "https://real.example.com/case/鷹觜",
        "https://shop.example.com/cart/123",
        "https://real.example.com/about",
        "https://real.example.com/a?plan=1",
        "",
    ],
)
def test_an_address_fits_the_same_patterns(real: str) -> None:
    made = anonymiser().url(real)

    assert [p for p in url_patterns if url_test(p)(made)] == [p for p in url_patterns if url_test(p)(real)]
    assert "real." not in made
    assert "鷹觜" not in made
    assert "a@b" not in made


def test_words_that_rules_name_are_kept() -> None:
    rule = ScoreRule(id="r", touchpoint=(Kind.CALL,), within=timedelta(days=1), points=1, result=("興味あり",))
    made = Anonymiser(Rules({"s": ScoreSpec(rules=(rule,))}))

    assert made.word("結果", "興味あり") == "興味あり"
    assert made.word("結果", "鷹觜さんは興味あり") == "結果1"
    assert made.deal_name(Deal(Ref("s", "d", "1"), "鷹觜商事 更新", DealState.OPEN)) == "案件1"
