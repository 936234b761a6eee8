"""A small world around the newer e-Sales Manager (esm): one of its sheets for each kind of change that it takes.

What no public page tells of it is as its emulator has it when nothing is switched.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from connector.config import load
from connector.sandbox.esales import EsmEmulator, EsmSettings
from connector.templates import TEMPLATES
from tests.faults.ends import end
from tests.faults.kit import Stage
from tests.faults.points import Points, instrumented
from tests.faults.story import PRICE, Emulated, address, empty
from tests.faults.world import PORTS, Files, Moment, World, beside_shanon, direct

WHEN = "newer"
"""The moment: people to be made, fields to be written, and an alert about a deal and one about a person are due."""
CARD, PLAN, ROW = "business_cards.business_card", "businessplans.businessplan", "appextender.sheet_134"
PREFIXES = {
    "businesscard": CARD,
    "businessplan": PLAN,
    "customer": "customers.customer",
    "employee": "employees.employee",
    "sheet_134": ROW,
}
ESALES = """\
  esales:
    type: esales
    login_url: http://127.0.0.1:{esm}/sandbox/login
    gateway: http://127.0.0.1:{esm}
    rate: 1000
    token: {{file: secrets/token}}
    fields:
      {card}.name: {{type: STRING}}
      {card}.email: {{type: EMAIL}}
      {card}.relational_customer: {{type: SB_RELATION}}
      {card}.type_pulldown1: {{type: SELECT, choices: [ホット, ウォーム]}}
      customers.customer.customer_name: {{type: STRING}}
      {plan}.businessplan_name: {{type: STRING}}
      {plan}.progress: {{type: SELECT, choices: [初回訪問, 提案, 見積, 受注, 失注]}}
      {plan}.probability: {{type: SELECT, choices: [A, B, C, D]}}
      {plan}.lost_reason: {{type: MEMO}}
      {plan}.relational_customer: {{type: SB_RELATION}}
      {plan}.relational_employee: {{type: SB_RELATION}}
      {row}.name: {{type: STRING}}
      {row}.memo: {{type: MEMO}}
    find: {find}
    employees: {{name: employees.employee.employee_name, email: employees.employee.email}}
    alert:
      via: sheet_rows
      sheet_rows: {{sheet: sheet_134, key: {row}.type_text1, title: {row}.name, body: {row}.memo}}
    test_record: {{sheet: businesscard, id: "{tried}", field: {card}.type_text2}}
"""
PEOPLE = f"""\
- in: esales
  object: businesscard
  key: {CARD}.type_text1
  create:
    object: businesscard
    when: {{score.interest: {{gte: 20}}}}
    require: [name, company]
  fields:
    name: {{to: {CARD}.name, wins: once}}
    company: {{to: {CARD}.relational_customer, wins: once}}
    email: {{to: {CARD}.email, wins: sfa_unless_blank}}
    score.interest: {{to: {CARD}.type_number1, wins: ma}}
    score.interest.band: {{to: {CARD}.type_pulldown1, wins: ma, values: {{hot: ホット, warm: ウォーム}}}}
    score.interest.why: {{to: {CARD}.type_text2, wins: ma, max_length: 64}}
    touchpoints.last: {{to: {CARD}.type_textarea1, wins: ma, max_length: 255}}
"""
DEALS = f"""\
- in: esales
  object: businessplan
  fields:
    name: {PLAN}.businessplan_name
    stage: {PLAN}.progress
    stage_since: {PLAN}.type_date1
    probability: {PLAN}.probability
    closed_at: {PLAN}.type_date2
    lost_reason: {PLAN}.lost_reason
    owner: {PLAN}.relational_employee
    company: {PLAN}.relational_customer
    people: {PLAN}.type_suggest1
  states: {{won: 受注, lost: 失注}}
  probabilities: {{A: 80, B: 50, C: 20, D: 5}}
