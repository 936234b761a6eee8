from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.esales import calls
from connector.adapters.esales.remix import read as reading
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.search import Searcher, number_is
from connector.errors import Mismatch, Throttled, Unauthorized, Unavailable
from connector.model import Company, Deal, DealState, Inventory, Owner, Person
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.esales import ListShape, RemixSettings
from tests.unit.adapters.esales_kit import BAND, KEY, NEEDS, SCORE, SPRING, WHY, Stage, drain, of, stage


def with_deals(**changes: Any) -> Needs:
    deals = replace(NEEDS.objects["business"], **changes)
    return replace(NEEDS, objects={**NEEDS.objects, "business": deals})


@pytest.mark.parametrize(
    ("rows", "number_as", "select_as", "empty"),
    list(
        itertools.product(
            ("positional", "items", "by_code", "with_items"),
            ("number", "string"),
            ("code", "name"),
            ("null", "missing"),
        )
    ),
)
def test_a_card_is_read_in_every_shape(rows: Any, number_as: Any, select_as: Any, empty: Any) -> None:
    settings = RemixSettings(rows=rows, number_as=number_as, select_as=select_as, empty=empty)
    with stage(settings) as ready:
        columns = {KEY: "U1", WHY: "45点", SCORE: 45, BAND: "B"}
        company = ready.company()
        id_ = ready.person("佐藤 一郎", customer=company, _914="sato@example.com", _905="課長", **columns)
        (person,) = of(Person, drain(ready.adapter(), "person"))
    assert person.ref.id == id_
    assert person.fields["name"] == "佐藤 一郎"
    assert person.fields["email"] == "sato@example.com"
    assert person.fields["title"] == "課長"
    assert person.native == {WHY: "45点", SCORE: 45, BAND: "B", "備考": None}
    assert person.key == "U1"
    assert person.company_id == str(company)
    assert person.created_at == person.modified_at
    assert person.modified_at is not None
    assert person.modified_at.replace(microsecond=0) == SPRING + timedelta(seconds=2)


@pytest.mark.parametrize("rows", ["positional", "items", "by_code", "with_items"])
@pytest.mark.parametrize("page", [1, 3, 100])
@pytest.mark.parametrize(("from_index", "base"), [("honoured", 0), ("honoured", 1), ("ignored", 0)])
@pytest.mark.parametrize("order", ["key", "scattered", "unstable"])
def test_everybody_arrives_however_pages_are_turned(
    rows: Any, page: int, from_index: Any, base: Any, order: Any
) -> None:
    settings = RemixSettings(rows=rows, page_size=page, from_index=from_index, from_base=base, order=order)
    with stage(settings) as ready:
        company = ready.company()
        ids = {ready.person(f"名刺 {n}", customer=company) for n in range(11)}
        people = of(Person, drain(ready.adapter(), "person"))
    assert {person.ref.id for person in people} == ids


@pytest.fixture
def ready() -> Any:
    with stage() as made:
        yield made


def test_a_later_reading_asks_for_what_changed_since_with_an_offset(ready: Stage) -> None:
    old = ready.person()
    ready.tick(timedelta(hours=2))
    cursor = drain(ready.adapter(), "person")[-1].cursor
    ready.tick(timedelta(hours=2))
    new = ready.person("新しい 人")
    people = of(Person, drain(ready.adapter(), "person", cursor))
    assert [person.ref.id for person in people] == [new]
    ready.esm.update("person", int(old), {916: "変更"})
    people = of(Person, drain(ready.adapter(), "person", cursor))
    assert {person.ref.id for person in people} == {old, new}


@pytest.mark.parametrize("clock", [{}, {"clock": "off"}])
def test_until_the_clock_is_proven_a_reading_reaches_back_a_day(ready: Stage, clock: dict[str, str]) -> None:
    unsure = replace(NEEDS, probed=clock)
    cursor = drain(ready.adapter(unsure), "person")[-1].cursor
    ready.tick(timedelta(hours=2))
    with ready.esm.stamped(ready.esm.clock() - timedelta(hours=20)):
        late = ready.person("時計 違い")
    assert [p.ref.id for p in of(Person, drain(ready.adapter(unsure), "person", cursor))] == [late]


