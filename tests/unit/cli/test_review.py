"""Doubtful pairs on the command line: shown, asked, filled in, taken; and what an audit says."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from connector.changes import AnyChange, CreatePerson, Lane, Reason, SetFields
from connector.cli import cli
from connector.cli.review import effect_lines
from connector.cli.say import Console
from connector.cli.views import show_plan
from connector.engine import planning, suggest
from connector.engine.preview import Shown, plan_preview
from connector.engine.review import Answer, Became, Effect, decide, parse_ref, questions
from connector.errors import text
from connector.model import Kind, Ref
from connector.ports import Receipt
from connector.rules.plan import RETRY_STALE
from connector.store import tables as t
from connector.store.database import writing
from connector.store.identities import Verdict
from connector.store.people import all_filed
from tests.machine.world import World

DAISUKE = {"name": "鈴木 大輔", "company": "海鳴電子"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    made = World(tmp_path / "w")
    made.sfa.add_person(email="suzuki@uminari-example.co.jp", department="=cmd()", **DAISUKE)
    made.ma.add_person(email="suzuki.d@uminari-example.co.jp", **DAISUKE)
    made.run()
    yield made
    made.close()


def review(world: World, *words: str, typed: str | None = None) -> str:
    done = CliRunner().invoke(cli, ["review", "-c", str(world.folder / "config.yaml"), *words], input=typed)
    assert done.exit_code == 0, done.output
    return done.output


def people(world: World) -> int:
    with world.app.reading() as conn:
        return len({one.identity for one in all_filed(conn, 0, 100)})


def refs(world: World) -> tuple[str, str]:
    (a,), (b,) = world.ma.people.values(), world.sfa.people.values()
    return str(a.ref), str(b.ref)


def test_a_pair_is_shown_side_by_side_with_what_a_yes_would_change(world: World) -> None:
    said = review(world)

    assert "the same name at the same company; but two personal addresses at one organisation" in said
    for shown in (*refs(world), "suzuki@uminari", "suzuki.d@uminari", "a yes would change", "pairs that wait: 1"):
        assert shown in said
    assert people(world) == 2, "showing decides nothing"


def test_of_what_a_yes_would_change_only_that_is_told_which_would_not_be_written_anyway(world: World) -> None:
    number: Any = {"system": "sfa", "identity": "p2", "lane": Lane.SCORES}
    why = (Reason("create", "not yet in sfa"),)
    contact = SetFields(key="contact", ref=Ref("sfa", "person", "1"), values={"id": "p2", "score": 0}, **number)
    lead = CreatePerson(
        key="lead", object="lead", key_field="id", key_value="p1", values={"name": "鈴木"}, reasons=why, **number
    )
    better = replace(contact, values={"id": "p2", "score": 25.0})
    before = (Became("p1", (Ref("ma", "person", "1"),), (), (lead,)), Became("p2", (contact.ref,), (), (contact,)))
    after = (Became("p2", (Ref("ma", "person", "1"), contact.ref), (), (better,)),)

    assert effect_lines(Console(), Effect(before, after)) == [
        "p1 (1 record) → p2 (2 records)",
        "p2 (1 record) → p2 (2 records)",
        "~ sfa/person/1  score: ? → 25",
        "no more: + sfa/lead",
    ]


def test_who_would_be_created_is_among_it_though_nothing_is_read_for_it(world: World) -> None:
    visitor = world.ma.add_person(
        email="sato.k@uminari-example.co.jp", name="佐藤 圭", company="海鳴電子", family_name="佐藤"
    )
    world.sfa.add_person(email="sato@uminari-example.co.jp", name="佐藤 圭", company="海鳴電子")
    for _ in range(5):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, datetime.now(UTC))
    assert CliRunner().invoke(cli, ["plan", "-c", str(world.folder / "config.yaml")]).exit_code == 0

    _, no = review(world).split("a no would change:")

    assert "+ sfa/person" in no


def test_it_speaks_japanese(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_LANG", "ja")

    assert "同じ会社の同じ氏名。ただし同じ組織に個人アドレスが2つあります" in review(world)


def test_answers_are_typed_where_somebody_sits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    typed = iter(["what?", "s"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    from connector.cli.review import Reviewing

    Reviewing(world.app, Console(), "山本", "", 20).ask(interactive=True)

    assert people(world) == 1
    assert "nothing to review" in review(world)


@pytest.mark.parametrize(("words", "count", "left"), [("q", 2, 1), ("d", 2, 0), ("later", 2, 0), ("same", 1, 0)])
def test_what_is_typed_counts(world: World, monkeypatch: pytest.MonkeyPatch, words: str, count: int, left: int) -> None:
    monkeypatch.setattr("builtins.input", lambda _: words)
    from connector.cli.review import Reviewing

    Reviewing(world.app, Console(), "山本", "", 20).ask(interactive=True)

    assert people(world) == count
    assert len(questions(world.app)) == left
    world.pass_time(timedelta(days=31))
    assert len(questions(world.app)) == (count == 2 and words != "d")


def test_pairs_are_filled_in_in_a_spreadsheet(world: World, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    review(world, "--csv", str(file))
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["record_a"], row["record_b"]) for row in rows] == [refs(world)]
    assert rows[0]["department_b"] == "'=cmd()", "no spreadsheet runs it"
    assert file.stat().st_mode & 0o777 == 0o600

    rows[0] |= {"decision": "同一", "reason": "電話で確認"}
    with file.open("w", encoding="cp932", newline="") as stream:  # as Excel saves it
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    said = review(world, "--from", str(file), "--by", "山本")

    assert "decisions taken: 1" in said
    assert people(world) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "maybe"}, "pairs.csv:2: 'maybe' is no decision"),
        ({"decision": "same", "record_a": "nobody"}, "'nobody' is not a record"),
        ({"decision": "same", "record_a": "ma/person/999"}, "not known: ma/person/999"),
    ],
)
def test_a_mistake_in_the_file_is_told_and_nothing_is_taken(
    world: World, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    file = tmp_path / "pairs.csv"
    review(world, "--csv", str(file))
    rows = [row | change for row in csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    done = CliRunner().invoke(cli, ["review", "-c", str(world.folder / "config.yaml"), "--from", str(file)])

    assert message in str(done.exception)
    assert people(world) == 2


def test_same_different_and_split_by_record(world: World) -> None:
    a, b = refs(world)

    assert "the next run corrects the systems" in review(world, "--same", a, b)
    assert people(world) == 1
    review(world, "--split", a)
    assert people(world) == 2
    assert json.loads(review(world, "--json")) == [], "what was split is not asked again"
    review(world, "--different", a, b, "--reason", "two desks")
    assert people(world) == 2


@pytest.fixture
def doubtful(world: World) -> World:
    """A visitor who is worth a record, and may be the contact: the same name at the same company, another address."""
    (visitor,) = world.ma.people.values()
    world.ma.edit_person(visitor.ref, family_name="鈴木")
    for days in range(1, 5):
        world.ma.add_touchpoint(visitor.ref, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=days))
    return world


def test_nobody_is_created_while_it_is_asked_who_that_is(doubtful: World, capsys: pytest.CaptureFixture[str]) -> None:
    visitor, contact = parse_ref(refs(doubtful)[0]), refs(doubtful)[1]

    shown = plan_preview(doubtful.app, pull=True, as_of=None)
    show_plan(Console(), shown, 0)

    out = capsys.readouterr().out
    assert f"review: 作成しない: {contact} と同一人物の可能性" in out
    assert "not created until `connector review` is answered: 1" in out
    assert creations(shown) == []
    doubtful.run()
    assert len(doubtful.sfa.people) == 1
    decide(doubtful.app, [Answer(visitor, parse_ref(contact), "later")], "佐藤")
    assert creations(plan_preview(doubtful.app, pull=False, as_of=None)) == [], "nobody has answered yet"


@pytest.mark.parametrize(("answer", "created"), [("--different", 1), ("--same", 0)])
def test_an_answer_decides_at_once_whether_somebody_is_created(doubtful: World, answer: str, created: int) -> None:
    doubtful.run()

    review(doubtful, answer, *refs(doubtful))

    assert len(creations(plan_preview(doubtful.app, pull=False, as_of=None))) == created
    doubtful.run()
    assert len(doubtful.sfa.people) == 1 + created


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two visitors who are worth a record each, and may be one; sales knows neither."""
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    made = World(tmp_path / "w")
    for local in ("suzuki", "suzuki.d"):
        comes(made, local)
    yield made
    made.close()