"""


def begin() -> Emulated:
    """An MA and a tenant in which our items have been set up, and in which nothing has happened for long."""
    made = empty()
    made.esm = esm = EsmEmulator(clock=made.clock, settings=EsmSettings(search=True))
    for name, kind in (
        ("MA人物ID", "text"), ("MAスコア根拠", "text"), ("MAスコア", "number"), ("MA最終接点", "textarea"),
    ):  # fmt: skip
        esm.add_column("businesscard", name, kind)
    esm.add_column("businesscard", "MAランク", "pulldown", choices=("ホット", "ウォーム"))
    esm.add_column("businessplan", "進捗更新日", "date")
    esm.add_column("businessplan", "完了日", "date")
    esm.add_column("businessplan", "先方担当者", "suggest", link="businesscard")
    esm.add_column("sheet_134", "MAキー")
    rep = esm.add_user("rep", "榎本 静")
    tried = {f"{CARD}.type_text2": "接続確認用", f"{CARD}.type_textarea1": "書き込みで消えないこと"}
    made.ids["tried"] = esm.add_card(esm.add_customer("接続テスト株式会社"), "テスト 太郎", tried)
    for who, name, company, stage in (
        ("enoki", "榎 茂", "株式会社榎商店", "提案"),
        ("nagai", "永井 薫", "永井印刷株式会社", "失注"),
    ):
        customer = esm.add_customer(company)
        card = esm.add_card(customer, name, {"email": address(who)})
        long_ago = (made.clock() - timedelta(days=90)).date()
        esm.add_deal(
            customer, f"{name} 更新",
            {"progress": stage, "probability": "A", "relational_employee": rep, f"{PLAN}.type_date1": long_ago,
             f"{PLAN}.type_date2": long_ago if stage == "失注" else None, f"{PLAN}.type_suggest1": card},
        )  # fmt: skip
        made.visitor(who, name, company, seen=0)
    esm.add_customer("夕凪水産株式会社")
    made.visitor("saotome", "早乙女 純", "夕凪水産株式会社", seen=0)
    return made


def go_on(made: Emulated) -> None:
    """What happens until changes are due: a deal stirs, somebody new turns hot, a deal that was lost is remembered."""
    made.clock.advance(timedelta(days=1))
    now = made.clock()
    for who in ("enoki", "saotome"):
        made.smp.add_page_view(made.ids[who], PRICE, "料金", now - timedelta(hours=2))
        made.attended(who, 0.5)
    made.smp.add_activity(made.ids["saotome"], "資料ダウンロード", "料金表", now - timedelta(hours=3))


def write_config(folder: Path, made: Emulated) -> Path:
    """The shipped rules, and mappings for the items of this tenant."""
    assert made.esm is not None
    find = {sheet: _find(sheet, prefix) for sheet, prefix in PREFIXES.items()}
    places = {"esm": PORTS["esm"], "card": CARD, "plan": PLAN, "row": ROW}
    esales = ESALES.format(**places, find=json.dumps(find), tried=made.ids["tried"])
    config = beside_shanon(folder, made, esales, {"token": made.esm.api_token})
    for name, mapping in TEMPLATES["shanon+esales"].mappings():
        if mapping.parent.name == "common":
            (folder / "mappings" / name).write_bytes(mapping.read_bytes())
    for name, ours in (("people.yaml", PEOPLE), ("deals.yaml", DEALS)):
        (folder / "mappings" / name).write_text(ours, encoding="utf-8")
    return config


def _find(sheet: str, prefix: str) -> dict[str, object]:
    since = {"key": f"{prefix}.system_upd_date", "operator": "ge", "value": "{since}"}
    return {
        "via": "template",
        "path": f"search/{sheet}",
        "body": {"conditions": [since], "offset": "{offset}", "limit": 2},
        "by_key": {"conditions": [{"key": "{field}", "operator": "eq", "value": "{key}"}], "offset": "{offset}"},
        "ids": f"records.*.{prefix}.id",
        "total": "total",
    }


def set_stage(folder: Path) -> Stage:
    """The moment before the run that has something to do, and how that ought to end."""
    made, shelf = begin(), Files()
    setup = load(write_config(folder / "config", made))
    world = World(made, setup, shelf.new(folder / "config" / "data"))
    with direct(made):
        world.probe()
        world.run()
    go_on(made)
    moment = Moment(made, world.store, shelf)
    world = moment.world(setup, folder / "ought")
    with direct(world.made), instrumented(Points()) as passed:
        world.run()
    return Stage(setup, {WHEN: moment}, {WHEN: end(world.made, world.store)}, {WHEN: passed.seen})