def test_a_span_of_time_with_too_many_records_is_cut(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST", 3)
    ids = []
    for _ in range(12):
        ids.append(ready.person())
        ready.tick(timedelta(days=3))
    pages = drain(ready.adapter(), "person")
    assert [person.ref.id for person in of(Person, pages)] == ids
    assert len({page.cursor for page in pages}) > 3
    for page in pages:
        rest = of(Person, drain(ready.adapter(), "person", page.cursor))
        assert rest == [] or rest[-1].ref.id == ids[-1]


def test_many_records_of_one_second_are_read_at_once(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST", 3)
    with ready.esm.stamped(SPRING - timedelta(days=9)):
        ids = {ready.person() for _ in range(9)}
    assert {person.ref.id for person in of(Person, drain(ready.adapter(), "person"))} == ids


def test_records_without_a_stamp_are_read_too(ready: Stage) -> None:
    bare = ready.person()
    table = ready.esm._tables["person"]
    table.put(int(bare), {**table[int(bare)], 934: None})
    pages = drain(ready.adapter(), "person")
    assert [person.ref.id for person in of(Person, pages)] == [bare]
    later = ready.person()
    table.put(int(later), {**table[int(later)], 934: None})
    assert later in {person.ref.id for person in of(Person, drain(ready.adapter(), "person", pages[-1].cursor))}


def test_without_a_known_stamp_everything_is_read_each_time(ready: Stage) -> None:
    ready.company("一社")
    pages = drain(ready.adapter(stamps={}), "customer")
    ready.tick(timedelta(days=2))
    assert len(of(Company, drain(ready.adapter(stamps={}), "customer", pages[-1].cursor))) == 1
    assert of(Company, drain(ready.adapter(), "customer", drain(ready.adapter(), "customer")[-1].cursor)) == []


def test_deletions_show_in_a_weekly_inventory(ready: Stage) -> None:
    gone, stays = ready.person(), ready.person()
    pages = drain(ready.adapter(), "person")
    assert of(Inventory, pages) == []
    ready.esm.delete("person", int(gone))
    ready.tick(timedelta(days=6))
    pages = drain(ready.adapter(), "person", pages[-1].cursor)
    assert of(Inventory, pages) == []
    ready.tick(timedelta(days=2))
    pages = drain(ready.adapter(), "person", pages[-1].cursor)
    assert of(Inventory, pages) == [Inventory("sys", "person", frozenset({stays}))]
    pages = drain(ready.adapter(), "person", pages[-1].cursor)
    assert of(Inventory, pages) == []


def test_rows_without_codes_are_believed_only_where_they_follow_the_order_asked_for() -> None:
    with stage(RemixSettings(rows="positional", positions="code")) as ready:
        ready.person()
        with pytest.raises(Unavailable) as caught:
            drain(ready.adapter(), "person")
    assert caught.value.evidence
    assert "佐藤" not in caught.value.evidence


def test_an_answer_of_another_shape_stops_the_reading_and_is_kept(ready: Stage) -> None:
    ready.esm.chaos.plan("status", status=200, path="search", mimetype="application/json",
                         body='{"hits": 1, "values": [{"fields": {"氏名": "佐藤"}}]}')  # fmt: skip
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "person")
    assert "fields" in caught.value.evidence
    assert "佐藤" not in caught.value.evidence
    assert "--last-answer" in caught.value.in_("ja")


@pytest.mark.parametrize(
    "body", ['{"values": []}', '{"hits": "x", "values": []}', "[]", '{"hits": 1}', "込み合っています"]
)
def test_answers_without_sense_are_unavailable(ready: Stage, body: str) -> None:
    ready.esm.chaos.plan("status", status=200, path="search", body=body, mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "person")
    assert caught.value.evidence


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"code": 400, "messages": ["不正"]}', Unavailable),
        ('{"code": 401, "messages": ["認証"]}', Unauthorized),
        ('{"code": "403", "messages": ["権限"]}', Unauthorized),
        ('{"code": 429, "messages": ["回数"]}', Throttled),
        ('{"code": 503, "messages": ["停止"]}', Unavailable),
        ('{"code": "E01", "messages": ["不明"]}', Unavailable),
    ],
)
def test_a_code_other_than_200_is_a_failure_whatever_the_status(ready: Stage, body: str, kind: type) -> None:
    ready.esm.chaos.plan("status", status=200, path="search", body=body, mimetype="application/json")
    with pytest.raises(kind) as caught:
        drain(ready.adapter(), "person")
    assert isinstance(caught.value, kind)


