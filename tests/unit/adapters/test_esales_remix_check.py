from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.adapters.esales import Config, ESales
from connector.adapters.esales.options import AlertOptions, AlertRows, Employees, Stamps
from connector.errors import AdapterError, Unavailable
from connector.ports import Finding, Needs, ObjectNeeds
from connector.sandbox.esales import RemixSettings
from connector.spec import Mark, parse, read_yaml_text
from tests.unit.adapters.esales_kit import BAND, KEY, NEEDS, SCORE, WHY, Stage, stage, tried_on, unprobed

HEAD = "token: {env: T}\n"
REMIX = "login_url: https://grove.example.jp/abc/esales-pc\n"
ESM = "login_url: https://esm.example.jp/tenant1/login\n"


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def errors(findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


def about(findings: Any, field: str) -> Finding:
    found: list[Finding] = [finding for finding in findings if finding.field == field]
    assert len(found) == 1
    return found[0]


# --- options ----------------------------------------------------------------------------------------------------------


def problems(yaml: str) -> list[str]:
    root, found = read_yaml_text(yaml, "config.yaml")
    _, more = parse(Config, root, Mark("config.yaml", 1, 1))
    return [str(problem) for problem in [*found, *more]]


@pytest.mark.parametrize(
    "yaml",
    [
        REMIX + HEAD,
        ESM + HEAD,
        REMIX + "user: {env: U}\npassword: {env: P}\n",
        ESM + HEAD + "prefix: /sheet-fs\nfind: {customer: {via: list, list_id: '4', ids: ids.*}}\n",
        "login_url: http://127.0.0.1:8080/abc/esales-pc\n" + HEAD,
    ],
)
def test_good_options(yaml: str) -> None:
    assert problems(yaml) == []


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("login_url: https://grove.example.jp/abc/\n" + HEAD, "esales-pc"),
        ("login_url: https://grove.example.jp/esales-pc\n" + HEAD, "esales-pc"),
        ("login_url: https://grove.example.jp/a/b/esales-pc\n" + HEAD, "esales-pc"),
        ("login_url: https://grove.example.jp/../esales-pc?x=1\n" + HEAD, "URL"),
        ("login_url: http://grove.example.jp/abc/esales-pc\n" + HEAD, "https"),
        (HEAD, "login_url"),
        (REMIX, "token"),
        (REMIX + HEAD + "user: {env: U}\npassword: {env: P}\n", "token"),
        (REMIX + "user: {env: U}\n", "user"),
        (REMIX + HEAD + "find: {customer: {via: none}}\n", "find"),
        (REMIX + HEAD + "merge: true\n", "merge"),
        (ESM + HEAD + "prefix: esm-api\n", "path"),
        (ESM + HEAD + "find: {customer: {via: list}}\n", "list_id"),
        (ESM + HEAD + "find: {customer: {via: template, path: search/customer}}\n", "ids"),
        (REMIX + HEAD + "alert: {via: sheet_rows}\n", "sheet_rows"),
        (REMIX + HEAD + "alert: {via: sheet_rows, sheet_rows: {key: a, title: b}}\n", "sheet"),
        (REMIX + HEAD + "alert: {via: activity}\n", "via"),
        (REMIX + HEAD + "fields: {'10001': {type: word}}\n", "type"),
        (REMIX + HEAD + "rate: 0\n", "rate"),
        (REMIX + HEAD + "fields: {'10001': {type: STRING}}\n", "generation"),
        (ESM + HEAD + "fields: {a.b.c: {type: text}}\n", "generation"),
        (ESM + HEAD + "find: {customer: {via: list, list_id: '4', ids: ids}}\n", "list"),
        (REMIX + HEAD + "employees: {name: 社員名}\n", "id"),
    ],
)
def test_bad_options_are_told_by_lint(yaml: str, said: str) -> None:
    found = problems(yaml)
    assert found
    assert said in found[0]


