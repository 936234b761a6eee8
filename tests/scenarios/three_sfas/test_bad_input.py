"""Bad input in one SFA: told with its cell, parked or refused, nothing lost; everything else goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.config import load
from connector.engine.report import Exit, Report
from connector.engine.status import status
from connector.errors import ConfigError
from connector.store import runs
from tests.scenarios.three_sfas.world import World, world

ONE, TWO = "saegusa@hekikai-example.co.jp", "enomoto@enomoto-example.co.jp"


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    """One person in kintone, another in e-Sales Manager, both in the MA."""
    with world(tmp_path) as made:
        made.visitor(ONE)
        made.visitor(TWO, "榎本 静", "株式会社榎本")
        made.in_kintone(ONE)
        made.in_esales(TWO)
        made.probe()
        yield made


def score_in_kintone(ready: World) -> str:
    return str(ready.kintone.get(ready.apps.people.id, "1")["MAスコア"])


def score_in_esales(ready: World) -> object:
    return ready.remix.get("person", 2).get(10002)


def told(report: Report) -> str:
    return "\n".join(f"{system}: {error}" for system, error in report.problems)


def parked(ready: World) -> list[str]:
    with ready.app() as app:
        return [f"{each.system} {each.kind} {each.code} {each.error}" for each in status(app).parked]


def test_an_option_that_does_not_exist_parks_the_row_and_names_the_cell(ready: World) -> None:
    ready.edit("mappings/scores.yaml", ("hot: 40", "hot: 15"))
    ready.edit("mappings/people-kintone.yaml", ("hot: ホット", "hot: 灼熱"))

    report = ready.run()

    assert report.exit is Exit.PARKED
    (row,) = parked(ready)
    assert row.startswith("kintone SetFields ")
    assert "MAランク" in row
    assert score_in_esales(ready) == 15

    ready.edit("mappings/people-kintone.yaml", ("hot: 灼熱", "hot: ホット"))
    assert ready.run().exit is Exit.DONE
    assert ready.kintone.get(ready.apps.people.id, "1")["MAランク"] == "ホット"


def test_a_field_removed_between_two_runs_stops_that_app_alone(ready: World) -> None:
    ready.run()
    deal = ready.deal_in_kintone()
    ready.kintone.change_fields(ready.apps.people.id, remove=["メールアドレス"])
    ready.visitor(TWO, "榎本 静", "株式会社榎本")

    report = ready.run()

    assert report.exit is Exit.FAILED
    assert "メールアドレス" in told(report)
    assert report.ledger["kintone", "deals"].used >= 1, deal
    assert report.ledger["shanon", "visitor"].used >= 1
    ready.edit(
        "mappings/people-kintone.yaml", ("    email:               {to: メールアドレス, wins: sfa_unless_blank}\n", "")
    )
    assert ready.run().exit is Exit.DONE


def test_a_choice_renamed_in_the_sfa_stops_deals_and_releases_nobody(ready: World) -> None:
    deal = ready.deal_in_kintone(確度="A")
    ready.run()
    members = ready.systems.smp.members(1)
    assert members
    options = {"label": "失注（他社）", "index": "4"}
    field = {**ready.kintone.app(ready.apps.deals.id).fields["進捗"].settings, "code": "進捗", "type": "DROP_DOWN"}
    kept = {name: each for name, each in field["options"].items() if name != "失注"}
    renamed = {"進捗": {**field, "options": {**kept, "失注（他社）": options}}}
    ready.kintone.change_fields(ready.apps.deals.id, add=renamed)
    ready.kintone.update(ready.apps.deals.id, deal, {"進捗": "失注（他社）", "完了日": "2026-10-14"})

    report = ready.run()

    assert "失注" in told(report)
    assert "kintone" in told(report)
    assert ready.systems.smp.members(1) == members
    ready.edit("mappings/deals-kintone.yaml", ("lost: 失注", "lost: 失注（他社）"))
    ready.run()
    assert ready.systems.smp.members(1) == []


def test_an_app_in_a_guest_space_through_the_plain_path_is_told_and_the_rest_goes_on(ready: World) -> None:
    guest = ready.kintone.create_app("外部", {"件名": {"type": "SINGLE_LINE_TEXT", "label": "件名"}}, guest_space=7)
    token = ready.folder / "guest"
    token.write_text(ready.kintone.add_token(guest, "view", "add"), encoding="utf-8")
    ready.edit(
        "config.yaml",
        ("      alerts: {id: 3,", f"      outside: {{id: {guest}, token: {{file: {token}}}}}\n      alerts: {{id: 3,"),
    )
    ready.edit("mappings/deals-kintone.yaml", ("object: deals", "object: outside"))

    report = ready.run()

    assert report.exit is Exit.FAILED
    assert "guest_space" in told(report)
    assert score_in_kintone(ready) == "15"
    assert score_in_esales(ready) == 15


def test_an_answer_in_an_unknown_shape_is_kept_masked_and_the_others_go_on(ready: World) -> None:
    strange = json.dumps({"hits": 1, "rows": [["榎本 静", TWO]]}, ensure_ascii=False)
    ready.remix.chaos.plan("status", status=200, body=strange, mimetype="application/json", path="search", times=99)

    report = ready.run()

    assert {system for system, _ in report.problems} == {"esales"}
    assert score_in_kintone(ready) == "15"
    with ready.app() as app, app.reading() as conn:
        answer = runs.evidence(conn, "esales")["answer"]
    assert "hits" in answer
    assert "榎本" not in answer
    assert TWO not in answer

    ready.remix.chaos.calm()
    assert ready.run().exit is Exit.DONE
    assert score_in_esales(ready) == 15


def test_two_tokens_of_one_app_are_told_by_lint(ready: World) -> None:
    text = (ready.folder / "config.yaml").read_text(encoding="utf-8")
    (ready.folder / "config.yaml").write_text(text.replace("kintone_deals", "kintone_people"), encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(ready.folder / "config.yaml")

    (problem,) = caught.value.problems
    assert problem.line > 1
    assert "token" in str(problem)


def test_a_token_that_lost_its_rights_parks_nothing_and_loses_nothing(ready: World) -> None:
    ready.kintone.remove_token(ready.apps.people.token)
    (ready.folder / "secrets" / "kintone_people").write_text(
        ready.kintone.add_token(ready.apps.people.id, "view"), encoding="utf-8"
    )

    report = ready.run()

    assert report.exit is Exit.FAILED
    assert {system for system, _ in report.problems} == {"kintone"}
    assert parked(ready) == []
    assert score_in_esales(ready) == 15

    (ready.folder / "secrets" / "kintone_people").write_text(
        ready.kintone.add_token(ready.apps.people.id, "view", "edit"), encoding="utf-8"
    )
    assert ready.run().exit is Exit.DONE
    assert score_in_kintone(ready) == "15"