@pytest.mark.parametrize("error_body", ["json", "text", "html"])
@pytest.mark.parametrize("error_status", ["code", "200"])
def test_a_dead_token_ends_the_reading(error_body: Any, error_status: Any) -> None:
    with stage(RemixSettings(error_body=error_body, error_status=error_status)) as ready:
        ready.esm.delete_token(ready.esm.api_token)
        with pytest.raises((Unauthorized, Unavailable)):
            drain(ready.adapter(), "person")


def test_an_employee_may_sign_in_instead(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.spec import Secret

    ready.esm.add_user("E001", "連携", password="pass:word")
    monkeypatch.setenv("ESM_USER", "E001")
    monkeypatch.setenv("ESM_PASSWORD", "pass:word")
    ready.person()
    adapter = ready.adapter(token=None, user=Secret(env="ESM_USER"), password=Secret(env="ESM_PASSWORD"))
    assert of(Person, drain(adapter, "person"))


def test_three_slow_answers_halve_the_rate(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_SLOW_SECONDS", -1.0)
    adapter = ready.adapter(rate=1000.0)
    http = adapter.http
    assert http is not None
    ready.person()
    drain(adapter, "person")
    assert http.options.rate is not None
    assert http.options.rate < 1000


def test_waiting_for_our_own_turn_is_no_slow_answer(ready: Stage) -> None:
    adapter = ready.adapter(rate=0.05)
    http = adapter.http
    assert http is not None
    passed = [0.0]
    http.clock = lambda: passed[0]
    http.sleep = lambda seconds: passed.__setitem__(0, passed[0] + seconds)
    ready.person()
    drain(adapter, "person")
    assert passed[0] > 30
    assert http.options.rate == 0.05


@pytest.mark.parametrize("rows", ["items", "positional"])
@pytest.mark.parametrize("from_index", ["honoured", "ignored"])
@pytest.mark.parametrize("order", ["key", "scattered"])
def test_hits_that_count_only_the_rows_of_an_answer_hide_nobody(rows: Any, from_index: Any, order: Any) -> None:
    with stage(RemixSettings(rows=rows, hits="rows", page_size=5, from_index=from_index, order=order)) as ready:
        company = ready.company()
        ids = {ready.person(f"名刺 {n}", customer=company) for n in range(4)}
        assert {person.ref.id for person in of(Person, drain(ready.adapter(), "person"))} == ids
        for n in range(9):
            ready.person(f"名刺 {n}", customer=company)
        with pytest.raises(Unavailable):
            drain(ready.adapter(), "person")


def test_that_an_answer_is_all_there_is_must_be_seen_once(ready: Stage) -> None:
    for _ in range(4):
        ready.person()
    adapter = ready.adapter()
    drain(adapter, "person")
    first = len(ready.requests("search"))
    ready.esm.delete("person", 1)
    drain(adapter, "person")
    assert (first, len(ready.requests("search"))) == (3, 5)


def test_a_quiet_sheet_costs_two_searches_and_no_description(ready: Stage) -> None:
    ready.person()
    ready.esm.add_deal(ready.company(), "生産管理")
    ready.tick(timedelta(hours=2))
    cursors = {stream: drain(ready.adapter(), stream)[-1].cursor for stream in ("customer", "person", "business")}
    for _ in range(3):
        ready.tick(timedelta(hours=1))
        before = ready.esm.calls
        adapter = ready.adapter()
        for stream, cursor in list(cursors.items()):
            (page,) = drain(adapter, stream, cursor)
            assert page.records == []
            cursors[stream] = page.cursor
        assert ready.esm.calls - before == 6
    late = ready.person()
    assert [person.ref.id for person in of(Person, drain(ready.adapter(), "person", cursors["person"]))] == [late]
    table = ready.esm._tables["person"]
    table.put(int(late), {**table[int(late)], 934: None})
    assert [person.ref.id for person in of(Person, drain(ready.adapter(), "person", cursors["person"]))] == [late]


def test_a_quiet_sheet_is_described_anew_each_day_and_before_any_row_is_read(ready: Stage) -> None:
    id_ = ready.person()
    ready.tick(timedelta(hours=2))
    adapter = ready.adapter()
    http = adapter.http
    assert http is not None
    cursor = drain(adapter, "person")[-1].cursor
    columns = ready.esm.sheets["person"].columns
    columns[ready.codes[WHY]] = replace(columns[ready.codes[WHY]], name="別の名前")
    drain(ready.adapter(), "person", cursor)
    tomorrow = http.utcnow() + timedelta(days=1)
    adapter = ready.adapter()
    assert adapter.http is not None
    adapter.http.utcnow = lambda: tomorrow
    with pytest.raises(Mismatch):
        drain(adapter, "person", cursor)
    ready.esm.update("person", int(id_), {916: "変更"})
    with pytest.raises(Mismatch):
        drain(ready.adapter(), "person", cursor)


def test_a_stamp_that_is_not_there_any_more_is_no_quiet(ready: Stage) -> None:
    ready.company()
    cursor = drain(ready.adapter(), "customer")[-1].cursor
    columns = ready.esm.sheets["customer"].columns
    (code,) = (key for key, column in columns.items() if column.name == "変更日")
    del columns[code]
    with pytest.raises(Mismatch):
        drain(ready.adapter(), "customer", cursor)


def test_a_first_row_whose_values_are_alike_proves_no_order() -> None:
    with stage(RemixSettings(rows="positional", positions="code")) as ready:
        customers = [ready.company(f"{n}社") for n in range(3)]
        for customer in (customers[0], customers[2], customers[1]):
            ready.person(customer=customer)
        searcher = Searcher(Client("sys", ready.config()))
        with pytest.raises(Unavailable):
            searcher.rows("person", [number_is(928, ">=", 0)], [928, 902])


def test_a_place_in_the_middle_reaches_back_like_one_at_the_end(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST", 3)
    for _ in range(12):
        ready.person()
        ready.tick(timedelta(minutes=1))
    pages = drain(ready.adapter(), "person")
    with ready.esm.stamped(ready.esm.clock() - timedelta(minutes=9)):
        late = ready.person("遅れ 太郎")
    for page in pages:
        rest = of(Person, drain(ready.adapter(), "person", page.cursor))
        assert late in {person.ref.id for person in rest}


# --- deals ------------------------------------------------------------------------------------------------------------


def test_a_deal_is_read_by_its_mapping(ready: Stage) -> None:
    company = ready.company()
    seller = ready.esm.add_user("E001", "営業 一郎")
    columns = {203: "失注", 204: "C", 205: date(2026, 6, 30), 206: 1_200_000, 207: "予算", 208: seller}
    id_ = ready.esm.add_deal(company, "生産管理", columns)
    (deal,) = of(Deal, drain(ready.adapter(), "business"))
    assert deal.ref.id == str(id_)
    assert (deal.name, deal.state, deal.stage) == ("生産管理", DealState.LOST, "失注")
    assert (deal.probability, deal.amount, deal.closes_on) == (30.0, 1_200_000.0, date(2026, 6, 30))
    assert (deal.lost_reason, deal.owner_id, deal.company_id) == ("予算", str(seller), str(company))


@pytest.mark.parametrize("name", ["敗戦", None])
def test_a_renamed_choice_stops_deals_and_nothing_else(ready: Stage, name: str | None) -> None:
    ready.person()
    ready.esm.add_deal(ready.company(), "生産管理", {203: "失注"})
    ready.esm.rename_choice("business", 203, 5, name)
    adapter = ready.adapter()
    with pytest.raises(Unavailable) as caught:
        drain(adapter, "business")
    assert "失注" in caught.value.in_("ja")
    assert "受注" in caught.value.in_("ja")
    assert of(Person, drain(adapter, "person"))


def test_a_stage_that_nobody_listed_is_open_or_cannot_be_read(ready: Stage) -> None:
    ready.esm.add_deal(ready.company(), "生産管理", {203: "見積"})
    ready.esm.add_deal(ready.company(), "更新", {})
    assert {deal.state for deal in of(Deal, drain(ready.adapter(), "business"))} == {DealState.OPEN}
    states = {DealState.LOST: frozenset({"失注"}), DealState.OPEN: frozenset({"提案"})}
    pages = drain(ready.adapter(with_deals(states=states)), "business")
    assert of(Deal, pages) == []
    assert len([reject for page in pages for reject in page.rejects]) == 2


@pytest.mark.parametrize(
    ("said", "day"),
    [("2026-06-29T15:00:00", date(2026, 6, 30)), ("2026-06-30T00:00:00", date(2026, 6, 30)),
     ("2026-06-30T00:00:00+09:00", date(2026, 6, 30)), ("2026-06-30", date(2026, 6, 30))],
)  # fmt: skip
def test_a_day_that_comes_as_a_time_is_the_one_of_our_zone(ready: Stage, said: str, day: date) -> None:
    id_ = ready.esm.add_deal(ready.company(), "生産管理")
    table = ready.esm._tables["business"]
    (code,) = (key for key, column in ready.esm.sheets["business"].columns.items() if column.name == "受注予定日")
    table.put(id_, {**table[id_], code: said})
    (deal,) = of(Deal, drain(ready.adapter(), "business"))
    assert deal.closes_on == day


@pytest.mark.parametrize("type_", ["select", "checkbox"])
def test_a_choice_of_a_refusal_that_was_renamed_stops_people(ready: Stage, type_: str) -> None:
    code = ready.esm.add_column("person", "配信", type_, choices=["メール不要"])
    spelt = ObjectNeeds(read=frozenset({"配信"}), words={"opted_out": "配信"}, values={"配信": {"true": "停止"}})
    adapter = ready.adapter(Needs(objects={"person": spelt}))
    held: dict[str, Any] = {f"_{code}": "メール不要" if type_ == "select" else [True]}
    ready.person(**held)
    with pytest.raises(Mismatch, match="停止"):
        drain(adapter, "person")
    assert "配信" in {found.field for found in adapter.check() if found.severity == "error"}


def test_a_choice_that_no_value_names_says_neither_yes_nor_no(ready: Stage) -> None:
    code = ready.esm.add_column("person", "配信", "select", choices=["停止", "配信可", "メール不要"])
    spelt = ObjectNeeds(
        read=frozenset({"配信"}), words={"opted_out": "配信"}, values={"配信": {"true": "停止", "false": "配信可"}}
    )
    ready.person(**{f"_{code}": "メール不要"})
    pages = drain(ready.adapter(Needs(objects={"person": spelt})), "person")
    assert of(Person, pages) == []
    assert len([reject for page in pages for reject in page.rejects]) == 1


def test_a_field_that_was_renamed_stops_its_sheet_only(ready: Stage) -> None:
    ready.esm.add_deal(ready.company(), "生産管理")
    columns = ready.esm.sheets["person"].columns
    columns[ready.codes[WHY]] = replace(columns[ready.codes[WHY]], name="別の名前")
    adapter = ready.adapter()
    with pytest.raises(Mismatch):
        drain(adapter, "person")
    assert of(Deal, drain(adapter, "business"))


def test_a_field_that_is_missing_stops_its_sheet(ready: Stage) -> None:
    needs = with_deals(read=frozenset({"進ちょく"}), deal={"stage": "進ちょく"})
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(needs), "business")
    assert "進ちょく" in str(caught.value)


def test_owners_are_employees(ready: Stage) -> None:
    seller = ready.esm.add_user("E001", "営業 一郎")
    ready.esm.update("employee", seller, {104: "eigyo@example.com"})
    (owner,) = of(Owner, drain(ready.adapter(), "employee"))
    assert (owner.ref.id, owner.name, owner.email) == (str(seller), "営業 一郎", "eigyo@example.com")


def test_fields_of_a_person_may_be_mapped_and_a_yes_is_spelt(ready: Stage) -> None:
    needs = Needs(
        objects={
            "person": ObjectNeeds(
                read=frozenset({"メール配信", "氏名(かな)"}),
                words={"opted_out": "メール配信", "family_kana": "氏名(かな)"},
                values={"メール配信": {"true": "0", "false": "1"}},
            )
        }
    )
    for flag in (0, 1, None):
        ready.person(_925=flag, _918="さとう")
    people = of(Person, drain(ready.adapter(needs), "person"))
    assert [person.fields["opted_out"] for person in people] == [True, False, None]
    assert people[0].fields["family_kana"] == "さとう"


# --- what the tenant tells of itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        ListShape((), "columnCode", "columnName", "columnType"),
        ListShape(("a", "b"), "code", "label", "kind"),
        ListShape(("columns",), "column_code", "column_name"),
    ],
)
def test_columns_are_found_in_whatever_list_they_come(shape: ListShape) -> None:
    with stage(RemixSettings(columns=shape)) as ready:
        ready.person(_914="sato@example.com")
        kinds = {str(ready.codes[name]): kind for name, kind in
                 ((WHY, "text"), (KEY, "text"), (SCORE, "num"), (BAND, "select"))}  # fmt: skip
        adapter = ready.adapter(fields={code: {"type": kind} for code, kind in kinds.items()})
        (person,) = of(Person, drain(adapter, "person"))
    assert person.fields["email"] == "sato@example.com"