# --- check ------------------------------------------------------------------------------------------------------------


def test_a_sound_tenant_has_no_errors_and_is_left_as_it_is(ready: Stage) -> None:
    assert errors(ready.adapter().check()) == []
    assert [e for e in ready.server.exchanges if e.method not in ("GET", "POST") or e.target.endswith("/entity")] == []


def test_everything_that_is_wrong_is_told_at_once(ready: Stage) -> None:
    ready.esm.add_column("person", "MA重複")
    ready.esm.add_column("person", "MA重複")
    needs = Needs(
        objects={
            "person": ObjectNeeds(
                read=frozenset({"MAスコア根據", "MA重複", BAND}),
                write=frozenset({BAND, "名刺コード"}),
                key="MAスコア",
                choices={BAND: frozenset({"A", "S"})},
            ),
            "business": ObjectNeeds(
                read=frozenset({"進捗"}), deal={"stage": "進捗"}, linked_by={"people": "メールアドレス"}
            ),
            "顧客": ObjectNeeds(),
        },
        alerts=True,
    )
    told = ready.adapter(needs, alert=AlertOptions()).check()
    found = errors(told)
    assert "MAスコア根拠" in str(about(found, "MAスコア根據").fix)
    assert "10010, 10011" in str(about(found, "MA重複").fix)
    assert "S" in str(about(found, BAND).what)
    assert "system" in str(about(found, "名刺コード").what)
    assert "text" in str(about(found, "MAスコア").what)
    assert {str(f.what) for f in found if f.object == "business" and f.field == "進捗"} == {
        "states does not say what won is",
        "states does not say what lost is",
    }
    assert "ids" in str(about(found, "メールアドレス").what)
    assert [f.object for f in found if "not read" in str(f.what)] == ["顧客"]
    assert any("alerts have no way" in str(f.what) for f in told)
    assert any("probe" in str(f.what) for f in found)


def test_deals_without_a_state_are_an_error_that_shows_candidates(ready: Stage) -> None:
    needs = Needs(objects={"business": ObjectNeeds()})
    found = [f for f in ready.adapter(needs).check() if f.object == "business"]
    assert any("進捗 (203)" in str(f.fix) for f in errors(found))
    shown = " ".join(str(f.fix) for f in found if f.severity == "info")
    for name in ("受注確度 (204)", "受注予定日 (205)", "金額 (206)", "失注理由 (207)", "主担当 (208)"):
        assert name in shown


def test_a_renamed_choice_of_a_state_is_an_error(ready: Stage) -> None:
    ready.esm.rename_choice("business", 203, 5, "敗戦")
    ready.esm.rename_choice("business", 204, 1, "S")
    found = errors(ready.adapter().check())
    assert {(f.object, f.field) for f in found} == {("business", "進捗"), ("business", "受注確度")}


def test_stamps_alerts_and_employees_are_looked_at(ready: Stage) -> None:
    adapter = ready.adapter(
        stamps={"business": Stamps(changed="案件名"), "customer": Stamps(changed="更新した日")},
        employees=Employees(id="社員コード", name="名前"),
        alert=AlertOptions(
            via=("sheet_rows", "todo"),
            sheet_rows=AlertRows(sheet="extension_2", key="a", title="b"),
            todo=AlertRows(key="期限", title="件名", owner="担当"),
        ),
    )
    found = errors(adapter.check())
    assert {(f.object, f.field) for f in found} == {
        ("business", "案件名"),
        ("customer", "更新した日"),
        ("employee", "名前"),
        ("extension_2", ""),
        ("todo", "期限"),
        ("todo", "担当"),
    }
    warned = [f for f in ready.adapter(stamps={}, employees=None).check() if f.severity == "warning"]
    assert any("変更日 (234)" in str(f.fix) for f in warned)
    assert any("fallback_owner" in str(f.what) for f in warned)


