"""Searching in the emulated kintone: the language, what each type of field allows, order, pages, cursors."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator, Refusal
from connector.sandbox.kintone import query as queries
from tests.unit.sandbox.kintone_client import FIELDS, Caller, leads

# A Wednesday; in Japan it is noon.
START = datetime(2026, 4, 1, 3, 4, 5, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "email": "a@x", "name": "佐藤",
        "memo": "一 つ目", "score": "10", "rank": "A", "kind": "p", "tags": ["x", "y"],
        "day": "2026-04-01", "hour": "09:00", "at": "2026-03-31T15:00:00Z", "rep": ["sato"], "team": ["sales"],
        "touch": [{"t_kind": "web", "t_text": "一", "t_count": "1"},
                  {"t_kind": "mail", "t_text": "二", "t_count": "2"}],
    },
    {
        "email": 'b"\\@x', "name": "鈴木", "memo": " \n\t", "score": "9.5", "rank": "B", "tags": ["y"],
        "day": "2026-03-01", "hour": "21:30", "at": "2026-03-31T14:59:00Z", "rep": ["ito", "sato"],
        "touch": [{"t_kind": "web", "t_text": "二", "t_count": "3"}],
    },
    {"email": "tab\t@x", "kind": "p"},
]  # fmt: skip


@pytest.fixture
def kintone() -> KintoneEmulator:
    kintone = leads(clock=Clock(START, ticking=False))
    kintone.index_delay = timedelta(0)
    for row, user in zip(ROWS, ("sato", "ito", "sato"), strict=True):
        kintone.create("1", row, user=user)
    return kintone


@pytest.fixture
def caller(kintone: KintoneEmulator) -> Caller:
    return Caller(kintone)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [3, 2, 1]),
        ("$id > 1", [3, 2]),
        ('$id in (1, "3")', [3, 1]),
        ("レコード番号 != 2", [3, 1]),
        ("score = 10.0", [1]),
        ("score > 9", [2, 1]),
        ('score > "9"', [2, 1]),
        ("score <= 9.5", [3, 2]),
        ('score = ""', [3]),
        ("score != 10", [3, 2]),
        ("score in (10)", [1]),
        ("score not in (10)", [3, 2]),
        ('total = ""', [3, 2, 1]),
        ('email = "a@x"', [1]),
        ('email = "A@x"', []),
        ('email = "b\\"\\\\@x"', [2]),
        ('email = "tab\\t@x"', [3]),
        ('name != "佐藤"', [3, 2]),
        ('name = ""', [3]),
        ('name in ("佐藤", "")', [3, 1]),
        ('name not in ("佐藤", "")', [2]),
        ('email like "X"', [3, 2, 1]),
        ('email not like "a@"', [3, 2]),
        ("memo is empty", [3, 2]),
        ("memo is not empty", [1]),
        ('memo like "つ目"', [1]),
        ("file is empty", [3, 2, 1]),
        ('rank in ("A", "B")', [2, 1]),
        ('rank in ("")', [3]),
        ('rank not in ("A")', [3, 2]),
        ('kind in ("q")', [2]),
        ('tags in ("y")', [2, 1]),
        ('tags not in ("x")', [3, 2]),
        ('day >= "2026-04-01"', [1]),
        ('day = ""', [3]),
        ("day < TODAY()", [3, 2]),
        ('hour > "09:00"', [2]),
        ('hour <= "09:00"', [3, 1]),
        ('at = "2026-04-01T00:00:00+09:00"', [1]),
        ('at < "2026-03-31T15:00:00Z"', [3, 2]),
        ("at = TODAY()", [1]),
        ("at < TODAY()", [3, 2]),
        ("更新日時 <= NOW()", [3, 2, 1]),
        ('作成日時 > "2026-04-01T03:04:00Z"', []),
        ('作成日時 >= "2026-04-01T03:04:00Z"', [3, 2, 1]),
        ('作成者 in ("sato")', [3, 1]),
        ('rep in ("sato")', [2, 1]),
        ('rep not in ("ito")', [3, 1]),
        ('rep in ("")', [3]),
        ('team in ("sales")', [1]),
        ('name = "佐藤" and score = 10', [1]),
        ('name = "佐藤" or score = 9.5', [2, 1]),
        ('(name = "佐藤" or score = 9.5) and $id > 1', [2]),
        ('name　=\t"佐藤"\n and(score=10)', [1]),
        ('t_kind in ("web")', [2, 1]),
        ('t_kind in ("web") and t_text in ("二")', [2]),
        ('t_kind not in ("mail")', [2]),
        ('t_text like "二"', [2, 1]),
        ("t_count > 2", [2]),
        ('t_kind in ("mail") and $id < 3', [1]),
        ("order by $id asc", [1, 2, 3]),
        ("order by score asc", [3, 2, 1]),
        ("order by score desc, $id asc", [1, 2, 3]),
        ("order by rank desc", [2, 1, 3]),
        ("order by 作成者 asc, $id asc", [2, 1, 3]),
        ("limit 1", [3]),
        ("$id > 0 order by $id asc limit 1 offset 1", [2]),
        ("limit 0", []),
        ("offset 2", [1]),
    ],
)  # fmt: skip
def test_what_is_found(caller: Caller, query: str, ids: list[int]) -> None:
    answer = caller.find(query)
    assert answer.status == 200, answer.text
    assert answer.ids == ids


_SYNTAX = (400, "CB_VA01")


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("name", _SYNTAX),
        ("name = 佐藤", _SYNTAX),
        ("name = '佐藤'", _SYNTAX),
        ('name === "佐藤"', _SYNTAX),
        ('name = "a" AND score = 1', _SYNTAX),
        ('name = "a" name = "b"', _SYNTAX),
        ('name = "a" and score = 1 or score = 2', _SYNTAX),
        ('name = "a\tb"', _SYNTAX),
        ('name = "a\nb"', _SYNTAX),
        ('name = "a\\qb"', _SYNTAX),
        ("name in ()", _SYNTAX),
        ("name = 5", _SYNTAX),
        ('score > "x"', _SYNTAX),
        ('day = "2026-02-30"', _SYNTAX),
        ('at > "2026-02-01"', _SYNTAX),
        ("hour = NOW()", _SYNTAX),
        ("day = NOW()", _SYNTAX),
        ("day = SOMEDAY()", _SYNTAX),
        ("name in (LOGINUSER())", _SYNTAX),
        ("score = NOW()", _SYNTAX),
        ("limit 5 order by $id asc", _SYNTAX),
        ("offset 1 limit 1", _SYNTAX),
        ("limit -1", _SYNTAX),
        ("offset -1", _SYNTAX),
        ("limit 1.5", _SYNTAX),
        ("order $id asc", _SYNTAX),
        ("limit 501", (400, "GAIA_QU01")),
        ("offset 10001", (400, "GAIA_QU02")),
        ('nothing = "x"', (400, "GAIA_IQ11")),
        ("order by nothing asc", (400, "GAIA_IQ11")),
        ('ステータス = "x"', (400, "GAIA_IQ11")),
        ('touch in ("x")', (400, "GAIA_IQ03")),
        ('tags = "x"', (400, "GAIA_IQ03")),
        ('memo = "x"', (400, "GAIA_IQ03")),
        ("html is empty", (400, "GAIA_IQ03")),
        ("name is empty", (400, "GAIA_IQ03")),
        ('score like "1"', (400, "GAIA_IQ03")),
        ('day in ("2026-01-01")', (400, "GAIA_IQ03")),
        ('rep = "sato"', (400, "GAIA_IQ03")),
        ('name > "a"', (400, "GAIA_IQ03")),
        ("order by memo asc", (400, "GAIA_IQ03")),
        ("order by t_count asc", (400, "GAIA_IQ03")),
        ('rank in ("Z")', (400, "GAIA_IQ10")),
        ('rank = "Z"', (400, "GAIA_IQ10")),
        ('t_text = "x"', (400, "GAIA_IQ07")),
        ("t_count != 1", (400, "GAIA_IQ07")),
        ('touch.t_text in ("x")', (400, "GAIA_IR02")),
        ('rep in ("nobody")', (400, "GAIA_IL26")),
        ('team not in ("sato")', (400, "GAIA_IL28")),
        ("day = THIS_WEEK(SOMEDAY)", (400, "GAIA_IQ23")),
        ("day = THIS_MONTH(32)", (400, "GAIA_IQ25")),
        ("day = FROM_TODAY(1)", (400, "GAIA_IL08")),
        ("day = FROM_TODAY(1, HOURS)", (400, "GAIA_IL08")),
    ],
)
def test_what_is_no_query(caller: Caller, query: str, refusal: tuple[int, str]) -> None:
    assert caller.find(query).refusal == refusal


def test_messages(caller: Caller) -> None:
    assert caller.find("name").errors == {"query": "クエリ記法が間違っています。"}
    messages = {
        "limit 501": "limit には 500 以下の値を指定してください。",
        "offset 10001": "offset には 10,000 以下の値を指定してください。",
        "X = 1": "指定されたフィールド（X）が見つかりません。",
        'tags = "x"': "tagsフィールドのフィールドタイプには演算子=を使用できません。",
    }
    assert {query: caller.find(query).json["message"] for query in messages} == messages


_OPERATORS = {
    "=": "{} = {}", "!=": "{} != {}", "<": "{} < {}", ">=": "{} >= {}", "in": "{} in ({})", "not in": "{} not in ({})",
    "like": "{} like {}", "not like": "{} not like {}", "is empty": "{} is empty", "is not empty": "{} is not empty",
}  # fmt: skip
_ORDERED = {"=", "!=", "<", ">="}
_IN = {"in", "not in"}
_LIKE = {"like", "not like"}


@pytest.mark.parametrize(
    ("code", "literal", "allowed"),
    [
        ("$id", "1", _ORDERED | _IN),
        ("レコード番号", "1", _ORDERED | _IN),
        ("score", "1", _ORDERED | _IN),
        ("total", "1", _ORDERED | _IN),
        ("name", '"x"', {"=", "!="} | _IN | _LIKE),
        ("site", '"x"', {"=", "!="} | _IN | _LIKE),
        ("memo", '"x"', _LIKE | {"is empty", "is not empty"}),
        ("file", '"x"', _LIKE | {"is empty", "is not empty"}),
        ("html", '"x"', _LIKE),
        ("rank", '"A"', _IN),
        ("kind", '"p"', _IN),
        ("tags", '"x"', _IN),
        ("more", '"m"', _IN),
        ("day", '"2026-01-01"', _ORDERED),
        ("hour", '"09:00"', _ORDERED),
        ("at", '"2026-01-01T00:00:00Z"', _ORDERED),
        ("作成日時", '"2026-01-01T00:00:00Z"', _ORDERED),
        ("更新日時", '"2026-01-01T00:00:00Z"', _ORDERED),
        ("作成者", '"sato"', _IN),
        ("rep", '"sato"', _IN),
        ("team", '"sales"', _IN),
        ("group", '"all"', _IN),
        ("作業者", '"sato"', _IN),
        ("ステータス", '"x"', {"=", "!="} | _IN),
    ],
)
def test_operators_of_each_type(
    kintone: KintoneEmulator, caller: Caller, code: str, literal: str, allowed: set[str]
) -> None:
    kintone.set_process("1", {"x": {}}, [])
    found = {name for name, form in _OPERATORS.items() if caller.find(form.format(code, literal)).status == 200}
    assert found == allowed


@pytest.mark.parametrize(
    ("function", "days"),
    [
        ("TODAY()", ["2026-04-01"]),
        ("YESTERDAY()", ["2026-03-31"]),
        ("TOMORROW()", ["2026-04-02"]),
        ("FROM_TODAY(-3, DAYS)", ["2026-03-29"]),
        ("FROM_TODAY(1, WEEKS)", ["2026-04-08"]),
        ("FROM_TODAY(-1, MONTHS)", ["2026-03-01"]),
        ("FROM_TODAY(1, YEARS)", ["2027-04-01"]),
        ("THIS_WEEK()", ["2026-03-29", "2026-03-31", "2026-04-01", "2026-04-02"]),
        ("LAST_WEEK(SUNDAY)", ["2026-03-22"]),
        ("NEXT_WEEK(WEDNESDAY)", ["2026-04-08"]),
        ("THIS_MONTH()", ["2026-04-01", "2026-04-02", "2026-04-08", "2026-04-30"]),
        ("THIS_MONTH(LAST)", ["2026-04-30"]),
        ("LAST_MONTH(1)", ["2026-03-01"]),
        ("NEXT_YEAR()", ["2027-04-01"]),
    ],
)
def test_functions(kintone: KintoneEmulator, function: str, days: list[str]) -> None:
    app = kintone.create_app("日", {"day": {"type": "DATE"}})
    for day in (
        "2026-03-01", "2026-03-22", "2026-03-29", "2026-03-31", "2026-04-01", "2026-04-02", "2026-04-08", "2026-04-30",
        "2027-04-01",
    ):  # fmt: skip
        kintone.create(app, {"day": day})
    answer = Caller(kintone, app).find(f"day = {function} order by day asc")
    assert [each["day"]["value"] for each in answer.json["records"]] == days


def test_related_records(kintone: KintoneEmulator) -> None:
    reference = {
        "relatedApp": {"app": "1", "code": ""},
        "condition": {"field": "key", "relatedField": "email"},
        "filterCond": "",
        "displayFields": ["name"],
        "sort": "",
        "size": "10",
    }
    fields: dict[str, dict[str, Any]] = {
        "key": {"type": "SINGLE_LINE_TEXT"},
        "leads": {"type": "REFERENCE_TABLE", "referenceTable": reference},
    }
    app = kintone.create_app("案件", fields)
    kintone.create(app, {"key": "a@x"})
    kintone.create(app, {})
    caller = Caller(kintone, app)
    assert caller.find('leads.name in ("佐藤")').refusal == (403, "GAIA_NO01")
    caller.token(kintone.add_token(app, "view"), kintone.add_token("1", "view"))
    assert caller.find('leads.name in ("佐藤")').ids == [1]
    assert caller.find('leads.name not in ("佐藤")').ids == []
    assert caller.find('leads.name = "佐藤"').refusal == (400, "GAIA_IQ07")
    assert "leads" not in caller.get("record", id=1).json["record"]


def test_searches_by_keyword_see_records_later(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.index_delay = timedelta(seconds=5)
    assert caller.find('email like "a@x"').ids == []
    assert caller.find('email = "a@x"').ids == [1]
    kintone.clock.advance(timedelta(seconds=5))
    assert caller.find('email like "a@x"').ids == [1]


def test_searches_by_keyword_that_find_too_many(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.search_limit = 2
    assert len(caller.find("").ids) == 3
    answer = caller.find('email like "x"', totalCount="true")
    assert (len(answer.ids), answer.json["totalCount"]) == (2, "2")
    assert answer.headers["X-Cybozu-Warning"] == "Filter aborted because of too many search results"
    kintone.chaos.plan("warning", rows=1)
    answer = caller.find("")
    assert (len(answer.ids), "X-Cybozu-Warning" in answer.headers) == (1, True)


def test_pages(kintone: KintoneEmulator, caller: Caller) -> None:
    for _ in range(510):
        kintone.create("1", {})
    assert len(caller.get("records").ids) == 100
    assert len(caller.find("limit 500").ids) == 500
    assert caller.get("records").json["totalCount"] is None
    assert caller.find("limit 1", totalCount="true").json["totalCount"] == "513"
    assert caller.get("records", totalCount="maybe").errors == {"totalCount": "Enum値のいずれかでなければなりません。"}


def test_fields_that_are_asked_for(caller: Caller) -> None:
    shown = caller.find("$id = 1", fields=["name", "t_kind", "nothing"]).json["records"]
    assert shown == [{"name": {"type": "SINGLE_LINE_TEXT", "value": "佐藤"}}]
    everything = caller.find("$id = 1").json["records"][0]
    system = {"$id", "$revision", "レコード番号", "作成者", "更新者", "作成日時", "更新日時"}
    assert set(everything) == set(FIELDS) | system


# --- cursors ----------------------------------------------------------------------------------------------------------


def _open(caller: Caller, **body: Any) -> str:
    answer = caller.json("POST", "records/cursor", **body)
    assert answer.status == 200, answer.text
    return str(answer.json["id"])


def test_cursors_fix_the_rows_and_show_them_as_they_are(kintone: KintoneEmulator, caller: Caller) -> None:
    opened = caller.json("POST", "records/cursor", query="order by $id asc", fields=["$id", "name"], size=2)
    assert opened.json["totalCount"] == "3"
    name = opened.json["id"]
    kintone.update("1", 2, {"name": "高橋"})
    kintone.create("1", {})
    page = caller.get("records/cursor", id=name)
    assert (page.ids, page.json["next"]) == ([1, 2], True)
    assert page.json["records"][1]["name"]["value"] == "高橋"
    kintone.delete("1", 3)
    page = caller.get("records/cursor", id=name)
    assert (page.ids, page.json["next"]) == ([], False)
    assert caller.get("records/cursor", id=name).refusal == (404, "GAIA_CN01")


def test_cursors_are_deleted_once(caller: Caller) -> None:
    path = f"/k/v1/records/cursor.json?id={_open(caller)}"
    assert caller.send("DELETE", path).json == {}
    gone = caller.send("DELETE", path)
    assert gone.refusal == (404, "GAIA_CN01")
    assert gone.json["message"] == "指定したカーソルは存在しないか、既に有効期限が切れています。"


def test_cursors_expire_ten_minutes_after_their_last_use(kintone: KintoneEmulator, caller: Caller) -> None:
    name = _open(caller, size=1)
    kintone.clock.advance(timedelta(minutes=9))
    assert caller.get("records/cursor", id=name).status == 200
    kintone.clock.advance(timedelta(minutes=9))
    assert caller.get("records/cursor", id=name).status == 200
    other = _open(caller, size=1)
    kintone.clock.advance(timedelta(minutes=10))
    assert caller.get("records/cursor", id=other).refusal == (404, "GAIA_CN01")
    assert kintone.open_cursors == 0


def test_ten_cursors(kintone: KintoneEmulator, caller: Caller) -> None:
    names = [_open(caller) for _ in range(10)]
    assert caller.json("POST", "records/cursor").refusal == (429, "GAIA_TM12")
    # One page was all of it, so its slot is free again.
    caller.get("records/cursor", id=names[0])
    assert kintone.open_cursors == 9
    _open(caller)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"query": "limit 1"}, (400, "CB_VA01")),
        ({"query": "offset 1"}, (400, "CB_VA01")),
        ({"size": 501}, (400, "CB_VA01")),
        ({"size": 0}, (400, "CB_VA01")),
        ({"query": "nothing = 1"}, (400, "GAIA_IQ11")),
        ({"fields": [1]}, (400, "CB_IJ01")),
    ],
)
def test_cursors_that_cannot_be_made(caller: Caller, body: dict[str, Any], refusal: tuple[int, str]) -> None:
    assert caller.json("POST", "records/cursor", **body).refusal == refusal


def test_faults_of_cursors(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.chaos.plan("cursor_slots")
    assert caller.json("POST", "records/cursor").refusal == (429, "GAIA_TM12")
    name = _open(caller)
    kintone.chaos.plan("locator")
    assert caller.get("records/cursor", id=name).refusal == (404, "GAIA_CN01")
    assert kintone.open_cursors == 0
    assert caller.get("records/cursor").errors == {"id": "必須です。"}


# --- the language by itself -------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_every_text_can_be_searched_for(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    for raw, escaped in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        quoted = quoted.replace(raw, escaped)
    found = queries.parse(f'name = "{quoted}"').where
    assert isinstance(found, queries.Comparison)
    assert found.operands == (queries.Literal(text, quoted=True),)


@given(st.text(st.sampled_from('ab "()=\\,.<>!\n　1-') | st.characters(codec="utf-8")))
def test_every_text_is_a_query_or_refused(text: str) -> None:
    # Whatever else it raises fails the test.
    with contextlib.suppress(Refusal):
        queries.parse(text)
