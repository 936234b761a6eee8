"""Items, envelopes and templates of an esm, without a server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters.esales.esm.envelope import at, new_id_in, record_in
from connector.adapters.esales.esm.find import filled
from connector.adapters.esales.esm.items import Item, moment, prefix_of, read, sent, units
from connector.adapters.esales.options import FieldOptions
from connector.adapters.esales.words import WrongValue

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
CARD = "business_cards.business_card"


def item(kind: str, *choices: str, many: bool = False) -> Item:
    return Item("a.b.c", kind, choices, many)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (f"{CARD}.type_text1", "STRING"),
        (f"{CARD}.type_textarea12", "MEMO"),
        (f"{CARD}.type_radio_button1", "SELECT"),
        (f"{CARD}.type_datetime1", "DATETIME"),
        (f"{CARD}.type_date1", "DATE"),
        (f"{CARD}.type_functional_string1", "STRING"),
        (f"{CARD}.type_file1", ""),
        (f"{CARD}.type_date2_schedule", ""),
        (f"{CARD}.name", ""),
    ],
)
def test_the_key_of_a_tenants_own_item_tells_its_type(key: str, kind: str) -> None:
    assert Item.of(key, {}).type == kind
    assert Item.of(key, {key: FieldOptions(type="MEMO")}).type == "MEMO"


def test_formulas_and_system_items_are_the_systems_own() -> None:
    for name in ("type_functional_number1", "id", "system_upd_date", "system_reg_user"):
        assert Item.of(f"{CARD}.{name}", {}).read_only
    assert not Item.of(f"{CARD}.type_number1", {}).read_only


def test_prefixes_are_those_of_public_pages() -> None:
    assert prefix_of("sheet_134") == "appextender.sheet_134"
    assert prefix_of("businesscard") == CARD
    assert prefix_of("schedule") is None


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("STRING", "佐藤", "佐藤"),
        ("STRING", "", None),
        ("SELECT", ["A"], "A"),
        ("SELECT", ["A", "B"], "A;B"),
        ("SELECT", [], None),
        ("NUMBER", "123.45", 123.45),
        ("NUMBER", 5, 5),
        ("DATE", "2026/04/01", date(2026, 4, 1)),
        ("DATETIME", "2026/04/01 12:00:00", NOON),
        ("DATETIME", "2026/04/01 12:00", NOON),
        ("SB_RELATION", 7, "7"),
        ("SB_RELATION", [7, 8], "7;8"),
        ("URL", {"url": "https://example.jp", "displayText": "x"}, "https://example.jp"),
        ("URL", {"url": None, "displayText": None}, None),
        ("ADDRESS", {"zipcode": "100", "street": "千代田", "building": None}, "千代田"),
        ("BOOLEAN", True, True),
        ("", "x", "x"),
    ],
)
def test_values_are_read_however_they_come(kind: str, raw: Any, value: Any) -> None:
    assert read(item(kind), raw, TOKYO) == value


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("NUMBER", "x"), ("NUMBER", True), ("DATE", "昨日"), ("DATE", "2026/02/30"), ("DATETIME", "2026/04/01"),
     ("", {"fileid": 1})],
)  # fmt: skip
def test_values_that_are_none_are_told(kind: str, raw: Any) -> None:
    with pytest.raises(WrongValue):
        read(item(kind), raw, TOKYO)


@pytest.mark.parametrize(
    ("kind", "value", "out"),
    [
        ("STRING", "佐藤", "佐藤"),
        ("STRING", None, None),
        ("STRING", "あ" * 64, "あ" * 64),
        ("STRING", "あ" * 65, "あ" * 63 + "…"),
        ("STRING", "𠮷" * 33, "𠮷" * 31 + "…"),
        ("MEMO", "x" * 2001, "x" * 1999 + "…"),
        ("STRING", NOON, "2026/04/01 12:00:00"),
        ("NUMBER", "45", 45),
        ("NUMBER", 4.5, 4.5),
        ("SELECT", " Ａ", "A"),
        ("DATE", date(2026, 4, 1), "2026/04/01"),
        ("DATE", "2026-04-01", "2026/04/01"),
        ("DATETIME", NOON, "2026/04/01 12:00:00"),
        ("DATETIME", "2026-04-01T03:00:00+00:00", "2026/04/01 12:00:00"),
        ("SB_RELATION", "7", 7),
        ("BOOLEAN", "true", True),
        ("URL", "https://example.jp", {"url": "https://example.jp", "displayText": "https://example.jp"}),
    ],
)
def test_values_are_sent_in_the_form_of_their_type(kind: str, value: Any, out: Any) -> None:
    assert sent(item(kind, "A", "B"), value, TOKYO, cut=True) == out


def test_several_choices_are_a_list() -> None:
    assert sent(item("SELECT", "A", "B", many=True), "Ｂ;A", TOKYO, cut=True) == ["B", "A"]


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("STRING", "x" * 65, "TOO_LONG"),
        ("STRING", "𠮷" * 33, "TOO_LONG"),
        ("NUMBER", "x", "WRONG_TYPE"),
        ("NUMBER", 10**18, "WRONG_TYPE"),
        ("SB_RELATION", 1.5, "WRONG_TYPE"),
        ("SELECT", "C", "NOT_A_CHOICE"),
        ("DATE", NOON, "WRONG_TYPE"),
        ("DATE", "昨日", "WRONG_TYPE"),
        ("DATETIME", date(2026, 4, 1), "WRONG_TYPE"),
        ("DATETIME", "2026-04-01T03:00:00", "WRONG_TYPE"),
        ("BOOLEAN", "多分", "WRONG_TYPE"),
        ("ADDRESS", "千代田", "WRONG_TYPE"),
        ("", "x", "WRONG_TYPE"),
    ],
)
def test_values_that_do_not_fit_are_not_sent(kind: str, value: Any, code: str) -> None:
    with pytest.raises(WrongValue, match=code):
        sent(item(kind, "A"), value, TOKYO, cut=False)


def test_lengths_are_counted_in_utf_16_units() -> None:
    assert (units("あ"), units("𠮷"), units("a")) == (1, 2, 1)


def test_a_moment_is_that_of_the_zone_that_was_asked_for() -> None:
    assert moment("2026/04/01 12:00:00", TOKYO) == NOON
    assert moment("", TOKYO) is None
    assert moment(None, TOKYO) is None


# --- envelopes --------------------------------------------------------------------------------------------------------

RECORD = {f"{CARD}.id": 7, f"{CARD}.name": "佐藤"}


@pytest.mark.parametrize(
    "answer", [RECORD, {"data": RECORD}, {"result": {"records": [RECORD]}}, [RECORD], {"a": 1, "b": {"c": [1, RECORD]}}]
)
def test_a_record_is_found_in_any_envelope(answer: Any) -> None:
    assert record_in(answer, CARD) == RECORD


@pytest.mark.parametrize("answer", [None, {}, [], "x", {"customers.customer.id": 1}, {f"{CARD}_info.id": 1}])
def test_what_holds_no_record_holds_none(answer: Any) -> None:
    assert record_in(answer, CARD) is None


@pytest.mark.parametrize(
    ("answer", "location", "found"),
    [
        ({"id": 7}, "", "7"),
        ({"id": "7"}, "", "7"),
        ({f"{CARD}.id": 7}, "", "7"),
        ({"data": {"id": 7}}, "", "7"),
        ({"data": {f"{CARD}.id": 7}}, "", "7"),
        ({}, "https://x/sheet/businesscard/7", "7"),
        ({}, "/sheet/businesscard", None),
        ({"id": 0}, "", None),
        ({"ok": True}, "", None),
        (None, "", None),
        ([7], "", None),
    ],
)
def test_a_new_id_is_found_in_the_places_where_it_may_be(answer: Any, location: str, found: str | None) -> None:
    assert new_id_in(answer, location, CARD) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("total", [2]),
        ("records.*.id", [1, 2]),
        (f"records.*.{CARD}.id", [7]),
        ("records.*", [{"id": 1, f"{CARD}.id": 7}, {"id": 2}]),
        ("nothing.here", []),
        ("total.x", []),
    ],
)
def test_paths_lead_through_names_and_lists(path: str, found: list[Any]) -> None:
    assert at({"total": 2, "records": [{"id": 1, f"{CARD}.id": 7}, {"id": 2}]}, path) == found


def test_a_template_is_filled_and_what_lacks_a_value_is_left_out() -> None:
    template = {
        "where": [{"key": "upd", "value": "{since}"}, {"key": "x", "value": "1"}],
        "from": "{since}",
        "offset": "{offset}",
        "note": "from {offset}",
    }
    assert filled(template, {"since": None, "offset": 5}) == {
        "where": [{"key": "x", "value": "1"}],
        "offset": 5,
        "note": "from 5",
    }
    assert filled(template, {"since": "2026", "offset": 0})["where"][0]["value"] == "2026"
