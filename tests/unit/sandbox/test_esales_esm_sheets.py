"""The emulated esm's records: types of items and their limits, envelopes, partial and full updates, lost ids."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.esales import EsmEmulator, EsmSettings
from tests.unit.sandbox.esales_client import CARD, CUSTOMER, DEAL, EsmCaller

START = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def esm() -> EsmEmulator:
    """A customer with a name card and a deal, made an hour ago."""
    esm = EsmEmulator(clock=Clock(START, ticking=False))
    customer = esm.add_customer("株式会社山田製作所", {"customer_type": "顧客"})
    esm.add_card(customer, "山田 太郎", {"email": "taro@yamada.example", "position": "部長"})
    esm.add_deal(customer, "生産管理の刷新", {"progress": "提案", "amount": 3_000_000})
    esm.clock.advance(timedelta(hours=1))
    return esm


@pytest.fixture
def caller(esm: EsmEmulator) -> EsmCaller:
    return EsmCaller(esm)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_record_has_all_keys_of_its_sheet(esm: EsmEmulator, caller: EsmCaller) -> None:
    record = caller.get("sheet/businesscard/1").json
    assert record.keys() == esm.sheets["businesscard"].columns.keys()
    assert record[f"{CARD}.id"] == 1
    assert record[f"{CARD}.relational_customer"] == 1
    assert record[f"{CARD}.email"] == "taro@yamada.example"
    assert record[f"{CARD}.memo"] is None
    assert record[f"{CARD}.system_reg_date"] == record[f"{CARD}.system_upd_date"] == "2026/11/01 12:00:00"


@pytest.mark.parametrize(
    ("envelope", "path"), [("flat", []), ("data", ["data"]), ("records", ["result", "records", 0])]
)
def test_envelopes(
    esm: EsmEmulator, caller: EsmCaller, envelope: Literal["flat", "data", "records"], path: list[Any]
) -> None:
    esm.settings.envelope = envelope
    found = caller.get("sheet/businesscard/1").json
    for step in path:
        found = found[step]
    assert found[f"{CARD}.name"] == "山田 太郎"


@pytest.mark.parametrize(
    ("settings", "amount", "progress", "reason"),
    [
        (EsmSettings(), 3_000_000, "提案", None),
        (EsmSettings(number_as="string"), "3000000", "提案", None),
        (EsmSettings(select_as="list"), 3_000_000, ["提案"], None),
        (EsmSettings(empty="blank"), 3_000_000, "提案", ""),
        (EsmSettings(empty="missing"), 3_000_000, "提案", "absent"),
    ],
)
def test_values_may_be_printed_in_other_ways(settings: EsmSettings, amount: Any, progress: Any, reason: Any) -> None:
    esm = EsmEmulator(settings=settings)
    esm.add_deal(esm.add_customer("山田"), "刷新", {"progress": "提案", "amount": 3_000_000})
    record = EsmCaller(esm).get("sheet/businessplan/1").json
    assert (record[f"{DEAL}.amount"], record[f"{DEAL}.progress"]) == (amount, progress)
    assert record.get(f"{DEAL}.lost_reason", "absent") == reason


@pytest.mark.parametrize("prefix", ["schedules.schedule", "calendar.schedule"])
def test_schedule_has_one_prefix_or_the_other(prefix: Literal["schedules.schedule", "calendar.schedule"]) -> None:
    esm = EsmEmulator(settings=EsmSettings(schedule=prefix))
    esm.add("schedule", {"schedule_name": "訪問"})
    assert EsmCaller(esm).get("sheet/schedule/1").json[f"{prefix}.schedule_name"] == "訪問"


# --- types ------------------------------------------------------------------------------------------------------------

DIGITS = "9" * 18


@pytest.mark.parametrize(
    ("type_", "sent", "kept", "printed"),
    [
        ("text", "あ" * 64, "あ" * 64, "あ" * 64),
        ("textarea", "あ" * 2000, "あ" * 2000, "あ" * 2000),
        ("number", 123.45, Decimal("123.45"), 123.45),
        ("number", int(DIGITS), Decimal(DIGITS), int(DIGITS)),
        ("number", -85, Decimal(-85), -85),
        ("date", "2021/12/15", date(2021, 12, 15), "2021/12/15"),
        ("date", "2025/1/1", date(2025, 1, 1), "2025/01/01"),
        ("date", "2025/02", date(2025, 2, 1), "2025/02/01"),
        ("date", "2025", date(2025, 1, 1), "2025/01/01"),
        ("datetime", "2021/12/15 17:00:00", datetime(2021, 12, 15, 8, tzinfo=UTC), "2021/12/15 17:00:00"),
        ("datetime", "2021/12/15 17:00", datetime(2021, 12, 15, 8, tzinfo=UTC), "2021/12/15 17:00:00"),
        ("time", "17:00:00", time(17), "17:00:00"),
        ("email", "a@example.jp", "a@example.jp", "a@example.jp"),
        ("telno", "03-1234-5678", "03-1234-5678", "03-1234-5678"),
        ("link", {"url": "https://example.jp"}, None, {"url": "https://example.jp", "displayText": None}),
        (
            "address",
            {"zipcode": "100-0001", "street": "千代田1-1", "building": None},
            None,
            {"zipcode": "100-0001", "country": None, "street": "千代田1-1", "building": None},
        ),
        ("pulldown", "B", "B", "B"),
        ("radio_button", "A", "A", "A"),
        ("checkbox", ["A", "B"], ("A", "B"), ["A", "B"]),
        ("checkbox", [], None, []),
        ("file", {"fileid": "f" * 32}, None, {"fileid": "f" * 32, "filename": None}),
    ],
)
def test_what_each_type_takes(
    esm: EsmEmulator, caller: EsmCaller, type_: str, sent: Any, kept: Any, printed: Any
) -> None:
    choices = ["A", "B"] if type_ in ("pulldown", "radio_button", "checkbox") else []
    key = esm.add_column("businesscard", "独自", type_, choices=choices)
    assert caller.put("sheet/businesscard/1", {key: sent}).status == 200
    assert caller.get("sheet/businesscard/1").json[key] == printed
    if kept is not None:
        assert esm.get("businesscard", 1)[key] == kept
    assert caller.put("sheet/businesscard/1", {key: None}).status == 200
    assert esm.get("businesscard", 1)[key] is None


@pytest.mark.parametrize(
    ("type_", "sent", "status"),
    [
        ("text", "あ" * 65, 400),
        ("text", 5, 500),
        ("text", "\ud800", 500),
        ("textarea", "あ" * 2001, 400),
        ("number", "85", 500),
        ("number", 10**18, 400),
        ("number", True, 500),
        ("date", "2021-12-15", 400),
        ("date", "2021/13/01", 400),
        ("date", 20211215, 500),
        ("date", "２０２１/12/15", 400),
        ("date", "0001/01/01", 400),
        ("datetime", "2021/12/15", 400),
        ("datetime", "2021/12/15T17:00:00", 400),
        ("datetime", "2021/12/15 25:00", 400),
        ("time", "noon", 400),
        ("email", "nobody", 400),
        ("link", "https://example.jp", 500),
        ("link", {"href": "https://example.jp"}, 400),
        ("address", {"city": "千代田"}, 400),
        ("address", {"street": 5}, 400),
        ("pulldown", "C", 400),
        ("pulldown", 1, 500),
        ("pulldown", ["A"], 500),
        ("checkbox", ["A", "C"], 400),
        ("checkbox", "A", 500),
        ("functional_number", 5, 400),
    ],
)
def test_what_each_type_refuses(esm: EsmEmulator, caller: EsmCaller, type_: str, sent: Any, status: int) -> None:
    choices = ["A", "B"] if type_ in ("pulldown", "checkbox") else []
    key = esm.add_column("businesscard", "独自", type_, choices=choices)
    before = esm.get("businesscard", 1)
    assert caller.put("sheet/businesscard/1", {key: sent}).status == status
    assert esm.get("businesscard", 1) == before


def test_seventeen_decimals_are_accepted_and_eighteen_not(esm: EsmEmulator, caller: EsmCaller) -> None:
    key = esm.add_column("businesscard", "率", "number")

    def put(number: str) -> int:
        sent = {"data": f'{{"{key}": {number}}}'.encode(), "content_type": "application/json"}
        return caller.call("PUT", "sheet/businesscard/1", **sent).status

    assert put("0." + "1" * 17) == 200
    assert esm.get("businesscard", 1)[key] == Decimal("0." + "1" * 17)
    assert put("0." + "1" * 18) == 400


def test_texts_may_be_counted_in_utf16_units(esm: EsmEmulator, caller: EsmCaller) -> None:
    key = esm.add_column("businesscard", "要約")
    text = "𠮷" * 33
    assert caller.put("sheet/businesscard/1", {key: text}).status == 200
    esm.settings.length_unit = "utf16"
    assert caller.put("sheet/businesscard/1", {key: text}).status == 400


def test_links(esm: EsmEmulator, caller: EsmCaller) -> None:
    one = esm.add_column("businesscard", "紹介元", "suggest", link="businesscard")
    some = esm.add_column("businesscard", "関連顧客", "suggest", link="customer", many=True)
    assert (one, some) == (f"{CARD}.type_suggest1", f"{CARD}.type_suggest2")
    other = esm.add_card(1, "佐藤 花子")
    assert caller.put("sheet/businesscard/1", {one: other, some: [1]}).status == 200
    found = caller.get("sheet/businesscard/1").json
    assert (found[one], found[some]) == (other, [1])
    assert caller.put("sheet/businesscard/1", {one: 99}).status == 400
    assert caller.put("sheet/businesscard/1", {some: [1, 99]}).status == 400
    assert caller.delete(f"sheet/businesscard/{other}").status == 200
    assert caller.get("sheet/businesscard/1").json[one] is None


def test_a_renamed_choice_is_refused_under_its_old_name(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.rename_choice("businessplan", "progress", "失注", "失注(競合)")
    esm.rename_choice("businessplan", "progress", "提案", None)
    assert caller.put("sheet/businessplan/1", {f"{DEAL}.progress": "失注"}).status == 400
    assert caller.put("sheet/businessplan/1", {f"{DEAL}.lost_reason": "予算"}).status == 200
    assert caller.get("sheet/businessplan/1").json[f"{DEAL}.progress"] == "提案"
    assert caller.put("sheet/businessplan/1", {f"{DEAL}.progress": "失注(競合)"}).status == 200


# --- writing ----------------------------------------------------------------------------------------------------------

NEW = {f"{CARD}.name": "佐藤 花子", f"{CARD}.relational_customer": 1}


@pytest.mark.parametrize(
    ("created", "body", "location"),
    [
        ("id", {"id": 2}, None),
        ("prefix_id", {f"{CARD}.id": 2}, None),
        ("data", {"data": {"id": 2}}, None),
        ("data_prefix", {"data": {f"{CARD}.id": 2}}, None),
        ("location", {}, "/esm-api/sandbox/pub/esms/v1/sheet/businesscard/2"),
        ("none", {}, None),
    ],
)
def test_a_registration_may_tell_its_id_or_not(
    esm: EsmEmulator, caller: EsmCaller, created: Any, body: Any, location: str | None
) -> None:
    esm.settings.created = created
    answer = caller.post("sheet/businesscard", NEW)
    assert (answer.status, answer.json, answer.headers.get("Location")) == (200, body, location)
    found = esm.get("businesscard", 2)
    assert found[f"{CARD}.name"] == "佐藤 花子"
    assert found[f"{CARD}.system_reg_date"] == START + timedelta(hours=1)
    assert found[f"{CARD}.system_reg_user"] == esm.user_id


@pytest.mark.parametrize(("put", "email"), [("partial", "taro@yamada.example"), ("full", None)])
def test_an_update_is_partial_or_a_replacement(
    esm: EsmEmulator, caller: EsmCaller, put: Literal["partial", "full"], email: str | None
) -> None:
    esm.settings.put = put
    assert caller.put("sheet/businesscard/1", {f"{CARD}.position": "役員"}).json == {}
    found = esm.get("businesscard", 1)
    assert (found[f"{CARD}.position"], found[f"{CARD}.email"]) == ("役員", email)
    assert (found[f"{CARD}.name"], found[f"{CARD}.relational_customer"]) == ("山田 太郎", 1)
    assert found[f"{CARD}.system_reg_date"] == START
    assert found[f"{CARD}.system_upd_date"] == START + timedelta(hours=1)
    assert found[f"{CARD}.system_upd_user"] == esm.user_id


@pytest.mark.parametrize(
    ("method", "resource", "body"),
    [
        ("POST", "sheet/businesscard", {f"{CARD}.name": "佐藤"}),  # no 名刺 without 顧客
        ("POST", "sheet/businesscard", NEW | {f"{CARD}.relational_customer": 99}),
        ("POST", "sheet/businesscard", NEW | {f"{CARD}.id": 7}),
        ("POST", "sheet/businessplan", {f"{DEAL}.businessplan_name": "案件"}),  # no 案件 without 顧客
        ("POST", "sheet/activity", {"activities.activity.content": "電話した"}),  # no 活動 without 案件
        ("PUT", "sheet/businesscard/1", {f"{CARD}.name": None}),
        ("PUT", "sheet/businesscard/1", {f"{CARD}.system_upd_date": "2026/11/01 00:00:00"}),
        ("PUT", "sheet/businesscard/1", {f"{CARD}.nickname": "太郎"}),
        ("PUT", "sheet/businesscard/1", {"name": "太郎"}),
        ("PUT", "sheet/businesscard/1", {f"{CUSTOMER}.customer_name": "山田"}),
        ("DELETE", "sheet/customer/1", {}),
    ],
)
def test_writes_that_are_refused(
    esm: EsmEmulator, caller: EsmCaller, method: str, resource: str, body: dict[str, Any]
) -> None:
    before = [esm.records(name) for name in esm.sheets]
    assert caller.call(method, resource, json=body).status == 400
    assert [esm.records(name) for name in esm.sheets] == before


def test_unknown_keys_may_be_left_out_silently(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.settings.unknown_keys = "ignored"
    assert caller.put("sheet/businesscard/1", {f"{CARD}.nickname": "太郎", f"{CARD}.position": "役員"}).status == 200
    assert esm.get("businesscard", 1)[f"{CARD}.position"] == "役員"


def test_a_record_is_deleted(esm: EsmEmulator, caller: EsmCaller) -> None:
    assert caller.delete("sheet/businesscard/1").status == 200
    assert caller.get("sheet/businesscard/1").status == 404
    assert caller.put("sheet/businesscard/1", {}).status == 404
    assert caller.delete("sheet/businesscard/1").status == 404
    assert esm.records("businesscard") == []


def test_a_locked_record_is_refused_until_it_is_free(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.refuse("businesscard", 1)
    assert caller.put("sheet/businesscard/1", {}).status == 400
    assert caller.get("sheet/businesscard/1").status == 200
    esm.allow("businesscard", 1)
    assert caller.put("sheet/businesscard/1", {}).status == 200


@pytest.mark.parametrize("name", ["sheet_134", "sheet_201"])
def test_the_registration_of_an_app_s_record_works_as_the_page_shows(
    esm: EsmEmulator, caller: EsmCaller, name: str
) -> None:
    if name not in esm.sheets:
        esm.add_app(name)
    customer = esm.add_column(name, "紐付(顧客)", "suggest", link="customer")
    body = {
        f"appextender.{name}.is_use": True,
        f"appextender.{name}.memo": None,
        f"appextender.{name}.name": "案件進捗管理",
        f"appextender.{name}.name_kana": None,
        customer: 1,
    }
    assert caller.post(f"sheet/{name}", body).json == {"id": 1}
    record = caller.get(f"sheet/{name}/1").json
    assert {key: record[key] for key in body} == body


def test_the_registration_of_a_product_works_as_the_page_shows(caller: EsmCaller) -> None:
    body = {
        "products.product.product_category": "全商品",
        "products.product.product_name": "Cloudサービス",
        "products.product.product_name_designation": "年間契約",
        "products.product.unit_price": 2500000.0,
        "products.product.product_picture": {"fileid": "962e935f1b3c4b9b90b5defce5147ef7"},
        "products.product.is_available": True,
        "products.product.memo": "メモ",
    }
    assert caller.post("sheet/product", body).status == 200
    record = caller.get("sheet/product/1").json
    assert (record["products.product.unit_price"], record["products.product.is_available"]) == (2500000, True)
    assert caller.post("sheet/product", body | {"products.product.is_available": "true"}).status == 500
