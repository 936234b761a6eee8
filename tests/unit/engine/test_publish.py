"""What a run leaves behind: metrics and its account, from the store, naming nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
import yaml
from defusedxml.ElementTree import fromstring
from prometheus_client.parser import text_string_to_metric_families

from connector.cli.account import show_account
from connector.cli.say import Console
from connector.engine.metrics import HISTOGRAMS, MEANINGS, RUN_SECONDS, measure
from connector.engine.publish import find, published
from connector.engine.reconcile import reconcile
from connector.engine.spending import MS, REQUEST_MS
from connector.errors import ConnectorError, Locked, StoreError, text
from connector.model import DealState, Kind, Ref
from connector.reports.account import Account, Table, account
from connector.reports.page import page
from connector.store import runs, tally
from connector.store import tables as t
from connector.store.runs import Counts
from tests.machine.world import World
from tests.unit.engine.test_reconcile import unseen

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "connector.rules.yaml"
OPTIONS = "run:\n  metrics_file: out/connector.prom\n  reports: {folder: reports, keep: 10d}\n"
NAMES = {*MEANINGS, *HISTOGRAMS, RUN_SECONDS[0]}
PERSONAL = ("山田", "taro@alpha.co.jp", "アルファ")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    config = made.folder / "config.yaml"
    content = config.read_text(encoding="utf-8")
    assert content.count("run:\n") == 1
    config.write_text(content.replace("run:\n", OPTIONS), encoding="utf-8")
    made.restart()
    visitor = made.ma.add_person(email=PERSONAL[1], family_name=PERSONAL[0], company=PERSONAL[2])
    made.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, made.now - timedelta(days=1))
    for day in (2, 3, 4):
        made.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, made.now - timedelta(days=day), label="入門")
    yield made
    made.close()


def publish(world: World, work: Callable[[], Any] | None = None) -> list[ConnectorError]:
    told: list[ConnectorError] = []
    with published(world.app, told.append) as ended:
        report = (work or world.run)()
        ended(report.run)
    return told


Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(content: str) -> Samples:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content)
        for sample in family.samples
    }


def measured(world: World) -> Samples:
    with world.app.reading() as conn:
        return samples(measure(conn, world.app.setup, world.now).text().decode())


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_counters_are_the_ledger_of_all_runs(world: World) -> None:
    reports = [world.run(), world.run(), world.run()]

    found = measured(world)

    for system, stream in reports[0].ledger:
        lines = [report.ledger[system, stream] for report in reports if (system, stream) in report.ledger]
        if stream.startswith("→"):
            written = sum(line.used for line in lines)
            assert found["connector_records_written_total", (stream[1:], system)] == written
        else:
            assert found["connector_records_read_total", (stream, system)] == sum(line.read for line in lines)
    assert found["connector_runs_total", ("done",)] == 3
    assert found["connector_run_seconds_count", ()] == 3
    assert found["connector_run_last_outcome", ("done",)] == 1
    assert found["connector_run_last_success_timestamp_seconds", ()] == world.now.timestamp()
    assert found["connector_run_interval_seconds", ()] == 900


def test_a_store_without_runs_has_never_succeeded(world: World) -> None:
    found = measured(world)
    assert found["connector_run_last_success_timestamp_seconds", ()] == 0
    assert ("connector_freshness_seconds", ("ma",)) not in found
    assert found["connector_dead_letters", ("sfa",)] == 0


def test_what_waits_ages_and_what_is_stale_shows(world: World) -> None:
    world.run()
    world.sfa.add_person(email="second@alpha.co.jp")
    world.run_with_sfa_down_at_delivery()
    world.pass_time(timedelta(hours=1))
    world.sfa.down = True
    world.run()

    found = measured(world)

    assert found["connector_run_last_outcome", ("failed",)] == 1
    assert found["connector_run_last_outcome", ("done",)] == 0
    assert found["connector_freshness_seconds", ("ma",)] == 0
    assert found["connector_freshness_seconds", ("sfa",)] > 3600


def test_the_brake_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    monkeypatch.setattr(
        "connector.engine.run.look_at_brake", lambda _app, report: report.halt(text("too much", "多すぎます"))
    )
    world.run()
    assert measured(world)["connector_breaker_open", ()] == 1


def deal_with_a_past(world: World) -> Ref:
    """A deal in which nothing has moved for long, of somebody who looks at pages; who that is in the MA."""
    owner, long_ago = world.sfa.add_owner("営業"), world.now - timedelta(days=90)
    contact = world.sfa.add_person(email="ichiro@beta.co.jp", family_name="鈴木")
    world.sfa.add_deal("案件", DealState.OPEN, stage_since=long_ago, owner_id=owner, people=(contact.id,))
    return world.ma.add_person(email="ichiro@beta.co.jp", family_name="鈴木")


def test_how_soon_an_alert_follows_its_touchpoint(world: World) -> None:
    visitor = deal_with_a_past(world)
    world.run()
    told_before = len(world.sfa.alerts)
    for late in (timedelta(minutes=5), timedelta(hours=2)):
        world.pass_time(timedelta(days=8))
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - late)
        world.run()
    assert len(world.sfa.alerts) - told_before == 2

    found = measured(world)

    name = "connector_event_to_alert_seconds"
    assert found[f"{name}_bucket", ("300.0", "sfa")] == 0  # the run itself came a second later
    assert found[f"{name}_bucket", ("900.0", "sfa")] == found[f"{name}_bucket", ("3600.0", "sfa")] == 1
    assert found[f"{name}_bucket", ("14400.0", "sfa")] == found[f"{name}_count", ("sfa",)] == 2
    assert found[f"{name}_sum", ("sfa",)] == 301 + 7201


def test_an_alert_that_the_night_kept_back_is_counted_from_the_morning(world: World) -> None:
    config = world.folder / "config.yaml"
    config.write_text(config.read_text().replace("run:", 'run:\n  quiet: {alerts: "20:00-08:00"}'), encoding="utf-8")
    world.restart()
    visitor = deal_with_a_past(world)
    world.run()
    world.pass_time(timedelta(hours=12))  # 22:00 in Tokyo
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now)
    world.run()
    assert not world.sfa.alerts
    world.pass_time(timedelta(hours=10, minutes=1))
    world.run()

    assert [alert.rule for alert in world.sfa.alerts.values()] == ["stirs"]
    assert measured(world)["connector_event_to_alert_seconds_sum", ("sfa",)] == 63


def test_of_a_score_the_newest_touchpoint_counts(world: World) -> None:
    world.run()
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="ichiro@beta.co.jp", family_name="鈴木", owner_id=owner)
    visitor = world.ma.add_person(email="ichiro@beta.co.jp", family_name="鈴木")
    for days in (3, 2, 1):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=days))
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, newest := world.now - timedelta(minutes=1))
    world.run()

    [alert] = [alert for alert in world.sfa.alerts.values() if alert.person == contact]
    assert (alert.rule, alert.stirred_at) == ("hot", newest)


def test_what_took_no_time_is_counted_too(world: World) -> None:
    with world.app.lease() as lease, lease.writing() as conn:
        tally.observe(conn, REQUEST_MS, "sfa", [0], MS)
    found = measured(world)
    assert found["connector_http_request_seconds_count", ("sfa",)] == 1
    assert found["connector_http_request_seconds_sum", ("sfa",)] == 0


def test_a_run_that_was_not_heard_of_is_counted_when_the_next_takes_over(world: World) -> None:
    world.run()
    assert ("connector_lease_fenced_total", ("run",)) not in measured(world)
    world.app.lease()  # and never given back
    with world.app.store.begin() as conn:
        conn.execute(t.lease.update().values(expires=0))
    world.run()
    assert measured(world)["connector_lease_fenced_total", ("run",)] == 1


def test_what_a_comparison_found_stays_until_the_next(world: World) -> None:
    world.run()
    world.run()  # reads what the first one wrote
    assert ("connector_reconcile_drift_records", ("sfa",)) not in measured(world)
    person = world.sfa.people[next(iter(world.sfa.people))]
    unseen(world, person.ref, score=99)

    for differs in (1, 0):
        assert sum(found.differing for found in reconcile(world.app).systems.values()) == differs
        assert measured(world)["connector_reconcile_drift_records", ("sfa",)] == differs
        assert measured(world)["connector_reconcile_drift_records", ("ma",)] == 0


def test_a_comparison_that_could_not_be_made_leaves_what_the_last_one_found(world: World) -> None:
    world.run()
    world.run()
    unseen(world, next(iter(world.sfa.people.values())).ref, score=99)
    reconcile(world.app)
    world.sfa.down = True
    reconcile(world.app)
    assert measured(world)["connector_reconcile_drift_records", ("sfa",)] == 1


def test_what_failed_is_told_by_how(world: World) -> None:
    with world.app.lease() as lease, lease.writing() as conn:
        runs.start_run(conn, "r", world.now, world.now, lease.token, "")
        runs.add_ledger(conn, "r", "sfa", "people", Counts(read=2, parked=2))
        runs.add_ledger(conn, "r", "sfa", "→SetFields", Counts(read=1, parked=1))
    found = measured(world)
    assert found["connector_records_failed_total", ("unreadable", "people", "sfa")] == 2
    assert found["connector_records_failed_total", ("refused", "→SetFields", "sfa")] == 1


def test_protected_people_are_counted(world: World) -> None:
    person = world.sfa.add_person(email=PERSONAL[1], company=PERSONAL[2])
    world.sfa.add_deal("案件", DealState.OPEN, probability=80, people=(person.id,))
    world.run()
    world.run()
    assert measured(world)["connector_suppressed", ("ma",)] == 1


def test_a_preview_is_no_run(world: World) -> None:
    world.run()
    before = measured(world)
    world.fresh()
    after = measured(world)
    for name in ("connector_runs_total", "connector_run_last_outcome"):
        assert after[name, ("done",)] == before[name, ("done",)] == 1


def test_only_metrics_with_a_meaning_are_told_and_nobody_is_named(world: World) -> None:
    world.run()
    publish(world)
    content = (world.folder / "out" / "connector.prom").read_text()
    names = {family.name for family in text_string_to_metric_families(content)}
    assert names <= {name.removesuffix("_total") for name in NAMES}
    assert all(name.startswith("connector_") for name in names)
    assert not [word for word in PERSONAL if word in content]
    ids = {person.ref.id for person in (*world.ma.people.values(), *world.sfa.people.values())}
    labels = {value for (_, values) in samples(content) for value in values}
    assert ids.isdisjoint(labels)


def test_every_alert_is_of_a_metric_that_exists() -> None:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        used = set(re.findall(r"\bconnector_\w+", rule["expr"]))
        assert used, rule["alert"]
        assert used <= NAMES, rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))
        assert set(rule["annotations"]) == {"summary", "action"}
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert labels <= {label for name in used for label in MEANINGS[name][1]}, rule["alert"]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_its_metrics_and_its_account(world: World) -> None:
    assert publish(world) == []

    metrics = world.folder / "out" / "connector.prom"
    assert metrics.stat().st_mode & 0o777 == 0o644
    assert samples(metrics.read_text())["connector_runs_total", ("done",)] == 1
    as_data, as_page = sorted((world.folder / "reports").iterdir(), reverse=True)
    assert (as_data.suffix, as_page.suffix) == (".json", ".html")
    assert as_data.stat().st_mode & 0o007 == 0
    told = json.loads(as_data.read_text())
    assert told["outcome"] == "done"
    sent = {(row["system"], row["kind"], row["status"]): row["count"] for row in told["delivered"]}
    assert sent["sfa", "CreatePerson", "done"] == 1
    assert set(told["freshness"]) == {"ma", "sfa"}
    assert all(line["balances"] for line in told["ledger"])
    for content in (as_data.read_text(), as_page.read_text()):
        assert not [word for word in PERSONAL if word in content]
    assert not list(world.folder.rglob("*.tmp"))


def test_a_run_that_breaks_off_leaves_metrics_all_the_same(world: World) -> None:
    def broken() -> None:
        raise StoreError(text("the disk is full", "ディスクの空きがありません"))

    with pytest.raises(StoreError):
        publish(world, broken)
    assert (world.folder / "out" / "connector.prom").is_file()
    assert not (world.folder / "reports").exists()


def test_what_another_run_holds_up_is_not_ours_to_publish(world: World) -> None:
    def locked() -> None:
        raise Locked(text("another run is at work", "別の実行が動いています"))

    with pytest.raises(Locked):
        publish(world, locked)
    assert not (world.folder / "out").exists()


def test_a_file_that_cannot_be_written_is_told_and_the_run_stands(world: World) -> None:
    (world.folder / "out").write_text("in the way")
    told = publish(world)
    assert [type(error) for error in told] == [ConnectorError]
    assert "cannot be written" in str(told[0])


def test_old_reports_go_and_other_files_stay(world: World) -> None:
    publish(world)
    (kept_data, kept_page) = sorted(path.name for path in (world.folder / "reports").iterdir())
    foreign = world.folder / "reports" / "run-by-hand.html"
    foreign.touch()
    world.pass_time(timedelta(days=9))
    publish(world)
    assert len(list((world.folder / "reports").iterdir())) == 5
    world.pass_time(timedelta(days=2))
    publish(world)
    left = {path.name for path in (world.folder / "reports").iterdir()}
    assert foreign.name in left
    assert left.isdisjoint({kept_data, kept_page})
    assert len(left) == 5


# --- the account ------------------------------------------------------------------------------------------------------


def test_the_last_run_and_one_by_its_id(world: World) -> None:
    first, second = world.run().run, world.run().run
    assert find(world.app, "last").id == second
    assert find(world.app, first).report["run"] == first
    with pytest.raises(ConnectorError, match="there is no run nobody"):
        find(world.app, "nobody")


@pytest.mark.parametrize(("language", "words"), [("ja", ("台帳", "一斉配信から除外")), ("en", ("Ledger", "kept off"))])
def test_it_speaks_both_languages(
    world: World, language: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("CONNECTOR_LANG", language)
    world.sfa.down = True
    world.run()
    show_account(Console(), find(world.app, "last"), world.app.setup.config.timezone, world.folder / "a.html")
    said, written = capsys.readouterr().out, (world.folder / "a.html").read_text(encoding="utf-8")
    for word in words:
        assert word in said
        assert word in written
    assert f'lang="{language}"' in written


def test_a_ledger_that_does_not_balance_is_told(world: World) -> None:
    world.run()
    report = find(world.app, "last").report
    report["ledger"][0]["balances"] = False
    told = account(report, "en", world.app.setup.config.timezone)
    assert ("ledger", "DOES NOT BALANCE") in told.facts


def test_a_report_of_an_older_version_can_still_be_told(world: World) -> None:
    world.run()
    report = find(world.app, "last").report
    for name in ("delivered", "waiting", "uncertain", "parked", "unreadable", "freshness", "quota"):
        del report[name]
    for line in report["ledger"]:
        del line["balances"]
    assert account(report, "ja", world.app.setup.config.timezone).tables


def test_a_page_is_well_formed_and_escapes_every_word() -> None:
    evil = "<script>alert(1)</script>&\"'{0}{title}"
    told = Account("en", evil, [(evil, evil)], [Table(evil, [evil], [[evil]])])
    written = page(told)
    assert "<script" not in written
    body: Element = fromstring(re.sub(r"<meta[^>]*>", "", written.split("\n", 1)[1]))
    said = [evil] * 6  # the titles of page and body, a fact, and the parts of a table
    assert [each.text for each in body.iter() if each.text and each.text.strip() and each.tag != "style"] == [
        *said,
        evil,
    ]
    assert "http://" not in written
    assert "default-src 'none'" in written