def comes(world: World, local: str) -> None:
    """A visitor who is worth a record."""
    visitor = world.ma.add_person(email=f"{local}@uminari-example.co.jp", family_name="鈴木", **DAISUKE)
    for days in range(1, 6):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=days))


@pytest.mark.parametrize("chunk", [1, 1000])
def test_of_two_new_people_who_may_be_one_only_one_is_created(
    strangers: World, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", chunk)
    shown = plan_preview(strangers.app, pull=True, as_of=None)
    (made,) = creations(shown)
    (held,) = [item for item in shown.withheld if item.rule == "review"]
    assert held.identity != made.identity
    assert made.identity in held.text

    for _ in range(3):
        strangers.run()
        strangers.pass_time(2 * RETRY_STALE)
    assert len(strangers.sfa.people) == 1


@pytest.mark.parametrize(("verdict", "there"), [("different", 2), ("same", 1)])
def test_the_answer_about_two_new_people_decides_whether_both_are_created(
    strangers: World, verdict: Verdict, there: int
) -> None:
    strangers.run()
    (pair,) = questions(strangers.app)
    decide(strangers.app, [Answer(pair.a.ref, pair.b.ref, verdict)], "佐藤")

    strangers.run()

    assert len(strangers.sfa.people) == there


def test_who_may_be_somebody_that_cannot_be_created_does_not_wait_for_ever(
    strangers: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = creations(plan_preview(strangers.app, pull=True, as_of=None))
    carry_out = strangers.sfa.carry_out

    def refusing(change: AnyChange) -> Receipt:
        if change.key == made.key:
            return Receipt(change.key, "refused", what=text("not wanted", "不要"))
        return carry_out(change)

    monkeypatch.setattr(strangers.sfa, "carry_out", refusing)
    strangers.run()
    assert not strangers.sfa.people
    strangers.pass_time(RETRY_STALE)

    strangers.run()

    assert len(strangers.sfa.people) == 1


@pytest.mark.parametrize("how", ["answer lost", "in a job", "made and deleted by hand"])
def test_who_is_joined_to_somebody_after_being_made_is_not_made_a_second_time(strangers: World, how: str) -> None:
    (made,) = creations(plan_preview(strangers.app, pull=True, as_of=None))
    with strangers.app.reading() as conn:
        (other,) = (one for one in all_filed(conn, 0, 100) if one.identity != made.identity)
    # Whose id outlives the other's: more records have it.
    email = strangers.ma.people[other.person.ref.id].fields["email"]
    strangers.ma.add_person(email=email, family_name="鈴木", **DAISUKE)
    strangers.sfa.late = int(how != "made and deleted by hand")
    strangers.run()
    if how == "in a job":  # as one leaves it that outlives its run; the system of this world has none
        with writing(strangers.app.store) as conn:
            travels = update(t.outbox).where(t.outbox.c.key == made.key)
            conn.execute(travels.values(state="inflight", job="handle", uncertain_until=None))
    if how == "made and deleted by hand":
        strangers.run()
        (person,) = strangers.sfa.people.values()
        strangers.sfa.delete_person(person.ref)
        strangers.run()

    (pair,) = questions(strangers.app)
    decide(strangers.app, [Answer(pair.a.ref, pair.b.ref, "same")], "佐藤")
    strangers.sfa.late = 0
    strangers.run()
    strangers.sfa.settle()  # what was late is there now
    for _ in range(2):
        strangers.pass_time(2 * RETRY_STALE)
        strangers.run()

    assert len(strangers.sfa.people) == int(how != "made and deleted by hand")
    with strangers.app.reading() as conn:
        (left,) = {one.identity for one in all_filed(conn, 0, 100) if not one.gone}
    assert left == other.identity
    assert all(person.fields["ma_id"] == left for person in strangers.sfa.people.values())


@pytest.mark.parametrize("busy", [False, True])
def test_who_may_be_somebody_whose_record_was_deleted_does_not_wait_for_ever(tmp_path: Path, busy: bool) -> None:
    """Even when that one is planned every time."""
    world = World(tmp_path / "w")
    comes(world, "suzuki")
    world.run()
    (made,) = world.sfa.people.values()
    world.sfa.delete_person(made.ref)
    world.run()

    comes(world, "suzuki.d")
    if busy:
        first = min(world.ma.people.values(), key=lambda person: person.ref.id)
        world.ma.add_touchpoint(first.ref, Kind.PAGE_VIEW, world.now)
    world.run()

    assert len(world.sfa.people) == 1
    world.close()


def creations(shown: Shown) -> list[CreatePerson]:
    return [change for change in shown.fresh if isinstance(change, CreatePerson)]


def test_who_decided_stands_in_the_audit_trail(world: World) -> None:
    a, b = refs(world)
    review(world, "--same", a, b, "--by", "佐藤")

    said = CliRunner().invoke(cli, ["audit", "-c", str(world.folder / "config.yaml")]).stdout

    assert "pairs decided 1" in said
    assert "nothing was changed, taken out or put in" in said


def test_pairs_as_data(world: World) -> None:
    (pair,) = json.loads(review(world, "--json"))

    assert (pair["rule"], pair["guard"], pair["evidence"]) == ("E4", "mail", "name_company")
    assert (pair["a"]["record"], pair["b"]["record"]) == refs(world)


def test_without_the_extra_suggesting_says_what_to_install(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(suggest, "import_module", absent)
    done = CliRunner().invoke(cli, ["review", "-c", str(world.folder / "config.yaml"), "--suggest"])

    assert "ma-sfa-connector[match]" in str(done.exception)


def test_an_audit_is_written_and_judged(world: World, tmp_path: Path) -> None:
    for number in range(4):
        for system in (world.ma, world.sfa):
            system.add_person(email=f"p{number}@aozora-example.co.jp", name=f"{'甲乙丙丁'[number]}野 一")
    world.run()
    file = tmp_path / "audit.csv"

    done = CliRunner().invoke(
        cli, ["identity", "audit", "-c", str(world.folder / "config.yaml"), "--sample", "3", "--out", str(file)]
    )

    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["rule"] for row in rows] == ["E1 100"] * 3
    for row, decision in zip(rows, ("same", "same", "different"), strict=True):
        row["decision"] = decision
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = CliRunner().invoke(cli, ["identity", "audit", "--score", str(file), "--json"])
    assert done.exit_code == 0, done.output
    judged = json.loads(done.output)["E1 100"]
    assert (judged["checked"], judged["right"]) == (3, 2)
    assert 0.2 < judged["at_least"] < 2 / 3


def test_why_tells_what_joins_and_what_did_not(world: World) -> None:
    a, _ = refs(world)
    world.ma.add_person(email="Suzuki.D＠mail.uminari-example.co.jp", name="鈴木　大輔", company="海鳴電子㈱")
    world.run()

    done = CliRunner().invoke(cli, ["why", a, "-c", str(world.folder / "config.yaml")])

    assert done.exit_code == 0, done.output
    assert "the same personal mail address suzuki.d@uminari-example.co.jp / Suzuki.D＠mail" in done.output
    assert "not joined" in done.output
    assert "two personal addresses at one organisation" in done.output


def test_status_tells_how_many_pairs_wait(world: World) -> None:
    done = CliRunner().invoke(cli, ["status", "-c", str(world.folder / "config.yaml")])

    assert "pairs to review: 1" in done.output
