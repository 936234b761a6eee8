"""Values in the emulated kintone: what may be written, what is kept, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator
from tests.unit.sandbox.kintone_client import FIELDS, Caller, leads, record

START = datetime(2026, 4, 1, 3, 4, 5, tzinfo=UTC)
EN = ("Accept-Language", "en")


@pytest.fixture
def kintone() -> KintoneEmulator:
    return leads(clock=Clock(START, ticking=False))


@pytest.fixture
def caller(kintone: KintoneEmulator) -> Caller:
    return Caller(kintone)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "given", "kept"),
    [
        ("name", "佐藤", "佐藤"),
        ("name", "", ""),
        ("name", None, ""),
        ("memo", "1\n2", "1\n2"),
        ("score", 7, "7"),
        ("score", "1.5e1", "15"),
        ("score", " 42 ", "42"),
        ("score", 0.5, "0.5"),
        ("score", "1.50", "1.50"),
        ("score", "0.12345", "0.1234"),
        ("score", "0.123451", "0.1235"),
        ("number", "123456789012.5", "123456789012.5"),
        ("score", "", ""),
        ("score", None, ""),
        ("total", "5", ""),
        ("rank", "B", "B"),
        ("rank", "", None),
        ("rank", None, None),
        ("kind", "p", "p"),
        ("tags", ["z", "x", "z"], ["x", "z"]),
        ("tags", [], []),
        ("more", [], []),
        ("day", "2026-01-31", "2026-01-31"),
        ("day", "", None),
        ("day", None, None),
        ("hour", "23:59", "23:59"),
        ("hour", "", None),
        ("at", "2026-01-31T03:04:59Z", "2026-01-31T03:04:00Z"),
        ("at", "2026-01-31T03:04Z", "2026-01-31T03:04:00Z"),
        ("at", "2026-01-31T03:04:05.678+09:00", "2026-01-30T18:04:00Z"),
        ("at", "2026-01-31T03:04:05+0900", "2026-01-30T18:04:00Z"),
        ("at", "", ""),
        ("rep", [{"code": "sato"}], [{"code": "sato", "name": "佐藤 昇"}]),
        ("rep", [], []),
        ("team", [{"code": "sales"}], [{"code": "sales", "name": "営業部"}]),
        ("group", [{"code": "all"}], [{"code": "all", "name": "全員"}]),
        ("file", [], []),
        ("レコード番号", "9", "1"),
        ("$id", "9", "1"),
    ],
)
def test_what_is_kept(caller: Caller, code: str, given: Any, kept: Any) -> None:
    assert caller.add(**{code: given}).status == 200
    assert caller.get("record", id=1).json["record"][code]["value"] == kept


@pytest.mark.parametrize(
    ("code", "given", "path", "ja", "en"),
    [
        ("name", "123456", "record.name.value", "6文字より短くなければなりません。", "Enter less than 6 characters."),
        ("name", "1", "record.name.value", "1文字より長くなければなりません。", "Enter more than 1 characters."),
        ("email", "a" * 65, "record.email.value", "65文字より短くなければなりません。",
         "Enter less than 65 characters."),
        ("score", "x", "record[score].value", "数字でなければなりません。", "Only numbers are allowed."),
        ("score", "１", "record[score].value", "数字でなければなりません。", "Only numbers are allowed."),
        ("score", True, "record[score].value", "数字でなければなりません。", "Only numbers are allowed."),
        ("score", "101", "record.score.value", "100以下である必要があります。", "The value must be 100 or less."),
        ("score", -1, "record.score.value", "0以上である必要があります。", "The value must be 0 or more."),
        ("number", "1e12", "record.number.value", "整数部は12桁以内で入力してください。",
         "Enter 12 digits or less before the point."),
        ("rank", "Z", "record.rank.value", '"Z"は選択肢にありません。', 'The value, "Z", is not in options.'),
        ("kind", "", "record.kind.value", '""は選択肢にありません。', 'The value, "", is not in options.'),
        ("tags", ["x", "Z"], "record.tags.values[1].value", '"Z"は選択肢にありません。',
         'The value, "Z", is not in options.'),
        ("day", "2026-02-30", "record.day.value", "日付の形式が正しくありません。", "The date is invalid."),
        ("hour", "24:00", "record.hour.value", "時刻の形式が正しくありません。", "The time is invalid."),
        ("at", "2026-01-31T03:04:05", "record.at.value", "日時の形式が正しくありません。",
         "The date and time are invalid."),
    ],
)  # fmt: skip
def test_what_is_refused(caller: Caller, code: str, given: Any, path: str, ja: str, en: str) -> None:
    answer = caller.add(**{code: given})
    assert (answer.refusal, answer.errors) == ((400, "CB_VA01"), {path: ja})
    answer = caller.json("POST", "record", EN, record=record({code: given}))
    assert (answer.json["message"], answer.errors) == ("Missing or invalid input.", {path: en})


@pytest.mark.parametrize(
    ("code", "given", "refusal"),
    [
        ("name", 5, (400, "CB_IJ01")),
        ("tags", "x", (400, "CB_IJ01")),
        ("rank", ["A"], (400, "CB_IJ01")),
        ("rep", "sato", (400, "CB_IJ01")),
        ("rep", [{"code": "nobody"}], (400, "GAIA_IL26")),
        ("team", [{"code": "nobody"}], (400, "GAIA_IL28")),
        ("file", [{"fileKey": "x"}], (404, "GAIA_BL01")),
        ("touch", "x", (400, "CB_IJ01")),
        ("更新日時", "2026-01-01T00:00:00Z", (200, "")),
        ("作成者", {"code": "nobody"}, (400, "GAIA_IL26")),
    ],
)
def test_what_is_refused_otherwise(caller: Caller, code: str, given: Any, refusal: tuple[int, str]) -> None:
    answer = caller.add(**{code: given})
    assert (answer.status, answer.json.get("code", "")) == refusal


def test_unknown_fields_are_ignored_without_a_word(caller: Caller, kintone: KintoneEmulator) -> None:
    assert caller.add(nmae="x").status == 200
    assert caller.put(1, nmae="x").json == {"revision": "2"}
    assert "nmae" not in kintone.get("1", 1)


def test_defaults_are_for_what_is_not_sent(caller: Caller, kintone: KintoneEmulator) -> None:
    kintone.change_fields(
        "1",
        {
            "since": {"type": "DATE", "defaultNowValue": True},
            "when": {"type": "DATETIME", "defaultNowValue": True},
            "must": {"type": "SINGLE_LINE_TEXT", "required": True, "defaultValue": "yes"},
            "owner": {"type": "USER_SELECT", "defaultValue": [{"type": "FUNCTION", "code": "LOGINUSER()"}]},
        },
    )
    caller.login("sato", "pä:ss")
    caller.add()
    found = kintone.get("1", 1)
    assert [found[code] for code in ("kind", "more", "since", "must")] == ["q", ["n"], "2026-04-01", "yes"]
    assert (found["when"], found["owner"]) == ("2026-04-01T03:04:00Z", ["sato"])
    assert caller.add(must="", more=[]).errors == {"record.must.value": "必須です。"}


def test_required_fields(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.create("1", {})
    kintone.change_fields(
        "1",
        {
            "r_text": {"type": "SINGLE_LINE_TEXT", "required": True},
            "r_number": {"type": "NUMBER", "required": True},
            "r_tags": {"type": "CHECK_BOX", "options": ["x"], "required": True},
            "r_user": {"type": "USER_SELECT", "required": True},
            "r_radio": {"type": "RADIO_BUTTON", "options": ["x"], "required": True},
            "r_table": {"type": "SUBTABLE", "fields": {"r_in": {"type": "SINGLE_LINE_TEXT", "required": True}}},
        },
    )
    missing = ["record.r_text.value", "record.r_number.value", "record.r_tags.values", "record.r_user.values.value"]
    assert caller.add().errors == dict.fromkeys(missing, "必須です。")
    values: dict[str, Any] = {"r_text": "x", "r_number": 1, "r_tags": ["x"], "r_user": [{"code": "sato"}]}
    assert caller.add(**values, r_table=[{"value": {}}]).errors == {
        "record.r_table.value[0].value.r_in.value": "必須です。"
    }
    # What is stored is judged too: a record that lacks them takes no other change either.
    assert caller.put(1, memo="x").errors == dict.fromkeys(missing, "必須です。")
    assert caller.put(1, **values).status == 200
    bad = caller.put(1, r_number="x")
    assert set(bad.errors) == {"record[r_number].value", "record.r_number.value"}


def test_limits_that_came_later_hold_from_the_next_change_on(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.create("1", {"memo": "x", "score": 50, "touch": [{"t_text": "x"}]})
    inner = {"t_text": {"type": "SINGLE_LINE_TEXT", "minLength": "2"}}
    kintone.change_fields(
        "1", {"score": {"type": "NUMBER", "maxValue": "10"}, "touch": {"type": "SUBTABLE", "fields": inner}}
    )
    assert caller.put(1, memo="y").errors == {
        "record.score.value": "10以下である必要があります。",
        "record.touch.value[0].value.t_text.value": "1文字より長くなければなりません。",
    }
    assert caller.put(1, memo="y", score=5, touch=[]).status == 200


def test_a_record_can_be_told_to_refuse(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add()
    kintone.refuse("1", 1, "name")
    assert caller.put(1, memo="x").errors == {"record.name.value": "必須です。"}
    several = [{"id": 1, "record": {}}]
    assert caller.json("PUT", "records", records=several).errors == {"records[0].name.value": "必須です。"}
    kintone.allow("1", 1)
    assert caller.put(1, memo="x").status == 200


def test_values_without_duplicates(caller: Caller) -> None:
    assert caller.add(email="a@x", number="5").status == 200
    assert caller.add(email="", number="").status == caller.add(email="").status == 200
    assert caller.add(email="A@x").status == 200
    assert caller.add(email="a@x", number="5.0").errors == {
        "record.email.value": "値がほかのレコードと重複しています。",
        "record.number.value": "値がほかのレコードと重複しています。",
    }
    assert caller.put(1, email="a@x").status == 200
    assert caller.put(1, email="b@x").status == 200
    assert caller.add(email="a@x").status == 200
    twice = [record({"email": "c@x"}), record({"email": "c@x"})]
    assert list(caller.json("POST", "records", records=twice).errors) == ["records[1].email.value"]
    # A refused duplicate leaves the original where it is found.
    assert caller.add(email="b@x").refusal == (400, "CB_VA01")
    assert caller.add(email="b@x").refusal == (400, "CB_VA01")
    assert caller.upsert("email", "b@x").json["records"][0]["operation"] == "UPDATE"
    thrice = [record({"rank": "Z"}), *twice]
    assert len(caller.json("POST", "records", records=thrice).errors) == 2


# --- tables -----------------------------------------------------------------------------------------------------------


def test_what_is_sent_of_a_table_is_all_of_it(caller: Caller, kintone: KintoneEmulator) -> None:
    caller.add(touch=[{"id": "", "value": record({"t_kind": "web", "t_text": "1"})}, {"value": {}}])
    first, second = kintone.get("1", 1)["touch"]
    assert (first["t_kind"], first["t_text"], second["t_kind"]) == ("web", "1", None)
    caller.put(1, name="佐藤")
    assert len(kintone.get("1", 1)["touch"]) == 2
    merged = {"id": first["id"], "value": record({"t_text": "2"})}
    caller.put(1, touch=[merged, {"id": "99", "value": record({"t_text": "new"})}])
    one, two = kintone.get("1", 1)["touch"]
    assert one == {**first, "t_text": "2"}
    assert two["id"] not in {first["id"], second["id"], "99"}
    caller.put(1, touch=[])
    assert kintone.get("1", 1)["touch"] == []


def test_values_in_tables(caller: Caller, kintone: KintoneEmulator) -> None:
    assert caller.add(touch=[{"value": record({"t_count": "x"})}]).status == 200
    assert kintone.get("1", 1)["touch"][0]["t_count"] == ""
    answer = caller.add(touch=[{"value": {}}, {"value": record({"t_kind": "Z"})}])
    assert answer.errors == {"record.touch.value[1].value.t_kind.value": '"Z"は選択肢にありません。'}


# --- lookups ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def deals(kintone: KintoneEmulator) -> str:
    kintone.create("1", {"email": "a@x", "name": "佐藤"})
    lookup = {
        "relatedApp": {"app": "1", "code": ""},
        "relatedKeyField": "email",
        "fieldMappings": [{"field": "who", "relatedField": "name"}],
        "lookupPickerFields": [],
        "filterCond": "",
        "sort": "",
    }
    fields: dict[str, dict[str, Any]] = {
        "key": {"type": "SINGLE_LINE_TEXT", "lookup": lookup},
        "who": {"type": "SINGLE_LINE_TEXT"},
    }
    return kintone.create_app("案件", fields)


def test_what_is_sent_to_a_formula_is_ignored(kintone: KintoneEmulator, caller: Caller) -> None:
    formula = {"type": "SINGLE_LINE_TEXT", "expression": "name"}
    rows = {"type": "SUBTABLE", "fields": {"inner": formula, "free": {"type": "SINGLE_LINE_TEXT"}}}
    kintone.change_fields("1", add={"full": formula, "rows": rows})
    caller.add(full="x", rows=[{"value": {"inner": {"value": "x"}, "free": {"value": "y"}}}])
    caller.put(1, full="x")
    held = kintone.get("1", 1)
    assert (held["full"], [(row["inner"], row["free"]) for row in held["rows"]]) == ("", [("", "y")])


def test_lookups_copy_and_what_is_sent_for_the_copies_is_ignored(kintone: KintoneEmulator, deals: str) -> None:
    caller = Caller(kintone, deals)
    caller.token(kintone.add_token("1", "view"), kintone.add_token(deals, "add", "edit"))
    assert caller.add(key="a@x", who="鈴木").status == 200
    assert kintone.get(deals, 1)["who"] == "佐藤"
    caller.put(1, who="鈴木")
    assert kintone.get(deals, 1)["who"] == "佐藤"
    caller.put(1, key="")
    assert kintone.get(deals, 1)["who"] == ""
    answer = caller.put(1, key="b@x")
    assert (answer.refusal, "errors" in answer.json) == ((400, "GAIA_LO04"), False)


def test_lookups_need_a_key_without_duplicates(kintone: KintoneEmulator, deals: str) -> None:
    caller = Caller(kintone, deals)
    caller.token(kintone.add_token("1", "view"), kintone.add_token(deals, "add"))
    kintone.change_fields("1", {"email": FIELDS["email"] | {"unique": False}})
    assert caller.add(key="a@x").refusal == (400, "GAIA_LO03")
    assert kintone.get(deals, kintone.create(deals, {"key": "a@x"}))["who"] == "佐藤"


def test_lookups_need_a_right_in_the_other_app(kintone: KintoneEmulator, deals: str) -> None:
    caller = Caller(kintone, deals)
    assert caller.add(key="a@x").refusal == (403, "GAIA_NO01")
    assert caller.add().status == 200


@pytest.mark.parametrize(
    ("code", "definition"),
    [
        ("x", {"type": "NOTHING"}),
        ("x", {"type": "DROP_DOWN"}),
        ("x", {"type": "TIME", "unique": True}),
        ("1x", {"type": "NUMBER"}),
        ("a-b", {"type": "NUMBER"}),
        ("x", {"type": "SUBTABLE", "fields": {"y": {"type": "SUBTABLE", "fields": {}}}}),
        ("x", {"type": "SUBTABLE", "fields": {f"y{number}": {"type": "NUMBER"} for number in range(500)}}),
    ],
)
def test_forms_that_kintone_would_not_save(kintone: KintoneEmulator, code: str, definition: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"field|choice|duplicate|table"):
        kintone.create_app("x", {code: definition})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "sato", "A"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["value", "id", "code", "field", "t_at"]), inner),
    max_leaves=8,
)
_RECORD = st.dictionaries(st.sampled_from(["email", "score", "tags", "rep", "at", "touch", "作成者"]), _JSON)


@settings(max_examples=150)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    api=st.sampled_from(["record", "records", "records/cursor", "record/comment", "record/status", "bulkRequest"]),
    body=st.dictionaries(
        st.sampled_from(["id", "ids", "record", "records", "updateKey", "query", "fields", "comment", "revision"]),
        _JSON | _RECORD | st.lists(_RECORD, max_size=3),
    ),
)
def test_nothing_brings_it_down(method: str, api: str, body: dict[str, Any]) -> None:
    kintone = leads()
    kintone.create("1", {})
    assert Caller(kintone).json(method, api, **body).status < 500
