"""What waits when people are joined, when a part of the work goes ahead, or when a command dies half way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS, System
from connector.changes import AnyChange, CreatePerson
from connector.cli import cli
from connector.model import Kind, Ref
from connector.ports import Receipt

CONFIG = """
systems:
  ma: {type: memory, role: ma}
  sfa: {type: memory, role: sfa}
run: {guards: {at_least: 1}}
"""
COUNTED = "- {in: sfa, object: person, fields: {touchpoints.count: {to: visits, wins: ma}}}\n"
CREATED = """
- in: sfa
  object: person
  key: our_key
  create: {object: person, when: {score.interest: {gte: 10}}}
  fields: {email: {to: email, wins: once}, touchpoints.count: {to: visits, wins: ma}}
"""
SCORES = "interest: {rules: [{id: web, touchpoint: page_view, within: 1y, points: 10}], bands: {hot: 10}}\n"
NURTURE = "- {id: warm-up, when: {score.interest: {gte: 10}}, list: warm, in: ma}\n"


class Unsure(System):
    """An SFA that cannot say whether it has made somebody."""

    unsure = True

    def carry_out(self, change: AnyChange) -> Receipt:
        if self.unsure and isinstance(change, CreatePerson):
            return Receipt(change.key, "refused", code="OUTCOME_UNKNOWN", doubtful=True)
        return super().carry_out(change)


@pytest.fixture
def ma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    (tmp_path / "mappings").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "mappings" / "scores.yaml").write_text(SCORES, encoding="utf-8")
    SYSTEMS["ma"], SYSTEMS["sfa"] = (made := System("ma")), Unsure("sfa")
    yield made
    SYSTEMS.clear()


def configure(*, people: str, nurture: str = "") -> None:
    Path("mappings/people.yaml").write_text(people, encoding="utf-8")
    if nurture:
        Path("mappings/nurture.yaml").write_text(nurture, encoding="utf-8")


def visitor(ma: System, email: str) -> Ref:
    made = ma.add_person(email=email)
    ma.add_touchpoint(made, Kind.PAGE_VIEW, ma.now - timedelta(days=1))
    return made


def call(*words: str, code: int) -> Result:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def visits() -> list[object]:
    return [person.fields.get("visits") for _, person in sorted(SYSTEMS["sfa"].people.items())]


def test_who_turned_out_to_be_known_is_not_made_by_an_older_plan(ma: System) -> None:
    configure(people=CREATED)
    visitor(ma, "hanako@alpha.co.jp")
    SYSTEMS["sfa"].add_person(email="hanako@alpha.co.jp", visits=1)
    call("run", "--force", "first", code=0)
    private = visitor(ma, "hanako@home.ne.jp")
    call("run", code=5)
    assert "1 change, nothing written" in call("plan", "--detailed-exitcode", "--out", "p.json", code=2).stdout
    ma.edit_person(private, email="hanako@alpha.co.jp")

    assert "the rules do not want it any more" in call("apply", "p.json", "--force", "looked", code=3).stdout

    assert len(SYSTEMS["sfa"].people) == 1


def test_who_has_opted_out_under_another_address_is_put_on_no_list(ma: System) -> None:
    configure(people=COUNTED, nurture=NURTURE)
    ma.add_person(email="hanako@alpha.co.jp", opted_out=True)
    SYSTEMS["sfa"].add_person(email="hanako@alpha.co.jp", visits=7)
    call("run", "--force", "first", code=0)
    private = visitor(ma, "hanako@home.ne.jp")
    call("run", code=5)
    call("plan", "--out", "p.json", code=0)
    ma.edit_person(private, email="hanako@alpha.co.jp", opted_out=False)

    call("apply", "p.json", "--force", "looked", code=3)

    assert not ma.lists.get("warm")


def test_what_may_have_been_made_stays_for_a_person_whatever_later_runs_see(ma: System) -> None:
    configure(people=CREATED)
    sfa = SYSTEMS["sfa"]
    assert isinstance(sfa, Unsure)
    hanako = visitor(ma, "hanako@alpha.co.jp")
    call("run", code=3)
    sfa.down = True
    ma.add_touchpoint(hanako, Kind.PAGE_VIEW, ma.now - timedelta(hours=1))
    call("run", code=1)
    sfa.down, sfa.unsure = False, False

    call("run", code=0)
    assert not sfa.people
    assert "OUTCOME_UNKNOWN" in call("errors", code=0).stdout
    call("retry", "--all", "--doubtful", "--yes", code=0)
    call("run", "--force", "looked", code=0)

    assert len(sfa.people) == 1


@pytest.mark.parametrize("partly", ["apply", "undo"])
def test_a_part_that_goes_ahead_does_not_say_that_people_may_be_joined(ma: System, partly: str) -> None:
    Path("config.yaml").write_text(CONFIG.replace("at_least: 1", "at_least: 1, max_changed: 100%"), encoding="utf-8")
    configure(people=COUNTED)
    taro, _, jiro = (visitor(ma, f"{name}@alpha.co.jp") for name in ("taro", "hanako", "jiro"))
    for name in ("taro", "hanako"):
        SYSTEMS["sfa"].add_person(email=f"{name}@alpha.co.jp", visits=7)
    call("run", code=0)
    first = json.loads(call("report", "--json", code=0).stdout)["run"]
    ma.add_touchpoint(taro, Kind.DOWNLOAD, ma.now - timedelta(hours=1))
    ma.edit_person(jiro, email="hanako@alpha.co.jp")
    assert "people were joined" in call("run", code=5).stdout

    if partly == "apply":
        call("plan", "--select", "person=taro@alpha.co.jp", "--out", "p.json", code=0)
        call("apply", "p.json", "--force", "only taro", code=0)
    else:
        call("undo", first, "--yes", code=0)

    assert "people were joined" in call("run", code=5).stdout
    call("run", "--force", "looked", code=0)
    call("run", code=0)


def test_a_plan_that_dies_before_the_first_run_takes_no_news_from_anybody(
    ma: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(people=COUNTED)
    _, hanako = (visitor(ma, f"{name}@alpha.co.jp") for name in ("taro", "hanako"))
    for name in ("taro", "hanako"):
        SYSTEMS["sfa"].add_person(email=f"{name}@alpha.co.jp", visits=7)
    call("run", code=5)
    call("plan", "--select", "person=taro@alpha.co.jp", "--out", "p.json", code=0)
    ma.add_touchpoint(hanako, Kind.DOWNLOAD, ma.now - timedelta(hours=1))

    def dies(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("connector.store.outbox.recover", dies)
        CliRunner().invoke(cli, ["apply", "p.json", "--force", "looked"])

    call("run", "--force", "looked", code=0)
    assert visits() == [1, 2]


def test_a_plan_shows_what_an_undo_that_waits_writes_along(ma: System) -> None:
    last = "touchpoints.last: {to: last, wins: ma}"
    configure(
        people=f"- {{in: sfa, object: person, fields: {{touchpoints.count: {{to: visits, wins: ma}}, {last}}}}}\n"
    )
    Path("config.yaml").write_text(CONFIG.replace("at_least: 1", "at_least: 100"), encoding="utf-8")
    taro = visitor(ma, "taro@alpha.co.jp")
    sfa = SYSTEMS["sfa"]
    sfa.add_person(email="taro@alpha.co.jp", visits=7, last="x")
    call("run", code=0)
    first = json.loads(call("report", "--json", code=0).stdout)["run"]
    sfa.dies_after = 0
    call("undo", first, "--yes", code=1)
    sfa.dies_after, sfa.down = None, False
    ma.add_touchpoint(taro, Kind.DOWNLOAD, ma.now - timedelta(days=3))

    [planned] = json.loads(call("plan", "--json", "--out", "p.json", code=0).stdout)["changes"]
    call("apply", "p.json", code=0)

    [person] = sfa.people.values()
    assert planned["after"] == {"visits": 2, "last": "x"}
    assert {name: person.fields[name] for name in planned["after"]} == planned["after"]