def test_employees_are_read_by_a_number(ready: Stage) -> None:
    employees = Employees(id="社員名", name="社員名")
    found = errors(ready.adapter(employees=employees).check())
    assert [(f.object, f.field) for f in found] == [("employee", "社員名")]


def test_a_sheet_that_may_not_be_seen_is_an_error_of_its_own(ready: Stage) -> None:
    ready.esm.chaos.plan("status", path="obj_name=business", status=403, body='{"code": 403}', times=9)
    found = errors(ready.adapter().check())
    assert {f.object for f in found} == {"business"}


def test_a_type_that_is_told_nowhere_is_asked_for() -> None:
    from connector.sandbox.esales import ListShape

    with stage(RemixSettings(columns=ListShape(("columns",), "columnCode", "columnName"))) as ready:
        found = errors(ready.adapter().check())
        assert {f.field for f in found if f.object == "person"} >= {WHY, BAND, KEY}
        assert f"{ready.codes[WHY]}: {{type: text}}" in str(about(found, WHY).fix)


def test_inspect_shows_codes_names_types_and_choices(ready: Stage) -> None:
    shown = {each.name: each for each in ready.adapter().inspect()}
    assert set(shown) == set(ready.esm.sheets)
    fields = {field.label: field for field in shown["person"].fields}
    assert fields[BAND].name == str(ready.codes[BAND])
    assert (fields[BAND].type, list(fields[BAND].choices)) == ("select", ["A", "B", "C"])
    assert fields["名刺コード"].notes == ("read only",)


# --- probe ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, {"from_index": "counts from 0", "row_shape": "items", "page_size": "3"}),
        ({}, {"error_column": "400 json code 400", "error_token": "401 json code 401"}),
        ({"from_base": 1, "rows": "positional"}, {"from_index": "counts from 1", "row_shape": "positional"}),
        ({"from_index": "ignored", "rows": "by_code"}, {"from_index": "has no effect", "row_shape": "by_code"}),
        ({"error_status": "200", "error_body": "text"}, {"error_token": "200 text", "error_json": "200 text"}),
        ({"error_body": "html"}, {"error_token": "401 text", "error_json": "no data"}),
        ({"page_size": 100}, {"page_size": "at least 8"}),
    ],
)  # fmt: skip
def test_the_probe_finds_out_and_puts_back(options: Any, known: dict[str, str]) -> None:
    with stage(RemixSettings(**{"page_size": 3, **options})) as ready:
        ids = [ready.person(_916="備考") for _ in range(8)]
        before = ready.held(ids[3])
        found = ready.adapter(unprobed(), test_record=tried_on(ids[3])).probe()
        after = ready.held(ids[3])
    assert found.known["put"] == "partial"
    assert found.known["clear"] == "yes"
    assert found.known.items() >= known.items()
    assert errors(found.findings) == []
    assert {key: value for key, value in after.items() if key != 934 and value is not None} == {
        key: value for key, value in before.items() if key != 934
    }


def test_the_probe_restores_what_the_field_held(ready: Stage) -> None:
    id_ = ready.person(**{WHY: "元の値"}, _916="備考")
    ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert ready.held(id_)[ready.codes[WHY]] == "元の値"


def test_the_probe_switches_updates_on(ready: Stage) -> None:
    id_ = ready.person(_916="備考")
    known = ready.adapter(unprobed(), test_record=tried_on(id_)).probe().known
    assert errors(ready.adapter(replace(NEEDS, probed=known)).check()) == []


def test_without_a_test_record_nothing_is_written(ready: Stage) -> None:
    ready.person()
    found = ready.adapter(unprobed()).probe()
    assert "put" not in found.known
    assert any("test_record" in str(finding.what) for finding in found.findings)
    assert ready.requests("/entity", "PUT") == []


@pytest.mark.parametrize("id_", ["77", "x"])
def test_a_test_record_that_is_not_there_is_told(ready: Stage, id_: str) -> None:
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert "put" not in found.known
    assert errors(found.findings)