def test_no_search_goes_without_a_condition(ready: Stage) -> None:
    ready.person()
    bodies: list[Any] = []
    handle = ready.esm.handle

    def listening(request: Request) -> Response:
        if request.path.endswith("/search"):
            bodies.append(request.get_json())
        return handle(request)

    ready.server._handle = listening
    pages = drain(ready.adapter(stamps={}), "customer")
    pages = drain(ready.adapter(), "person")
    ready.tick(timedelta(days=8))
    drain(ready.adapter(), "person", pages[-1].cursor)
    assert all(body["searchCondition"]["items"] for body in bodies)
    dates = [item["date"] for body in bodies for item in body["searchCondition"]["items"] if "date" in item]
    assert dates
    assert all(date.endswith("+00:00") for date in dates)


def test_columns_that_cannot_be_told_stop_everything_and_are_kept() -> None:
    nameless = ListShape(("columns",), "columnCode", "columnCode")
    with stage(RemixSettings(columns=nameless)) as ready, pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "person")
    assert caught.value.evidence


@pytest.mark.parametrize("key", ["null", '"x"', "true"])
def test_a_row_without_its_key_stops_the_reading(ready: Stage, key: str) -> None:
    ready.person()
    body = f'{{"hits": 1, "values": [{{"903": "佐藤", "928": {key}}}]}}'
    ready.esm.chaos.plan("status", status=200, path="search", body=body, mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "person")
    assert "928" in caught.value.evidence
