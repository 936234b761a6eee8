"""Values in our form and in kintone's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters.kintone.form import FormField, form
from connector.adapters.kintone.options import Summary
from connector.adapters.kintone.queries import among, literal
from connector.adapters.kintone.values import Unfit, read, write
from connector.model import Value

TOKYO = ZoneInfo("Asia/Tokyo")
SUMMARY = Summary(table="接点", line="行")
AT = datetime(2026, 4, 1, 20, 30, 59, tzinfo=UTC)


def field(kind: str, *options: str) -> FormField:
    return FormField("欄", kind, options=options)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("SINGLE_LINE_TEXT", "", None),
        ("SINGLE_LINE_TEXT", "髙橋", "髙橋"),
        ("NUMBER", "", None),
        ("NUMBER", "15", 15),
        ("NUMBER", "-1.50", -1.5),
        ("CALC", "1.5", 1.5),
        ("CALC", "2026-04-01", "2026-04-01"),
        ("DROP_DOWN", None, None),
        ("RADIO_BUTTON", "A", "A"),
        ("CHECK_BOX", [], None),
        ("CHECK_BOX", ["a", "b"], "a;b"),
        ("MULTI_SELECT", ["a"], "a"),
        ("DATE", None, None),
        ("DATE", "2026-01-31", date(2026, 1, 31)),
        ("DATETIME", "", None),
        ("DATETIME", "2026-04-01T20:30:00Z", AT.replace(second=0)),
        ("UPDATED_TIME", "2026-04-01T20:30:00Z", AT.replace(second=0)),
        ("TIME", "23:59", "23:59"),
        ("USER_SELECT", [{"code": "sato", "name": "佐藤"}, {"code": "ito", "name": "伊藤"}], "sato;ito"),
        ("CREATOR", {"code": "sato", "name": "佐藤"}, "sato"),
        ("RECORD_NUMBER", "LEAD-5", "LEAD-5"),
        ("LINK", "https://example.com", "https://example.com"),
    ],
)
def test_what_kintone_tells_is_read(kind: str, cell: Any, value: Value) -> None:
    found = read(field(kind), cell)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("NUMBER", "多い"), ("NUMBER", "nan"), ("DATE", "昨日"), ("DATETIME", "2026-04-01"), ("SUBTABLE", [])],
)
def test_what_makes_no_sense_is_not_read(kind: str, cell: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        read(field(kind), cell)


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("SINGLE_LINE_TEXT", None, ""),
        ("SINGLE_LINE_TEXT", "髙橋", "髙橋"),
        ("SINGLE_LINE_TEXT", True, "true"),
        ("SINGLE_LINE_TEXT", 45.0, "45"),
        ("SINGLE_LINE_TEXT", AT, "2026-04-01T20:30:59Z"),
        ("MULTI_LINE_TEXT", "a\nb", "a\nb"),
        ("NUMBER", 45, "45"),
        ("NUMBER", 4.5, "4.5"),
        ("NUMBER", " 7 ", "7"),
        ("NUMBER", None, ""),
        ("DATE", date(2026, 4, 1), "2026-04-01"),
        ("DATE", AT, "2026-04-02"),
        ("DATE", "2026-04-01", "2026-04-01"),
        ("DATE", None, ""),
        ("DATETIME", AT, "2026-04-01T20:30:00Z"),
        ("DATETIME", date(2026, 4, 1), "2026-03-31T15:00:00Z"),
        ("DATETIME", "2026-04-01T09:00:00+09:00", "2026-04-01T00:00:00Z"),
        ("DATETIME", None, ""),
        ("TIME", "9:05".zfill(5), "09:05"),
        ("USER_SELECT", "sato;ito", [{"code": "sato"}, {"code": "ito"}]),
        ("USER_SELECT", None, []),
    ],
)
def test_our_values_are_written(kind: str, value: Value, sent: Any) -> None:
    assert write(field(kind), value, TOKYO) == sent


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("DROP_DOWN", "hot", "hot"),
        ("DROP_DOWN", None, ""),
        ("DROP_DOWN", "", ""),
        ("RADIO_BUTTON", "true", "true"),
        ("RADIO_BUTTON", True, "true"),
        ("CHECK_BOX", "hot;true", ["hot", "true"]),
        ("CHECK_BOX", "", []),
        ("MULTI_SELECT", None, []),
    ],
)
def test_choices_take_their_options(kind: str, value: Value, sent: Any) -> None:
    assert write(field(kind, "hot", "true"), value, TOKYO) == sent


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("SINGLE_LINE_TEXT", "a\nb", "WRONG_TYPE"),
        ("NUMBER", "多い", "WRONG_TYPE"),
        ("NUMBER", True, "WRONG_TYPE"),
        ("NUMBER", float("nan"), "WRONG_TYPE"),
        ("DATE", "昨日", "WRONG_TYPE"),
        ("DATE", 5, "WRONG_TYPE"),
        ("DATETIME", "2026-04-01T09:00:00", "WRONG_TYPE"),
        ("DROP_DOWN", "lukewarm", "NO_SUCH_OPTION"),
        ("CHECK_BOX", "hot;lukewarm", "NO_SUCH_OPTION"),
        ("RADIO_BUTTON", None, "NEVER_EMPTY"),
        ("CALC", 5, "READ_ONLY"),
        ("RICH_TEXT", "<b>", "READ_ONLY"),
        ("FILE", "x", "READ_ONLY"),
        ("STATUS", "処理中", "READ_ONLY"),
        ("SUBTABLE", "x", "WRONG_TYPE"),
    ],
)
def test_what_does_not_fit_is_not_sent(kind: str, value: Value, why: str) -> None:
    with pytest.raises(Unfit) as caught:
        write(field(kind, "hot"), value, TOKYO)
    assert (caught.value.code, caught.value.name) == (why, "欄")


def test_the_table_of_touchpoints_is_rows_of_one_line() -> None:
    table = FormField("接点", "SUBTABLE", inner={"行": FormField("行", "SINGLE_LINE_TEXT")})
    sent = write(table, "4/1 セミナー\n3/31 資料", TOKYO, SUMMARY)
    assert sent == [{"value": {"行": {"value": "4/1 セミナー"}}}, {"value": {"行": {"value": "3/31 資料"}}}]
    assert read(table, sent, SUMMARY) == "4/1 セミナー\n3/31 資料"
    assert write(table, None, TOKYO, SUMMARY) == []
    assert read(table, [], SUMMARY) is None


def test_a_form_knows_what_lookups_copy_and_which_table_a_field_is_in() -> None:
    lookup = {
        "relatedApp": {"app": "12", "code": ""},
        "relatedKeyField": "顧客番号",
        "fieldMappings": [{"field": "顧客名", "relatedField": "会社名"}],
    }
    found = form(
        {
            "顧客": {"type": "NUMBER", "lookup": lookup},
            "顧客名": {"type": "SINGLE_LINE_TEXT", "maxLength": "64", "minLength": ""},
            "明細": {"type": "SUBTABLE", "fields": {"品名": {"type": "SINGLE_LINE_TEXT", "defaultValue": "本体"}}},
        }
    )
    assert found.copied == {"顧客名"}
    assert found.looked_up() == {12}
    assert found.tables == {"品名": "明細"}
    inner = found.find("品名")
    assert inner is not None
    assert inner.has_default
    assert found.find("無い") is None
    assert found.fields["顧客名"].max_length == 64


def test_literals_cannot_end_early() -> None:
    assert literal('a" or $id > "0') == '"a\\" or $id > \\"0"'
    assert literal("\\") == '"\\\\"'
    assert literal("a\tb\r\nc") == '"a\\tb\\r\\nc"'
    assert among("メール", ["a", "b"]) == 'メール in ("a", "b")'