def test_a_write_that_wipes_out_other_fields_leaves_updates_off(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = ready.person(_916="備考")
    change = ready.esm._change

    def full(sheet: Any, record_id: int, values: Any) -> None:
        change(sheet, record_id, {916: None, **values})

    monkeypatch.setattr(ready.esm, "_change", full)
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert found.known["put"] == "full"
    assert errors(found.findings)


def emptying(ready: Stage) -> Any:
    """A PUT that empties what it does not name, but for what a record cannot be without."""
    change = ready.esm._change

    def full(sheet: Any, record_id: int, values: Any) -> None:
        columns = sheet.columns.values()
        kept = {sheet.key, sheet.created, sheet.changed, 927}
        gone = {each.key: None for each in columns if not (each.required or each.read_only or each.key in kept)}
        change(sheet, record_id, {**gone, **values})

    return full


@pytest.mark.parametrize("why", ["元の値", None])
def test_what_the_probe_emptied_is_put_back(ready: Stage, monkeypatch: pytest.MonkeyPatch, why: str | None) -> None:
    columns: dict[str, Any] = {WHY: why, BAND: "B", SCORE: 45, "_916": "備考", "_914": "a@example.com"}
    id_ = ready.person(**columns)
    before = {key: value for key, value in ready.held(id_).items() if key != 934 and value is not None}
    monkeypatch.setattr(ready.esm, "_change", emptying(ready))
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert found.known["put"] == "full"
    assert {key: value for key, value in ready.held(id_).items() if key != 934 and value is not None} == before


def test_a_test_record_with_names_and_flags_only_proves_nothing(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = ready.person(_927=1)
    monkeypatch.setattr(ready.esm, "_change", emptying(ready))
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert "put" not in found.known
    assert errors(found.findings)


@pytest.mark.parametrize("minutes", [0, 540, -20])
def test_stamps_that_do_not_go_with_the_clock_are_told(
    ready: Stage, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    id_ = ready.person(_916="備考")
    make = ready.esm._now
    monkeypatch.setattr(ready.esm, "_now", lambda: make() + timedelta(minutes=minutes))
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert found.known["clock"] == ("off" if minutes else "ok")
    assert any("clock" in str(finding.what) for finding in found.findings) is bool(minutes)


@pytest.mark.parametrize("why", ["元の値", None])
@pytest.mark.parametrize("fault", ["status", "reset_after"])
def test_a_probe_that_ends_half_way_puts_back_what_was_there(ready: Stage, why: str | None, fault: str) -> None:
    columns: dict[str, Any] = {WHY: why, "_916": "備考"}
    id_ = ready.person(**columns)
    ready.esm.chaos.plan(fault, method="PUT", skip=1, status=503)
    with pytest.raises(AdapterError):
        ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert ready.held(id_)[ready.codes[WHY]] == why
    ready.esm.chaos.plan("status", method="PUT", skip=1, status=503, times=9)
    with pytest.raises(Unavailable) as caught:
        ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert "test record may not be as it was" in str(caught.value)


def test_a_test_record_that_may_not_be_changed_is_told(ready: Stage) -> None:
    id_ = ready.person(**{WHY: "元の値"}, _916="備考")
    ready.esm.refuse("person", int(id_))
    found = ready.adapter(unprobed(), test_record=tried_on(id_)).probe()
    assert "put" not in found.known
    assert errors(found.findings)


def test_an_answer_without_sense_ends_the_probe_with_evidence(ready: Stage) -> None:
    ready.esm.chaos.plan("status", path="names", status=200, body='{"list": []}', mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        ready.adapter().probe()
    assert caught.value.evidence


def test_a_dead_tenant_raises_ours(ready: Stage) -> None:
    ready.esm.chaos.plan("reset_before", times=99)
    adapter: ESales = ready.adapter()
    for ask in (adapter.check, adapter.probe, adapter.inspect):
        with pytest.raises(AdapterError):
            ask()
