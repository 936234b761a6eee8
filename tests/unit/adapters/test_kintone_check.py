"""What check finds, all at once, and what inspect shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.adapters.kintone.options import AlertOptions, App
from connector.errors import Mismatch, Unauthorized, Unavailable
from connector.model import DealState
from connector.ports import Finding, Needs, ObjectNeeds, ValueKind
from connector.spec import Secret
from tests.unit.adapters.kintone_kit import KEY, NEEDS, OF_DEALS, OF_PEOPLE, TEXT, Stage, choice, stage


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def told(findings: object) -> list[str]:
    assert isinstance(findings, list)
    found = [each for each in findings if isinstance(each, Finding) and each.severity != "info"]
    return [f"{each.object}.{each.field}: {each.what} → {each.fix}" for each in found]


def of_people(**changed: Any) -> Needs:
    return replace(NEEDS, objects={**NEEDS.objects, "people": replace(OF_PEOPLE, **changed)})


def of_deals(**changed: Any) -> Needs:
    return replace(NEEDS, objects={**NEEDS.objects, "deals": replace(OF_DEALS, **changed)})


def check(ready: Stage, needs: Needs = NEEDS, **options: Any) -> list[str]:
    return told(ready.adapter(needs, **options).check())


def test_a_sound_set_up_has_calls_and_what_cannot_be_known(ready: Stage) -> None:
    findings = ready.adapter().check()
    assert {finding.severity for finding in findings} == {"info"}
    said = [str(finding.what) for finding in findings]
    assert "calls today, by our own count: 3 of 9000" in said
    assert "without writing" in said[-1]


# --- rights -----------------------------------------------------------------------------------------------------------


def as_user(ready: Stage, *rights: str) -> dict[str, Any]:
    """Options with which the connector comes as a user who has these rights in every app."""
    ready.kintone.add_user("mayor", "連携 太郎", password="p")
    for number in ready.ids.values():
        ready.kintone.set_rights(number, "mayor", *rights)
    apps = {name: {"id": int(number)} for name, number in ready.ids.items()}
    apps["people"] |= {"owner": "担当者", "summary": {"table": "接点", "line": "行"}}  # type: ignore[dict-item]
    return {
        "username": Secret(env="KT_USER"),
        "password": Secret(env="KT_PASSWORD"),
        "apps": {name: App.model_validate(options) for name, options in apps.items()},
    }


@pytest.fixture
def _user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KT_USER", "mayor")
    monkeypatch.setenv("KT_PASSWORD", "p")


def warned(ready: Stage, **options: Any) -> list[tuple[str, str, str]]:
    findings = ready.adapter(**options).check()
    return [(f.severity, f.object, str(f.what)) for f in findings if f.severity != "info"]


def test_a_token_that_may_change_the_settings_is_told(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KT_DEALS", ready.kintone.add_token(ready.ids["deals"], "view", "add", "edit", "manage"))
    assert warned(ready) == [("warning", "deals", "may change the settings of the app")]


@pytest.mark.usefixtures("_user")
def test_a_user_with_what_is_needed_is_sound(ready: Stage) -> None:
    ready.add("people", 姓="山田")
    assert warned(ready, **as_user(ready, "view", "add", "edit")) == []


@pytest.mark.usefixtures("_user")
def test_a_user_who_may_delete_or_manage_is_told_of_each_app(ready: Stage) -> None:
    ready.add("people", 姓="山田")
    found = warned(ready, **as_user(ready, "view", "add", "edit", "delete", "manage"))
    assert ("warning", "people", "may delete records") in found
    settings = {app for _, app, what in found if what == "may change the settings of the app"}
    assert settings == {"people", "deals", "alerts", "touchpoints"}


@pytest.mark.usefixtures("_user")
def test_a_user_who_may_not_edit_is_told(ready: Stage) -> None:
    ready.add("people", 姓="山田")
    found = warned(ready, **as_user(ready, "view", "add"))
    assert found == [("error", "people", "may not edit record 1")]


def test_what_a_token_may_delete_no_interface_tells(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.add("people", 姓="山田")
    token = ready.kintone.add_token(ready.ids["people"], "view", "add", "edit", "delete")
    monkeypatch.setenv("KT_PEOPLE", token)
    assert warned(ready) == []
    assert "delete cannot be seen without writing" in str(list(ready.adapter().check())[-1].what)


# --- people -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"read": frozenset({"でんわ番号"})}, "people.でんわ番号: there is no such field → create it"),
        ({"read": frozenset({"MA_SCORE"})}, "people.MA_SCORE: there is no such field → it is spelt 'ma_score'"),
        ({"read": frozenset({"ma_score"[:-1]})}, "→ did you mean 'ma_score'?"),
        ({"read": frozenset({"行"})}, "people.行: stands in the table 接点"),
        ({"key": "ma_why"}, "people.ma_why: is no single-line text that prohibits duplicates"),
        ({"lengths": {"ma_why": 300}}, "people.ma_why: holds 255 characters, 300 are needed"),
        ({"choices": {"ma_band": frozenset({"hot", "boiling"})}}, "has no option 'boiling' → options are: hot"),
        ({"values": {}}, "people.配信: what does yes look like here?"),
        ({"write": frozenset({"更新日時"})}, "people.更新日時: is of type UPDATED_TIME, which we cannot write"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_people(ready: Stage, changed: dict[str, Any], said: str) -> None:
    (found,) = check(ready, of_people(**changed))
    assert said in found


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("text", "ma_score", "people.ma_score: is of type NUMBER, which does not take text → map a field of one of"),
        ("text", "ma_last_at", "is of type DATETIME, which does not take text"),
        ("number", "ma_last_at", "is of type DATETIME, which does not take a number → map a field of one of these"),
        ("number", "ma_band", "is of type DROP_DOWN, which does not take a number"),
        ("moment", "ma_score", "is of type NUMBER, which does not take a moment"),
        ("moment", "接点", "is of type SUBTABLE, which does not take a moment"),
        ("moment", "期限", "is of type DATE, which does not take a moment"),
        ("lines", "ma_why", "does not take text of several lines → map a field of one of these types: MULTI_LINE_TEXT"),
        ("lines", "配信", "is of type CHECK_BOX, which does not take text of several lines"),
        ("yes", "ma_score", "is of type NUMBER, which does not take yes and no"),
        ("yes", "ma_band", ""),
        ("number", "ma_why", ""),
        ("moment", "ma_memo", ""),
        ("text", "接点", ""),
    ],
)
def test_kinds_of_value_and_types_of_field(ready: Stage, kind: ValueKind, code: str, said: str) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"期限": {"type": "DATE"}})
    written = OF_PEOPLE.write | {code}
    found = check(ready, of_people(kinds={**OF_PEOPLE.kinds, code: kind}, write=written))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_values_that_are_known_decide_where_a_type_takes_some(ready: Stage) -> None:
    texts = {**OF_PEOPLE.kinds, "ma_score": "text"}
    digits = {**OF_PEOPLE.choices, "ma_score": frozenset({"1", "0"})}
    assert check(ready, of_people(kinds=texts, choices=digits)) == []
    bands = {**OF_PEOPLE.choices, "ma_score": frozenset({"1", "hot"})}
    (found,) = check(ready, of_people(kinds=texts, choices=bands))
    assert "is of type NUMBER, which does not take text" in found


def test_a_number_of_a_company_is_digits(ready: Stage) -> None:
    words = {**OF_PEOPLE.words, "corporate_number": "ma_score"}
    (found,) = check(ready, of_people(kinds={**OF_PEOPLE.kinds, "ma_score": "text"}, words=words))
    assert "people.ma_score: takes 12 digits unless the app is set otherwise" in found
    words = {**OF_PEOPLE.words, "corporate_number": "ma_memo"}
    assert check(ready, of_people(words=words)) == []


def test_kinds_are_told_in_japanese_too(ready: Stage) -> None:
    needs = of_people(kinds={"ma_score": "lines"})
    (found,) = (each for each in ready.adapter(needs).check() if each.severity == "error")
    assert found.what.in_("ja") == "種類 NUMBER には複数行の文字列を書き込めません"
    assert found.fix is not None
    assert "MULTI_LINE_TEXT, SUBTABLE" in found.fix.in_("ja")


def test_full_width_letters_are_another_code(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"ＡＢＣ": {**TEXT, "label": "区分"}})
    (found,) = check(ready, of_people(read=frozenset({"ABC"})))
    assert "it is spelt 'ＡＢＣ' there (full-width and half-width" in found
    (found,) = check(ready, of_people(read=frozenset({"区分"})))
    assert "that is a label; its code is 'ＡＢＣ'" in found


def test_lookups_their_copies_and_their_tokens(ready: Stage) -> None:
    ready.add_app("products", {"番号": KEY, "名称": TEXT})
    lookup = {
        "relatedApp": {"app": ready.ids.pop("products"), "code": ""}, "relatedKeyField": "番号",
        "fieldMappings": [{"field": "商品名", "relatedField": "名称"}],
        "lookupPickerFields": [], "filterCond": "", "sort": "",
    }  # fmt: skip
    ready.kintone.change_fields(ready.ids["people"], add={"商品": {**TEXT, "lookup": lookup}, "商品名": TEXT})
    named = OF_PEOPLE.read | {"商品", "商品名"}
    copied, token = check(ready, of_people(read=named, write=OF_PEOPLE.write | {"商品", "商品名"}))
    assert "people.商品名: is filled by a lookup" in copied
    assert "people.商品: looks up app 5, which is not under apps" in token


def test_who_takes_part_in_a_deal_stands_in_a_text_or_number_and_is_searched_in_one(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": {"type": "USER_SELECT"}})
    (found,) = check(ready)
    assert "deals.先方: is of type USER_SELECT" in found
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": TEXT})
    ready.kintone.change_fields(ready.ids["people"], add={"メール": {"type": "MULTI_LINE_TEXT"}})
    (found,) = check(ready)
    assert "deals.先方: values cannot be looked up in メール of people" in found


def test_a_formula_takes_nothing(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"ma_memo": {**TEXT, "expression": "姓 & 名"}})
    (found,) = check(ready)
    assert "people.ma_memo: is filled by a formula" in found


def test_rows_of_the_table_must_be_taken(ready: Stage) -> None:
    rows = {"行": {**TEXT, "maxLength": "20"}, "備考": {**TEXT, "required": True}}
    ready.kintone.change_fields(ready.ids["people"], add={"接点": {"type": "SUBTABLE", "fields": rows}})
    long, required = check(ready)
    assert "people.行: limits its length" in long
    assert "people.備考: is required, and nothing fills it in a new row" in required


def test_required_fields_that_nothing_fills(ready: Stage) -> None:
    required = {
        "会社名": {**TEXT, "required": True},
        "国": {**TEXT, "required": True, "defaultValue": "日本"},
        "区分": {**choice("RADIO_BUTTON", "a"), "required": True},
    }
    ready.kintone.change_fields(ready.ids["people"], add=required)
    (found,) = check(ready)
    assert "people.会社名: is required, and nothing fills it in a new record" in found
    assert check(ready, of_people(create=False)) == []


def test_the_table_and_the_owner_of_people(ready: Stage) -> None:
    apps = ready.apps(people={"owner": "姓", "summary": {"table": "接点", "line": "列"}})
    said = "\n".join(check(ready, apps=apps))
    assert said.count("\n") == 2
    assert "people.姓: is of type SINGLE_LINE_TEXT → use one of: CREATOR, MODIFIER, USER_SELECT" in said
    assert "people.列: there is no such field" in said
    assert "people.接点: is a table that is not ours" in said


# --- deals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"states": {DealState.LOST: frozenset({"没"})}}, "進捗: has no option '没' → options are: 商談中, 提案"),
        ({"probabilities": {"A": 90, "B": 50, "C": 10, "D": 1}}, "deals.確度: has no option 'D'"),
        ({"probabilities": {"A": 90, "B": 50}}, "deals.確度: no percentage for C"),
        ({"linked_by": {"people": "Eメール"}}, "deals.先方: people has no field Eメール"),
        ({"linked_by": {"people": "メール", "company": "番号"}}, "deals.顧客名: companies are known by name here"),
        ({"deal": {**OF_DEALS.deal, "owner": "案件名"}}, "deals.案件名: is of type SINGLE_LINE_TEXT"),
        ({"deal": {**OF_DEALS.deal, "amount": "案件名"}}, "use one of: CALC, NUMBER"),
        ({"deal": {**OF_DEALS.deal, "product": "製品"}}, "deals.製品: there is no such field"),
        ({"deal": {**OF_DEALS.deal, "stage": "ステータス"}, "states": {}}, "deals.ステータス: is switched off"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_deals(ready: Stage, changed: dict[str, Any], said: str) -> None:
    (found,) = check(ready, of_deals(**changed))
    assert said in found


def test_states_of_process_management_are_looked_up(ready: Stage) -> None:
    ready.kintone.set_process(ready.ids["deals"], {"商談中": {}, "受注": {}}, [])
    staged = of_deals(deal={**OF_DEALS.deal, "stage": "ステータス"})
    (found,) = check(ready, staged)
    assert "deals.ステータス: has no option '失注'" in found


# --- alerts and touchpoints -------------------------------------------------------------------------------------------


def test_apps_of_alerts_and_touchpoints(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["alerts"], add={"ma_key": TEXT, "期限": TEXT}, remove=["件名"])
    ready.kintone.change_fields(ready.ids["touchpoints"], add={"部署": {**TEXT, "required": True}})
    said = "\n".join(check(ready))
    assert "alerts.ma_key: is no single-line text that prohibits duplicates" in said
    assert "alerts.期限: is of type SINGLE_LINE_TEXT → use one of: DATE, DATETIME" in said
    assert "alerts.件名: there is no such field" in said
    assert "touchpoints.部署: is required" in said
    assert said.count("\n") == 3
    assert check(ready, replace(NEEDS, alerts=False, timeline=False)) == []


def test_rules_that_need_what_is_not_set(ready: Stage) -> None:
    said = check(ready, alert=None, timeline=None)
    assert ["rules need alert" in said[0], "rules need timeline" in said[1]] == [True, True]


def test_the_field_in_which_comments_are_noted(ready: Stage) -> None:
    options = AlertOptions.model_validate({"via": ["comment"], "claim": "ma_note"})
    ready.kintone.change_fields(ready.ids["people"], add={"ma_note": {**TEXT, "maxLength": "20"}})
    digests, short, missing = check(ready, alert=options)
    assert "alerts about no record (digests)" in digests
    assert "people.ma_note: holds 20 characters, 64 are needed" in short
    assert "deals.ma_note: there is no such field" in missing


# --- apps that cannot be asked ----------------------------------------------------------------------------------------


def test_an_object_without_an_app(ready: Stage) -> None:
    (found,) = check(ready, replace(NEEDS, objects={**NEEDS.objects, "peple": ObjectNeeds()}))
    assert found == "peple.: there is no app 'peple' under apps → did you mean 'people'?"


def test_one_app_hides_nothing_of_the_others(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KT_WRONG", "wrong")
    apps = ready.apps(people={"token": Secret(env="KT_WRONG")}, alerts={"guest_space": 7})
    ready.kintone.change_fields(ready.ids["touchpoints"], remove=["件名"])
    people, deals, alerts, touchpoints = check(ready, apps=apps)
    assert "people.: the API token is not valid (GAIA_IA02) → check the app's token" in people
    assert "deals.先方" in deals or "deals." in deals
    assert "alerts.:" in alerts
    assert "guest_space" in alerts
    assert "touchpoints.件名" in touchpoints


def test_a_guest_space_that_is_not_told(ready: Stage) -> None:
    ready.add_app("alerts", {"ma_key": KEY}, guest_space=7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_ALERTS", ready.tokens["alerts"])
        (found,) = check(ready)
    assert "alerts.: the app belongs to a guest space (GAIA_IL23) → set guest_space for the app" in found


def test_a_token_that_may_not_see_records(ready: Stage) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_DEALS", ready.kintone.add_token(ready.ids["deals"], "add"))
        (found,) = check(ready)
    assert "deals.: the API token lacks a right (GAIA_NO01)" in found


def test_where_no_app_answers_the_error_is_that_of_the_system(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ready.ids:
        monkeypatch.setenv(f"KT_{name.upper()}", "wrong")
    with pytest.raises(Mismatch, match="GAIA_IA02"):
        ready.adapter().check()
    ready.kintone.chaos.plan("maintenance", times=10)
    with pytest.raises(Unavailable):
        ready.adapter().check()
    ready.kintone.chaos.calm()
    ready.kintone.require_basic("front", "door")
    with pytest.raises(Unauthorized):
        ready.adapter().check()


# --- inspect ----------------------------------------------------------------------------------------------------------


def test_inspect_shows_apps_with_their_fields(ready: Stage) -> None:
    shown = {each.name: {field.name: field for field in each.fields} for each in ready.adapter().inspect()}
    assert list(shown) == ["people", "deals", "alerts", "touchpoints"]
    assert shown["people"]["ma_band"].choices == ("hot", "warm", "cold")
    assert shown["people"]["ma_key"].notes == ["unique"]
    assert shown["people"]["行"].notes == ["in table 接点"]
    assert shown["people"]["更新日時"].notes == ["read only"]
    assert shown["people"]["担当者"].type == "USER_SELECT"
