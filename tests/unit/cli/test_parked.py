"""`errors` and `retry` as the administrator uses them: why, what next, and what the next run then does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS, System
from connector.changes import AddTouchpoint
from connector.cli import cli
from connector.cli.say import harmless
from connector.engine.app import now as at
from connector.errors import text
from connector.model import Kind, Ref
from connector.ports import Receipt

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
PEOPLE = "- {in: sfa, object: person, fields: {touchpoints.count: {to: visits, wins: ma}}}\n"


class Stubborn(System):
    """An SFA that tells more of a refusal than the plain one."""

    what = text("{place}: the text is too long", "{place}: 文字数が上限を超えています", place="person.visits")
    fix = text("lengthen the field", "項目の文字数を増やしてください")
    said = "visits: data value too large"
    doubtful = False

    def carry_out(self, change: object) -> Receipt:
        receipt = super().carry_out(change)  # type: ignore[arg-type]
        if receipt.status != "refused":
            return receipt
        return Receipt(
            receipt.key, "refused", code="TOO_LONG", what=self.what, fix=self.fix, said=self.said,
            doubtful=self.doubtful,
        )  # fmt: skip


@pytest.fixture
def sfa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubborn]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    SYSTEMS["ma"], SYSTEMS["sfa"] = System("ma"), (made := Stubborn("sfa"))
    for name in ("taro", "hanako"):
        visitor = SYSTEMS["ma"].add_person(email=f"{name}@alpha.co.jp")
        ref = made.add_person(email=f"{name}@alpha.co.jp", visits=7)
        made.refuses.add(ref.id)
        SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW, SYSTEMS["ma"].now - timedelta(days=1))
    yield made
    SYSTEMS.clear()


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def data(*words: str) -> dict[str, list[dict[str, object]]]:
    result = call(*words, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return dict(json.loads(result.stdout))


def visits(sfa: System) -> list[object]:
    return [person.fields["visits"] for _, person in sorted(sfa.people.items())]


def test_errors_tells_cause_count_vendor_example_and_next_step(sfa: Stubborn) -> None:
    assert call("run").exit_code == 3
    (first, _) = sorted(f"sfa/person/{id_}" for id_ in sfa.refuses)

    shown = call("errors")

    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("sfa  TOO_LONG  SetFields 2, since 20")
    assert lines[1:] == [
        "  person.visits: the text is too long",
        '  sfa says: "visits: data value too large"',
        f"  e.g. {first}",
        "  next: lengthen the field",
        "  then: connector retry TOO_LONG --system sfa",
        "2 changes are parked, 0 records could not be read",
    ]


def test_errors_speaks_japanese_though_the_run_did_not(sfa: Stubborn, monkeypatch: pytest.MonkeyPatch) -> None:
    call("run")
    monkeypatch.setenv("CONNECTOR_LANG", "ja")

    shown = call("errors").stdout

    assert "  person.visits: 文字数が上限を超えています\n" in shown
    assert "  対応: 項目の文字数を増やしてください\n" in shown
    assert "文字数が上限を超えています → 項目の文字数を増やしてください" in call("status").stdout
    assert "文字数が上限を超えています → 項目の文字数を増やしてください" in call("report").stdout


def test_errors_as_data_has_both_languages_apart_and_the_command(sfa: Stubborn) -> None:
    call("run")

    (cause,) = data("errors")["parked"]

    assert (cause["cause"], cause["count"], cause["fix_ja"]) == ("TOO_LONG", 2, "項目の文字数を増やしてください")
    assert (cause["said"], cause["doubtful"]) == ("visits: data value too large", False)
    assert cause["retry"] == "connector retry TOO_LONG --system sfa"
    assert data("errors", "--system", "ma")["parked"] == []


def test_what_a_vendor_says_steers_no_terminal(sfa: Stubborn) -> None:
    sfa.said = "\x1b[31mred\x1b[0m\r\n\x9b2J\u202eback"
    call("run")

    shown = call("errors").stdout

    assert '  sfa says: "�[31mred�[0m �2J�back"\n' in shown


def test_what_a_vendor_says_stands_in_no_log_report_or_metric(sfa: Stubborn, tmp_path: Path) -> None:
    sfa.said = "金糸雀"
    with (tmp_path / "config.yaml").open("a", encoding="utf-8") as config:
        config.write("run: {metrics_file: m.prom}\n")
    shown = [call(*words) for words in (["run", "--json"], ["report", "--json"], ["report"], ["status", "--json"])]

    assert shown[0].exit_code == 3
    assert "金糸雀" not in "".join(each.output for each in shown) + (tmp_path / "m.prom").read_text(encoding="utf-8")
    assert "金糸雀" in call("errors").stdout


@pytest.mark.parametrize("words", ["営業 Ω 𠮷 ⏎", "tab\there", "two\nlines"])
def test_harmless_words_stay(words: str) -> None:
    assert harmless(words) == words


def test_records_that_could_not_be_read_stand_in_errors_too(sfa: Stubborn) -> None:
    sfa.unreadable |= sfa.refuses
    call("run")

    (one,) = data("errors")["unreadable"]

    assert (one["system"], one["stream"], one["count"], one["what_ja"]) == ("sfa", "people", 2, "読み取れません")
    assert "sfa  unreadable  unreadable people 2, last seen" in call("errors").stdout


def test_nothing_parked_is_said_so(sfa: Stubborn) -> None:
    sfa.refuses.clear()
    call("run")

    assert call("errors").stdout == "nothing to mend\n"
    assert call("retry", "--all").exit_code == 0


def test_without_a_yes_retry_only_shows(sfa: Stubborn) -> None:
    call("run")
    sfa.refuses.clear()

    for words in (["retry", "TOO_LONG"], ["retry", "--all", "--dry-run"]):
        shown = call(*words)
        assert shown.exit_code == 2, shown.output
        assert "  > sfa  TOO_LONG  SetFields 2\n" in shown.stdout
        assert "nothing was changed; --yes does it" in shown.stdout

    call("run")
    assert visits(sfa) == [7, 7]


def test_what_was_mended_is_sent_by_the_next_run_and_only_once(sfa: Stubborn) -> None:
    call("run")
    sfa.refuses.clear()

    assert call("retry", "TOO_LONG", "--yes").exit_code == 0
    told = json.loads(call("audit", "--json").stdout)["counts"]
    assert (told["retried"], told["refused"]) == (1, 2), "who said so stands in the audit trail"
    assert data("errors")["parked"] == []
    assert data("retry", "--all", "--yes")["back"] == []  # they are due already

    assert call("run").exit_code == 0
    assert visits(sfa) == [1, 1]
    (first, _) = sfa.people.values()
    sfa.edit_person(first.ref, visits=1)
    commits = sfa._commits
    call("run")
    assert sfa._commits == commits


def test_their_people_are_planned_anew_before_anything_is_sent(sfa: Stubborn) -> None:
    call("run")
    assert json.loads(call("status", "--json").stdout)["affected"] == 0

    call("retry", "--all", "--yes")

    assert json.loads(call("status", "--json").stdout)["affected"] == 2


def test_what_is_refused_again_is_parked_again_with_all_its_attempts_before_it(sfa: Stubborn) -> None:
    call("run")

    call("retry", "--all", "--yes")

    assert call("run").exit_code == 3
    (cause,) = data("errors")["parked"]
    assert (cause["cause"], cause["count"]) == ("TOO_LONG", 2)


def test_one_person_is_retried(sfa: Stubborn) -> None:
    call("run")
    sfa.refuses.clear()

    assert data("retry", "--person", "taro@alpha.co.jp", "--yes")["back"] == [
        {"system": "sfa", "cause": "TOO_LONG", "kind": "SetFields", "count": 1}
    ]
    call("run")

    assert visits(sfa) == [1, 7]


def test_a_wish_that_has_changed_meanwhile_goes_out_as_it_is_now(sfa: Stubborn) -> None:
    call("run")
    sfa.refuses.clear()
    visitor = next(iter(SYSTEMS["ma"].people.values())).ref
    call("retry", "--all", "--yes")
    SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW, SYSTEMS["ma"].now)

    call("run")

    assert visits(sfa) == [2, 1]


def test_a_wish_that_is_no_longer_wanted_is_not_sent(sfa: Stubborn) -> None:
    call("run")
    sfa.refuses.clear()
    for person in list(sfa.people.values()):
        sfa.edit_person(person.ref, visits=1)  # somebody wrote by hand what was to be written
    call("retry", "--all", "--yes")
    commits = sfa._commits

    assert call("run").exit_code == 0
    assert sfa._commits == commits


def test_what_may_be_there_already_is_not_sent_again_by_itself(sfa: Stubborn) -> None:
    sfa.doubtful = True
    call("run")
    sfa.refuses.clear()

    assert "then: connector retry TOO_LONG --system sfa --doubtful" in call("errors").stdout
    shown = call("retry", "--all", "--yes")
    assert shown.exit_code == 0
    assert "  = sfa  TOO_LONG  SetFields 2: may have taken effect" in shown.stdout
    call("run")
    assert visits(sfa) == [7, 7]

    call("retry", "TOO_LONG", "--doubtful", "--yes")
    call("run")
    assert visits(sfa) == [1, 1]


TIMELINE = "- {in: sfa, object: person, timeline: {to: entry, kinds: [page_view], since: 30d}}\n"


class Full(Stubborn):
    """An SFA that takes no entries about some people."""

    asked = 0

    def carry_out(self, change: object) -> Receipt:
        if isinstance(change, AddTouchpoint) and change.person.id in self.refuses:
            self.asked += 1
            return Receipt(change.key, "refused", code="FULL", what=self.what, doubtful=self.doubtful)
        return super().carry_out(change)


@pytest.mark.parametrize("doubtful", [False, True])
def test_an_entry_that_is_dismissed_counts_as_done_and_is_never_sent(
    sfa: Stubborn, tmp_path: Path, doubtful: bool
) -> None:
    full = SYSTEMS["sfa"] = Full("sfa", now=at())
    full.doubtful = doubtful
    person = full.add_person(email="taro@alpha.co.jp")
    full.refuses.add(person.id)
    SYSTEMS["ma"] = System("ma", now=at())
    visitor = SYSTEMS["ma"].add_person(email="taro@alpha.co.jp")
    SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW, full.now - timedelta(days=1))
    (tmp_path / "mappings" / "people.yaml").write_text(TIMELINE, encoding="utf-8")
    assert call("run").exit_code == 3
    way = "or, where it is there: connector retry FULL --system sfa --dismiss"
    assert (way in call("errors").stdout) == doubtful

    proposed = call("retry", "FULL", "--dismiss")
    assert proposed.exit_code == 2
    assert "  - sfa  FULL  AddTouchpoint 1\n" in proposed.stdout
    assert "1 change would count as done without being sent, 0 stay parked\n" in proposed.stdout
    assert call("errors").stdout.endswith("1 change is parked, 0 records could not be read\n")

    done = call("retry", "FULL", "--dismiss", "--yes")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0, "1 change counts as done and is never sent, 0 stay parked",
    )  # fmt: skip
    full.refuses.clear()
    assert call("run").exit_code == 0
    assert call("errors").stdout == "nothing to mend\n"
    assert (full.asked, full.timeline) == (1, {})


def test_what_the_next_plan_would_wish_for_again_is_not_dismissed(sfa: Stubborn) -> None:
    call("run")
    again = "the next plan would wish for it again: mend the record, the mapping or the rule"
    shown = call("retry", "--all", "--dismiss", "--yes")
    assert shown.stdout.splitlines() == [
        f"  = sfa  TOO_LONG  SetFields 2: {again}",
        "0 changes count as done and are never sent, 2 stay parked",
    ]
    assert call("retry", "--all", "--dismiss", "--doubtful").exit_code == 2


def test_changes_for_a_system_that_was_taken_out_stay_parked(sfa: Stubborn, tmp_path: Path) -> None:
    call("run")
    config = "systems:\n  ma: {type: memory, role: ma}\n  other: {type: memory, role: sfa}\n"
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE.replace("sfa", "other"), encoding="utf-8")

    found = data("retry", "--all", "--yes")

    assert found["back"] == []
    assert [each["count"] for each in found["left"]] == [2]


@pytest.mark.parametrize(
    "words", [[], ["TOO_LONG", "--all"], ["--all", "--person", "x"], ["--all", "--dry-run", "--yes"]]
)
def test_what_is_meant_must_be_said(sfa: Stubborn, words: list[str]) -> None:
    assert call("retry", *words).exit_code == 2


def test_while_a_run_is_at_work_nothing_is_put_back(sfa: Stubborn) -> None:
    from connector.config import load
    from connector.engine.app import open_app
    from connector.errors import Locked

    call("run")
    app = open_app(load(Path("config.yaml")))
    with app.lease():
        assert isinstance(call("retry", "--all", "--yes").exception, Locked)
        assert call("retry", "--all", "--dry-run").exit_code == 2
    app.close()
    assert len(data("errors")["parked"]) == 1


def test_a_person_who_is_nobody_is_said_so(sfa: Stubborn) -> None:
    call("run")
    assert "nobody is known" in str(call("retry", "--person", str(Ref("sfa", "person", "x")), "--yes").exception)


@pytest.mark.usefixtures("sfa")
@pytest.mark.parametrize("words", [["errors"], ["retry", "--all"], ["backfill"]])
def test_a_mistyped_system_is_not_taken_for_one_where_all_is_well(words: list[str]) -> None:
    call("run")

    result = call(*words, "--system", "sfaa")

    assert result.exit_code == 1
    assert "there is no system 'sfaa'" in str(result.exception)
