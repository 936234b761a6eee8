from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.esales import ESales
from connector.adapters.esales.esm import find as finding
from connector.adapters.esales.options import AlertFields, Find
from connector.changes import CreatePerson, Lane, RaiseAlert, SetFields
from connector.errors import AdapterError, Mismatch, Throttled, Unauthorized, Unavailable, Uncertain
from connector.model import Company, Deal, DealState, Inventory, Owner, Person, Value
from connector.ports import Finding, Needs, ObjectNeeds
from connector.sandbox.esales import EsmSettings
from tests.unit.adapters.esales_esm_kit import (
    APP,
    BAND,
    CARD,
    KEY,
    MEMO,
    NEEDS,
    NOTICE,
    NOTICE_KEY,
    ON_CARD,
    POST,
    PREFIXES,
    SCORE,
    SPRING,
    STAGE,
    SYSTEM,
    TOUCHED,
    WHY,
    Stage,
    probed,
    ref,
    stage,
    template,
    tried_on,
)
from tests.unit.adapters.esales_kit import alert as remix_alert
from tests.unit.adapters.esales_kit import drain, of, push


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def set_fields(id_: str, values: dict[str, Value]) -> SetFields:
    return SetFields(key=f"set:{id_}", system=SYSTEM, identity="p1", lane=Lane.SCORES, ref=ref(id_), values=values)


def create(key: str, **values: Value) -> CreatePerson:
    given = {f"{CARD}.name": "高橋 花子", f"{CARD}.relational_customer": "第二製作所", WHY: "30点", **values}
    return CreatePerson(key=f"create:{key}", system=SYSTEM, identity="p1", lane=Lane.FIELDS, object="businesscard",
                        key_field=KEY, key_value=key, values=given)  # fmt: skip


def alert(key: str, id_: str | None = None) -> RaiseAlert:
    return replace(remix_alert(key), person=None if id_ is None else ref(id_))


def errors(findings: Any) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expire_in", ["number", "string"])
def test_a_token_is_fetched_once_and_renewed_at_four_fifths_of_its_life(expire_in: Any) -> None:
    with stage(EsmSettings(expire_in=expire_in)) as ready:
        ready.card()
        adapter = ready.by_password()
        http = adapter.http
        assert http is not None
        real, passed = http.clock, [0.0]
        http.clock = lambda: real() + passed[0]
        drain(adapter, "businesscard")
        assert ready.esm.logins == 1
        passed[0] = 2870
        drain(adapter, "businesscard")
        assert ready.esm.logins == 1
        passed[0] = 2890
        drain(adapter, "businesscard")
        assert ready.esm.logins == 2


def test_a_token_that_dies_in_the_middle_is_renewed_once(ready: Stage) -> None:
    id_ = ready.card()
    adapter = ready.by_password()
    drain(adapter, "businesscard")
    ready.esm.expire_tokens()
    (receipt,) = push(adapter, set_fields(id_, {WHY: "45点"}))
    assert receipt.status == "done"
    assert ready.esm.logins == 2
    ready.esm.chaos.plan("expired", times=99)
    with pytest.raises(Unauthorized):
        push(adapter, set_fields(id_, {WHY: "46点"}))
    assert ready.esm.logins == 3


def test_a_wrong_password_is_tried_once(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESM_PASSWORD", "wrong")
    adapter = ready.by_password(retries=4)
    with pytest.raises(Unauthorized) as caught:
        drain(adapter, "businesscard")
    assert "password" in str(caught.value)
    assert len(ready.requests("/auth/token")) == 1


def test_a_dead_api_token_asks_for_a_new_one(ready: Stage) -> None:
    ready.esm.delete_token(ready.esm.api_token)
    with pytest.raises(Unauthorized) as caught:
        drain(ready.adapter(), "businesscard")
    assert "issue a new one" in str(caught.value)


def test_a_sign_in_without_a_token_is_kept_as_evidence(ready: Stage) -> None:
    ready.esm.chaos.plan("status", path="auth/token", status=200, body='{"token": "x"}', mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        drain(ready.by_password(), "businesscard")
    assert "token" in caught.value.evidence


def test_a_missing_right_is_named(ready: Stage) -> None:
    id_ = ready.card()
    ready.esm.deny("businesscard", "変更")
    with pytest.raises(Unauthorized) as caught:
        push(ready.adapter(), set_fields(id_, {WHY: "45点"}))
    assert "sheet/businesscard" in str(caught.value)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", ["flat", "data", "records"])
@pytest.mark.parametrize(("number_as", "select_as", "empty"), [("number", "name", "null"), ("string", "list", "blank"),
                                                               ("number", "list", "missing")])  # fmt: skip
def test_a_card_is_read_in_every_envelope(envelope: Any, number_as: Any, select_as: Any, empty: Any) -> None:
    settings = EsmSettings(envelope=envelope, number_as=number_as, select_as=select_as, empty=empty)
    with stage(settings) as ready:
        values = {KEY: "U1", WHY: "45点", SCORE: 45, BAND: "B", TOUCHED: SPRING, "email": "sato@example.com"}
        id_ = ready.card("佐藤 一郎", values)
        company = ready.held(id_)[f"{CARD}.relational_customer"]
        (person,) = of(Person, drain(ready.adapter(), "businesscard"))
    assert person.ref.id == id_
    assert (person.fields["name"], person.fields["email"]) == ("佐藤 一郎", "sato@example.com")
    assert (person.key, person.company_id) == ("U1", str(company))
    assert person.native == {
        WHY: "45点",
        MEMO: None,
        SCORE: 45,
        BAND: "B",
        TOUCHED: SPRING,
        f"{CARD}.name": "佐藤 一郎",
    }
    assert person.modified_at == SPRING + timedelta(seconds=2)


def test_records_that_come_with_the_search_are_not_read_again(ready: Stage) -> None:
    ready.card()
    pages = drain(ready.adapter(find={"businesscard": template("businesscard", records=True)}), "businesscard")
    assert of(Person, pages)
    assert ready.requests("/sheet/") == []


def test_only_what_changed_is_asked_for(ready: Stage) -> None:
    old = ready.card()
    ready.tick(timedelta(hours=2))
    pages = drain(ready.adapter(), "businesscard")
    new = ready.card()
    assert [p.ref.id for p in of(Person, drain(ready.adapter(), "businesscard", pages[-1].cursor))] == [new]
    unsure = drain(ready.adapter(probed(put="partial")), "businesscard")[-1].cursor
    assert {p.ref.id for p in of(Person, drain(ready.adapter(), "businesscard", unsure))} == {old, new}


def test_a_reading_goes_on_behind_the_last_portion(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.adapters.esales.esm import read as reading

    monkeypatch.setattr(reading, "_PORTION", 2)
    ids = [ready.card() for _ in range(5)]
    pages = drain(ready.adapter(), "businesscard")
    assert [len(page.records) for page in pages] == [2, 2, 1, 0]
    before = len(ready.requests("/sheet/"))
    rest = drain(ready.adapter(), "businesscard", pages[1].cursor)
    assert [p.ref.id for p in of(Person, rest)] == ids[4:]
    assert len(ready.requests("/sheet/")) == before + 1


@pytest.mark.parametrize("lists", ["ids", "records"])
def test_a_list_takes_the_place_of_a_search(lists: Any) -> None:
    with stage(EsmSettings(lists=lists)) as ready:
        kept, other = ready.card(), ready.card()
        list_id = str(ready.esm.add_list("businesscard", "MA対象", [int(kept)]))
        where = "ids.*" if lists == "ids" else "data.records.*"
        find = {"businesscard": Find(via="list", list_id=list_id, ids=where)}
        adapter = ready.adapter(find=find)
        assert list(adapter.streams) == ["businesscard"]
        pages = drain(adapter, "businesscard")
        assert [p.ref.id for p in of(Person, pages)] == [kept]
        calls = ready.esm.calls
        assert of(Person, drain(adapter, "businesscard", pages[-1].cursor)) == []
        assert ready.esm.calls == calls
        http = adapter.http
        assert http is not None
        later = http.utcnow() + timedelta(days=2)
        http.utcnow = lambda: later
        ready.esm.set_list(int(list_id), [int(other)])
        pages = drain(adapter, "businesscard", pages[-1].cursor)
        assert [p.ref.id for p in of(Person, pages)] == [other]
        assert of(Inventory, pages) == []


@pytest.mark.parametrize("ids", ["id.*", "members.*", "ids.0.*"])
def test_a_place_that_is_no_list_is_not_an_empty_list(ready: Stage, ids: str) -> None:
    list_id = str(ready.esm.add_list("businesscard", "MA対象", []))
    find = Find(via="list", list_id=list_id, ids="ids.*")
    assert of(Person, drain(ready.adapter(find={"businesscard": find}), "businesscard")) == []
    find = Find(via="list", list_id=list_id, ids=ids)
    with pytest.raises(Unavailable):
        drain(ready.adapter(find={"businesscard": find}), "businesscard")


def test_a_list_that_is_not_there_stops_the_reading(ready: Stage) -> None:
    find = {"businesscard": Find(via="list", list_id="99", ids="ids.*")}
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(find=find), "businesscard")
    assert "99" in str(caught.value)


def test_another_record_than_the_one_asked_for_stops_the_reading(ready: Stage) -> None:
    ready.card()
    body = f'{{"{CARD}.id": 99, "{CARD}.name": "x"}}'
    ready.esm.chaos.plan("status", path="/sheet/", status=200, body=body, mimetype="application/json")
    with pytest.raises(Unavailable):
        drain(ready.adapter(), "businesscard")


def test_without_a_way_to_find_records_there_is_no_stream(ready: Stage) -> None:
    assert list(ready.adapter(find={}).streams) == []
    assert list(ready.adapter(find={"businesscard": Find(via="none")}).streams) == []


def test_a_record_that_vanishes_between_finding_and_reading_is_left_out(ready: Stage) -> None:
    ready.card()
    ready.esm.chaos.plan("status", path="sheet/businesscard/1$", status=404)
    pages = drain(ready.adapter(), "businesscard")
    assert pages[0].ignored == {"gone": 1}


def test_deletions_show_in_a_weekly_inventory(ready: Stage) -> None:
    gone, stays = ready.card(), ready.card()
    pages = drain(ready.adapter(), "businesscard")
    ready.esm.delete("businesscard", int(gone))
    ready.tick(timedelta(days=8))
    pages = drain(ready.adapter(), "businesscard", pages[-1].cursor)
    assert of(Inventory, pages) == [Inventory(SYSTEM, "businesscard", frozenset({stays}))]
    assert of(Inventory, drain(ready.adapter(), "businesscard", pages[-1].cursor)) == []


def test_yes_and_no_are_spelt_by_the_mapping(ready: Stage) -> None:
    stop = ready.esm.add_column("businesscard", "メール配信", "pulldown", choices=["停止", "配信可"])
    needs = Needs(
        objects={
            "businesscard": ObjectNeeds(
                read=frozenset({stop}), words={"opted_out": stop}, values={stop: {"true": "停止", "false": "配信可"}}
            )
        }
    )
    for said in ("停止", "配信可", None):
        ready.card(values={stop: said})
    people = of(Person, drain(ready.adapter(needs), "businesscard"))
    assert [person.fields["opted_out"] for person in people] == [True, False, None]


@pytest.mark.parametrize("kind", ["pulldown", "checkbox"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_choice_of_a_refusal_that_was_renamed_says_neither_yes_nor_no(
    ready: Stage, kind: str, *, listed: bool
) -> None:
    stop = ready.esm.add_column("businesscard", "メール配信", kind, choices=["停止"])
    needs = Needs(
        objects={
            "businesscard": ObjectNeeds(
                read=frozenset({stop}), words={"opted_out": stop}, values={stop: {"true": "停止"}}
            )
        }
    )
    ready.card(values={stop: "停止"})
    fields = {stop: {"type": "SELECT", "choices": ["停止"]}} if listed else {}
    adapter = ready.adapter(needs, fields=fields)
    assert [person.fields["opted_out"] for person in of(Person, drain(adapter, "businesscard"))] == [True]
    ready.esm.rename_choice("businesscard", stop, "停止", "メール不要")
    ready.card(values={stop: "メール不要"})
    if listed:
        with pytest.raises(Mismatch, match="メール不要"):
            drain(adapter, "businesscard")
    else:
        pages = drain(adapter, "businesscard")
        assert [person.fields["opted_out"] for person in of(Person, pages)] == [True]
        assert len([reject for page in pages for reject in page.rejects]) == 1


def test_companies_owners_and_deals(ready: Stage) -> None:
    company = ready.company("第一製作所")
    seller = ready.esm.add_user("eigyo", "営業 一郎")
    values = {"progress": "失注", "probability": "B", "amount": 1200, "order_date": date(2026, 6, 30),
              "relational_employee": seller}  # fmt: skip
    ready.esm.add_deal(company, "生産管理", values)
    adapter = ready.adapter()
    assert [c.name for c in of(Company, drain(adapter, "customer"))] == ["第一製作所"]
    assert (str(seller), "営業 一郎") in {(o.ref.id, o.name) for o in of(Owner, drain(adapter, "employee"))}
    (deal,) = of(Deal, drain(adapter, "businessplan"))
    assert (deal.name, deal.state, deal.stage, deal.probability) == ("生産管理", DealState.LOST, "失注", 60.0)
    assert (deal.amount, deal.closes_on) == (1200.0, date(2026, 6, 30))
    assert (deal.company_id, deal.owner_id) == (str(company), str(seller))


def test_a_stage_that_is_not_among_the_choices_stops_deals_and_nothing_else(ready: Stage) -> None:
    ready.card()
    ready.esm.rename_choice("businessplan", "progress", "失注", "敗戦")
    ready.esm.add_deal(ready.company(), "生産管理", {"progress": "敗戦"})
    adapter = ready.adapter()
    with pytest.raises(Unavailable) as caught:
        drain(adapter, "businessplan")
    assert "敗戦" in caught.value.in_("ja")
    assert of(Person, drain(adapter, "businesscard"))


@pytest.mark.parametrize(
    "body", ['{"total": 1, "records": [{"id": 1}]}', '{"records": []}', "[]", '{"total": 2, "records": []}', "停止中"]
)
def test_a_search_that_answers_otherwise_than_configured_stops_the_reading(ready: Stage, body: str) -> None:
    ready.esm.chaos.plan("status", path="search/", status=200, body=body, mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(find={"businesscard": template("businesscard", records=True)}), "businesscard")
    assert caught.value.evidence


def test_an_answer_without_a_record_stops_the_reading(ready: Stage) -> None:
    ready.card()
    ready.esm.chaos.plan("status", path="/sheet/", status=200, body='{"name": "佐藤"}', mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "businesscard")
    assert "佐藤" not in caught.value.evidence


def test_busy_while_reading_is_load(ready: Stage) -> None:
    ready.card()
    ready.esm.chaos.plan("busy", method="GET", times=2)
    adapter = ready.adapter(retries=2)
    http = adapter.http
    assert http is not None
    http.sleep = lambda seconds: None
    assert of(Person, drain(adapter, "businesscard"))
    ready.esm.chaos.plan("busy", method="GET", times=9)
    with pytest.raises(Unavailable):
        drain(adapter, "businesscard")


def test_too_many_requests_are_throttled(ready: Stage) -> None:
    ready.esm.chaos.plan("quota", seconds=120)
    with pytest.raises(Throttled):
        drain(ready.adapter(), "businesscard")


# --- writing ----------------------------------------------------------------------------------------------------------


def test_values_go_by_the_type_of_their_item(ready: Stage) -> None:
    id_ = ready.card()
    values: dict[str, Value] = {WHY: "あ" * 70, SCORE: 45, BAND: "Ｂ", TOUCHED: SPRING}
    (receipt,) = push(ready.adapter(), set_fields(id_, values))
    assert receipt.status == "done"
    held = ready.held(id_)
    assert (held[WHY], held[SCORE], held[BAND], held[TOUCHED]) == ("あ" * 63 + "…", 45, "B", SPRING)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({BAND: "C"}, "NOT_A_CHOICE"),
        ({SCORE: "高い"}, "WRONG_TYPE"),
        ({f"{CARD}.department": "営業"}, "WRONG_TYPE"),
        ({f"{CARD}.system_upd_date": SPRING}, "READ_ONLY"),
        ({"customers.customer.memo": "x"}, "NO_FIELD"),
        ({f"{CARD}.type_text99": "x"}, "400"),
    ],
)
def test_what_does_not_fit_is_refused(ready: Stage, values: Any, code: str) -> None:
    id_, other = ready.card(), ready.card()
    first, second = push(ready.adapter(), set_fields(id_, values), set_fields(other, {WHY: "45点"}))
    assert (first.status, first.code, second.status) == ("refused", code, "done")


@pytest.mark.parametrize("known", [{}, {"put": "full"}, {"zone": "ok"}])
def test_updates_are_off_until_the_probe_says_that_they_are_safe(ready: Stage, known: dict[str, str]) -> None:
    id_ = ready.card()
    with pytest.raises(Unavailable) as caught:
        push(ready.adapter(probed(**known)), set_fields(id_, {WHY: "45点"}))
    assert caught.value.code == "NOT_PROBED"
    assert ready.requests("/sheet/", "PUT") == []


def test_a_key_that_is_silently_left_out_is_noticed() -> None:
    with stage(EsmSettings(unknown_keys="ignored")) as ready:
        id_ = ready.card()
        (receipt,) = push(ready.adapter(), set_fields(id_, {f"{CARD}.type_text99": "x"}))
    assert (receipt.status, receipt.code) == ("refused", "NOT_TAKEN")


def test_a_key_that_arrived_once_is_not_read_back_again(ready: Stage) -> None:
    id_ = ready.card()
    adapter = ready.adapter()
    push(adapter, set_fields(id_, {WHY: "1"}))
    assert len(ready.requests("/sheet/", "GET")) == 2
    push(adapter, set_fields(id_, {WHY: "2"}))
    assert len(ready.requests("/sheet/", "GET")) == 3


def test_where_a_put_empties_the_rest_a_record_may_be_sent_whole() -> None:
    with stage(EsmSettings(put="full", number_as="string")) as ready:
        values = {"memo": "残る", SCORE: 45, BAND: "A", TOUCHED: SPRING, "address": {"street": "千代田"}}
        id_ = ready.card("佐藤 一郎", values)
        before = ready.held(id_)
        ready.tick()
        adapter = ready.adapter(probed(put="full", zone="ok"), merge=True)
        (receipt,) = push(adapter, set_fields(id_, {WHY: "45点"}))
        after = ready.held(id_)
    assert receipt.status == "done"
    assert after[WHY] == "45点"
    stamps = (WHY, f"{CARD}.system_upd_date", f"{CARD}.system_upd_user")
    assert {k: v for k, v in after.items() if k not in stamps and v is not None} == {
        k: v for k, v in before.items() if k not in stamps and v is not None
    }


def test_a_record_that_changed_while_it_was_sent_whole_is_told() -> None:
    with stage(EsmSettings(put="full")) as ready:
        id_ = ready.card("佐藤 一郎", {"memo": "残る"})
        handle = ready.esm.handle

        def meddling(request: Request) -> Response:
            response = handle(request)
            if request.method == "PUT":
                ready.esm.update("businesscard", int(id_), {"memo": "営業が変更"})
            return response

        ready.server._handle = meddling
        (receipt,) = push(ready.adapter(probed(put="full"), merge=True), set_fields(id_, {WHY: "45点"}))
    assert (receipt.status, receipt.code) == ("refused", "MERGE_LOST")


@pytest.mark.parametrize("test_record", [True, False])
def test_busy_while_reading_works_is_the_fault_of_the_body(test_record: bool) -> None:
    with stage(EsmSettings(invalid="busy")) as ready:
        id_, other = ready.card(), ready.card()
        ready.esm.refuse("businesscard", int(id_))
        options: dict[str, Any] = {"test_record": tried_on(other)} if test_record else {}
        adapter = ready.adapter(NEEDS, **options)
        first, second = push(adapter, set_fields(id_, {WHY: "45点"}), set_fields(other, {WHY: "45点"}))
        assert len(ready.requests(f"businesscard/{id_}", "PUT")) == 2
    assert (first.status, first.code, second.status) == ("refused", "BUSY", "done")
    assert (first.said, second.said) == ("ただいまシステムが込み合っております", "")


@pytest.mark.parametrize("error_body", ["json", "text"])
def test_a_refusal_brings_the_words_of_the_gateway(error_body: Any) -> None:
    with stage(EsmSettings(error_body=error_body)) as ready:
        one, two, free = ready.card(), ready.card(), ready.card()
        for id_ in (one, two):
            ready.esm.refuse("businesscard", int(id_))
        receipts = push(ready.adapter(), *(set_fields(id_, {WHY: "45点"}) for id_ in (one, two, free)))
    words = [f"他のユーザーが編集中のため更新できません。（ID: {id_}）" for id_ in (one, two)]
    assert [receipt.said for receipt in receipts] == [*words, ""]
    assert [receipt.code for receipt in receipts] == ["400", "400", ""]


@pytest.mark.parametrize(
    ("body", "mimetype", "words"),
    [
        ('{"message": "登録できませんでした"}', "application/json", "登録できませんでした"),
        ("登録できませんでした", "text/plain", "登録できませんでした"),
        ("{}", "application/json", ""),
    ],
)
def test_an_answer_that_tells_nothing_certain_is_told_in_its_words(
    ready: Stage, body: str, mimetype: str, words: str
) -> None:
    ready.esm.chaos.plan("status", method="POST", path="/sheet/", status=200, body=body, mimetype=mimetype)
    ready.company("第二製作所")
    (receipt,) = push(ready.adapter(), create("U1"))
    assert (receipt.code, receipt.said) == ("OUTCOME_UNKNOWN", words)


def test_busy_once_is_load(ready: Stage) -> None:
    id_ = ready.card()
    ready.esm.chaos.plan("busy", method="PUT")
    assert push(ready.adapter(), set_fields(id_, {WHY: "45点"}))[0].status == "done"


def test_busy_for_everything_is_no_receipt(ready: Stage) -> None:
    id_ = ready.card()
    ready.esm.chaos.plan("busy", method="PUT", times=9)
    ready.esm.chaos.plan("busy", method="GET", skip=1, times=9)
    with pytest.raises(AdapterError):
        push(ready.adapter(), set_fields(id_, {WHY: "45点"}))


def test_an_answer_that_is_none_is_settled_by_reading(ready: Stage) -> None:
    id_ = ready.card()
    for value, status in (("前", "refused"), ("45点", "done")):
        ready.esm.update("businesscard", int(id_), {WHY: value})
        ready.esm.chaos.plan("status", method="PUT", status=200, body="処理しました")
        assert push(ready.adapter(), set_fields(id_, {WHY: "45点"}))[0].status == status


# --- creating ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", ["id", "prefix_id", "data", "data_prefix", "location", "none"])
def test_a_person_is_made_once_wherever_its_id_is_told(created: Any) -> None:
    with stage(EsmSettings(created=created)) as ready:
        company = ready.company("第二製作所")
        adapter = ready.adapter()
        (first,), (again,) = push(adapter, create("U1")), push(adapter, create("U1", **{WHY: "40点"}))
        (row,) = ready.esm.records("businesscard")
    assert (first.status, again.status) == ("done", "done")
    assert first.remote_id == again.remote_id == str(row[f"{CARD}.id"])
    assert (row[KEY], row[WHY], row[f"{CARD}.relational_customer"]) == ("U1", "40点", company)


def test_an_id_that_is_told_nowhere_stops_further_creations(ready: Stage) -> None:
    ready.company("第二製作所")
    ready.esm.chaos.plan("status", method="POST", path="/sheet/", status=200, body="{}", mimetype="application/json")
    adapter = ready.adapter()
    first, second = push(adapter, create("U1"), create("U2"))
    assert (first.status, first.code) == ("refused", "OUTCOME_UNKNOWN")
    assert (second.status, second.code) == ("retry", "NO_ID")
    assert push(ready.adapter(), create("U2"))[0].status == "done"


def test_an_id_of_another_record_is_not_taken_for_the_new_one(ready: Stage) -> None:
    ready.company("第二製作所")
    other = ready.card()
    handle = ready.esm.handle

    def answering_with_the_wrong_id(request: Request) -> Response:
        response = handle(request)
        if request.method == "POST" and "/sheet/" in request.path:
            response.set_data(f'{{"id": {other}}}')
        return response

    ready.server._handle = answering_with_the_wrong_id
    (receipt,) = push(ready.adapter(), create("U1"))
    assert receipt.status == "done"
    assert receipt.remote_id is not None
    assert ready.held(receipt.remote_id)[KEY] == "U1"


def test_a_creation_whose_answer_was_lost_is_found_by_the_next_attempt(ready: Stage) -> None:
    ready.company("第二製作所")
    ready.esm.chaos.plan("reset_after", method="POST", path="/sheet/")
    with pytest.raises(Uncertain):
        push(ready.adapter(), create("U1"))
    assert push(ready.adapter(), create("U1"))[0].status == "done"
    assert len(ready.esm.records("businesscard")) == 1


def test_without_a_search_by_key_nobody_is_made(ready: Stage) -> None:
    find = {"businesscard": template("businesscard").model_copy(update={"by_key": None})}
    adapter = ready.adapter(find=find)
    assert CreatePerson not in adapter.writes
    (receipt,) = push(adapter, create("U1", **{f"{CARD}.relational_customer": 1}))
    assert (receipt.status, receipt.code) == ("refused", "NO_SEARCH")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (create("U" * 65), "TOO_LONG"),
        (replace(create("U1"), key_field=SCORE), "KEY_NOT_TEXT"),
        (create("U1", **{f"{CARD}.relational_customer": "無い会社"}), "NO_COMPANY"),
    ],
)
def test_a_person_that_cannot_be_made_is_refused(ready: Stage, change: CreatePerson, code: str) -> None:
    ready.company("第二製作所")
    (receipt,) = push(ready.adapter(), change)
    assert (receipt.status, receipt.code) == ("refused", code)
    assert ready.esm.records("businesscard") == []


def test_a_company_called_by_a_number_is_not_the_one_with_that_id(ready: Stage) -> None:
    other, own = ready.company("第二製作所"), ready.company("1")
    link = f"{CARD}.relational_customer"
    push(ready.adapter(), create("U1", **{link: "1"}), create("U2", **{link: other}))
    assert [row[link] for row in ready.esm.records("businesscard")] == [own, other]
    assert push(ready.adapter(), create("U3", **{link: "2"}))[0].code == "NO_COMPANY"


def test_a_search_by_key_that_finds_everything_is_not_gone_through(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_MOST_WITH_KEY", 3)
    for _ in range(5):
        ready.card()
    way = template("businesscard").model_copy(update={"by_key": {"conditions": [], "offset": "{offset}"}})
    with pytest.raises(Mismatch):
        push(ready.adapter(find={"businesscard": way}), create("U1", **{f"{CARD}.relational_customer": 1}))
    assert ready.requests("/sheet/") == []


def test_nobody_slips_between_two_answers_when_somebody_is_deleted(ready: Stage) -> None:
    ids = [ready.card() for _ in range(7)]
    handle, asked = ready.esm.handle, []

    def deleting(request: Request) -> Response:
        response = handle(request)
        if request.path.endswith("search/businesscard"):
            asked.append(request)
            if len(asked) == 1:
                ready.esm.delete("businesscard", int(ids[0]))
        return response

    ready.server._handle = deleting
    people = of(Person, drain(ready.adapter(), "businesscard"))
    assert {person.ref.id for person in people} == set(ids[1:])


def test_a_table_that_does_not_hold_still_is_read_another_time(ready: Stage) -> None:
    for _ in range(7):
        ready.card()
    handle = ready.esm.handle

    def growing(request: Request) -> Response:
        response = handle(request)
        if request.path.endswith("search/businesscard"):
            ready.card()
        return response

    ready.server._handle = growing
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "businesscard")
    assert caught.value.code == "PAGING"


def test_two_records_with_our_key_are_refused(ready: Stage) -> None:
    ready.company("第二製作所")
    ready.card(values={KEY: "U1"})
    ready.card(values={KEY: "U1"})
    assert push(ready.adapter(), create("U1"))[0].code == "KEY_TWICE"


def test_a_search_that_finds_more_than_asked_for_is_not_believed(ready: Stage) -> None:
    ready.company("第二製作所")
    other = ready.card(values={KEY: "U10"})
    by_key = {"conditions": [{"key": "{field}", "operator": "contains", "value": "{key}"}], "offset": "{offset}"}
    find = {sheet: template(sheet).model_copy(update={"by_key": by_key}) for sheet in PREFIXES}
    (receipt,) = push(ready.adapter(find=find), create("U1"))
    assert receipt.status == "done"
    assert receipt.remote_id != other
    assert WHY not in ready.held(other)


def test_a_body_that_cannot_be_read_makes_nobody_and_stops_nothing(ready: Stage) -> None:
    ready.company("第二製作所")
    ready.esm.chaos.plan("busy", method="POST", path="/sheet/")
    first, second = push(ready.adapter(), create("U1"), create("U2"))
    assert (first.code, second.status) == ("BUSY", "done")


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_an_alert_is_a_row_of_an_app(ready: Stage) -> None:
    adapter = ready.adapter()
    assert [push(adapter, alert("a1"))[0].status for _ in range(2)] == ["done", "done"]
    (row,) = ready.esm.records("sheet_134")
    assert (row[f"{APP}.name"], row[f"{APP}.type_text1"]) == ("停滞案件に動き", "a1")


def test_an_alert_stands_on_the_card(ready: Stage) -> None:
    id_ = ready.card()
    (first, second) = push(ready.adapter(alert=ON_CARD), alert("a1", id_), alert("a2"))
    assert (first.status, second.code) == ("done", "NO_WAY")
    assert (ready.held(id_)[NOTICE], ready.held(id_)[NOTICE_KEY]) == ("停滞案件に動き", "a1")


def test_text_of_several_lines_has_arrived_however_lines_end(ready: Stage) -> None:
    id_ = ready.card()
    handle = ready.esm.handle

    def ending_lines_its_own_way(request: Request) -> Response:
        response = handle(request)
        if request.method == "GET":
            response.set_data(response.get_data().replace(rb"\n", rb"\r\n"))
        return response

    ready.server._handle = ending_lines_its_own_way
    assert push(ready.adapter(), set_fields(id_, {MEMO: "45点\n資料請求\n"}))[0].status == "done"


def test_a_post_is_made_once_and_the_card_remembers_it(ready: Stage) -> None:
    id_ = ready.card()
    adapter = ready.adapter(alert=POST)
    for _ in range(2):
        assert [r.status for r in push(adapter, alert("a1", id_), alert("a2"))] == ["done", "done"]
    (post,) = ready.esm.posts()
    assert post["body"] == [{"text": "停滞案件に動き\n担当者が資料をダウンロードしました"}]
    assert post["channel"] == {"channelId": 1, "channelName": "営業"}
    assert ready.held(id_)[NOTICE_KEY] == "a1"
    assert len(ready.esm.records("sheet_134")) == 1


def test_a_post_whose_answer_was_lost_is_left_to_a_person(ready: Stage) -> None:
    id_ = ready.card()
    ready.esm.chaos.plan("reset_after", method="POST", path="/post$")
    with pytest.raises(Uncertain):
        push(ready.adapter(alert=POST), alert("a1", id_))
    (receipt,) = push(ready.adapter(alert=POST), alert("a1", id_))
    assert (receipt.status, receipt.code) == ("refused", "OUTCOME_UNKNOWN")
    assert len(ready.esm.posts()) == 1


def test_a_post_that_was_refused_may_be_made_later(ready: Stage) -> None:
    id_ = ready.card()
    push(ready.adapter(alert=POST), alert("a0", id_))
    ready.esm.deny("post", "登録")
    with pytest.raises(Unauthorized):
        push(ready.adapter(alert=POST), alert("a1", id_))
    ready.esm.grant("post", "登録")
    assert ready.held(id_)[NOTICE_KEY] == "a0"
    assert push(ready.adapter(alert=POST), alert("a1", id_))[0].status == "done"
    assert len(ready.esm.posts()) == 2


# --- check and inspect ------------------------------------------------------------------------------------------------


def test_a_sound_tenant_has_no_errors(ready: Stage) -> None:
    ready.card()
    ready.esm.add_deal(ready.company(), "生産管理")
    assert errors(ready.adapter().check()) == []


def test_everything_that_is_wrong_is_told_at_once(ready: Stage) -> None:
    ready.card()
    ready.esm.add_deal(ready.company(), "生産管理")
    needs = Needs(
        objects={
            "businesscard": ObjectNeeds(
                read=frozenset({f"{CARD}.type_text9", "customers.customer.memo"}),
                write=frozenset({f"{CARD}.department", f"{CARD}.system_upd_date", BAND, f"{CARD}.type_pulldown1"}),
                key=SCORE,
                create=True,
                choices={BAND: frozenset({"S"})},
            ),
            "businessplan": ObjectNeeds(deal={"stage": STAGE}, states={DealState.LOST: frozenset({"敗戦"})}),
            "person": ObjectNeeds(),
        },
        alerts=True,
    )
    find = {sheet: template(sheet).model_copy(update={"by_key": None}) for sheet in PREFIXES}
    found = errors(ready.adapter(needs, find=find).check())
    said = {(f.object, f.field): str(f.what) for f in found}
    assert "no such field" in said["businesscard", f"{CARD}.type_text9"]
    assert "not a key of this sheet" in said["businesscard", "customers.customer.memo"]
    assert "type is told nowhere" in said["businesscard", f"{CARD}.department"]
    assert "only the system" in said["businesscard", f"{CARD}.system_upd_date"]
    assert "S is not among" in said["businesscard", BAND]
    assert "key must be a text" in said["businesscard", SCORE]
    assert "敗戦 is not among" in said["businessplan", STAGE]
    assert "not read by this adapter" in said["person", ""]
    assert "cannot be looked for" in said["sheet_134", ""]
    assert "probe" in said["", ""]


def test_deals_that_nothing_finds_and_states_that_nothing_tells_are_errors(ready: Stage) -> None:
    found = ready.adapter(
        Needs(objects={"businessplan": ObjectNeeds(), "businesscard": ObjectNeeds()}), find={}
    ).check()
    assert {(f.object, f.severity) for f in found if "not read" in str(f.what)} == {
        ("businessplan", "error"),
        ("businesscard", "warning"),
    }
    assert any("no field tells the state" in str(f.what) for f in errors(found))


def test_what_fields_do_not_tell_is_asked_for(ready: Stage) -> None:
    deals = replace(NEEDS.objects["businessplan"], linked_by={"people": f"{CARD}.email"})
    needs = Needs(
        objects={
            "businesscard": replace(NEEDS.objects["businesscard"], write=frozenset({BAND})),
            "businessplan": deals,
        },
        alerts=True,
        probed={"put": "full"},
    )
    found = ready.adapter(needs, fields={}, find={}, employees=None, alert=ON_CARD).check()
    said = {(f.object, f.field): str(f.what) for f in errors(found)}
    assert "choices are told nowhere" in said["businesscard", BAND]
    assert "choices are told nowhere" in said["businessplan", STAGE]
    assert "ids here" in said["businessplan", f"{CARD}.email"]
    assert "updates are off" in said["", ""]
    assert any("fallback_owner" in str(f.what) for f in found if f.severity == "warning")
    told = ready.adapter(alert=ON_CARD.model_copy(update={"person_fields": AlertFields(key=SCORE, title=BAND)})).check()
    assert {f.field for f in errors(told) if "text field" in str(f.what)} == {SCORE, BAND}


def test_a_sheet_that_may_not_be_seen_is_an_error_of_its_own(ready: Stage) -> None:
    ready.card()
    ready.esm.deny("businessplan", "参照")
    found = errors(ready.adapter().check())
    assert {f.object for f in found} == {"businessplan"}


def test_candidates_for_the_state_are_shown(ready: Stage) -> None:
    ready.esm.add_deal(ready.company(), "生産管理", {"progress": "提案"})
    found = errors(ready.adapter(Needs(objects={"businessplan": ObjectNeeds()})).check())
    assert any(STAGE in str(f.fix) for f in found)


def test_inspect_shows_the_keys_of_a_record(ready: Stage) -> None:
    id_ = ready.card()
    shown = {each.name: each for each in ready.adapter(test_record=tried_on(id_)).inspect()}
    fields = {field.name: field for field in shown["businesscard"].fields}
    assert (fields[BAND].type, list(fields[BAND].choices)) == ("SELECT", ["A", "B"])
    assert fields[f"{CARD}.id"].notes == ("read only",)


# --- probe ------------------------------------------------------------------------------------------------------------


def same_but_stamps(before: Any, after: Any) -> bool:
    def kept(row: Any) -> dict[str, Any]:
        return {k: v for k, v in row.items() if v is not None and ".system_upd" not in k}

    return kept(before) == kept(after)


@pytest.mark.parametrize("put", ["partial", "full"])
@pytest.mark.parametrize("why", ["元の値", None])
@pytest.mark.parametrize("envelope", ["flat", "records"])
def test_the_probe_finds_out_what_a_put_does_and_puts_back(put: Any, why: str | None, envelope: Any) -> None:
    with stage(EsmSettings(put=put, envelope=envelope)) as ready:
        id_ = ready.card(values={"memo": "残る", WHY: why, SCORE: 45, TOUCHED: SPRING})
        before = ready.held(id_)
        found = ready.adapter(probed(), test_record=tried_on(id_)).probe()
        assert same_but_stamps(before, ready.held(id_))
        assert found.known["put"] == put
        assert (found.known["zone"], found.known["clear"]) == ("ok", "yes")
        assert found.known["error_key"] == "400 json"
        assert found.known["find.businesscard"].startswith("1 records, ")
        assert errors(found.findings) == []
        adapter = ready.adapter(replace(NEEDS, probed=found.known), merge=True)
        assert push(adapter, set_fields(id_, {WHY: "45点"}))[0].status == "done"


@pytest.mark.parametrize("fault", ["zone", "lost", "status"])
@pytest.mark.parametrize("put", ["partial", "full"])
def test_a_probe_that_comes_to_nothing_puts_back_what_was_there(put: Any, fault: str) -> None:
    with stage(EsmSettings(put=put, zone_honoured=fault != "zone")) as ready:
        id_ = ready.card(values={"memo": "残る", WHY: "元の値", SCORE: 45})
        before = ready.held(id_)
        needs = replace(probed(), timezone=ZoneInfo("UTC")) if fault == "zone" else probed()
        adapter = ready.adapter(needs, test_record=tried_on(id_))
        if fault == "zone":
            assert errors(adapter.probe().findings)
        else:
            kind = "reset_after" if fault == "lost" else "status"
            ready.esm.chaos.plan(kind, method="PUT", skip=1, status=503)
            with pytest.raises(AdapterError):
                adapter.probe()
        assert same_but_stamps(before, ready.held(id_))


def test_a_test_record_with_standard_items_only_proves_nothing() -> None:
    with stage(EsmSettings(put="full")) as ready:
        id_ = ready.card()
        found = ready.adapter(probed(), test_record=tried_on(id_)).probe()
        assert "put" not in found.known
        assert errors(found.findings)


def test_an_update_that_empties_other_items_after_all_stops_everything() -> None:
    with stage(EsmSettings(put="full")) as ready:
        first, second = (ready.card(values={"memo": "残る"}) for _ in range(2))
        with pytest.raises(Unavailable) as caught:
            push(ready.adapter(), *(set_fields(each, {WHY: "45点"}) for each in (first, second)))
        assert caught.value.code == "EMPTIED"
        assert ready.held(second)[MEMO] == "残る"


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_time_zone_that_is_not_taken_leaves_updates_off(zone: str) -> None:
    with stage(EsmSettings(zone_honoured=False)) as ready:
        id_ = ready.card(values={"memo": "残る"})
        needs = replace(probed(), timezone=ZoneInfo(zone))
        found = ready.adapter(needs, test_record=tried_on(id_)).probe()
        assert "put" not in found.known
        assert "zone" not in found.known
        assert errors(found.findings)
        assert ready.held(id_)[WHY] is None


def test_the_header_of_the_time_zone_can_be_told() -> None:
    with stage(EsmSettings(zone="offset")) as ready:
        id_ = ready.card(values={"memo": "残る"})
        with pytest.raises(Unavailable):
            ready.adapter(probed(), test_record=tried_on(id_)).probe()
        found = ready.adapter(probed(), test_record=tried_on(id_), timezone_header="+09:00").probe()
        assert found.known["put"] == "partial"


@pytest.mark.parametrize("options", [{}, {"test_record": tried_on("99")}])
def test_without_a_test_record_nothing_is_written(ready: Stage, options: Any) -> None:
    ready.card()
    found = ready.adapter(probed(), **options).probe()
    assert "put" not in found.known
    assert found.findings
    assert ready.requests("/sheet/", "PUT") == []


def test_a_test_record_without_other_values_proves_nothing(ready: Stage) -> None:
    adapter: ESales = ready.adapter(probed(), test_record=tried_on(ready.card()))
    ready.esm.chaos.plan("status", path="/sheet/", status=200, mimetype="application/json",
                         body=f'{{"{CARD}.id": 1, "{CARD}.memo": null}}')  # fmt: skip
    found = adapter.probe()
    assert "put" not in found.known
    assert errors(found.findings)


@pytest.mark.parametrize("refusal", ["right", "lock"])
def test_a_test_record_that_may_not_be_changed_is_told(ready: Stage, refusal: str) -> None:
    id_ = ready.card(values={"memo": "残る"})
    if refusal == "right":
        ready.esm.deny("businesscard", "変更")
    else:
        ready.esm.refuse("businesscard", int(id_))
    found = ready.adapter(probed(), test_record=tried_on(id_)).probe()
    assert "put" not in found.known
    assert errors(found.findings)


def test_a_sign_in_whose_answer_is_lost_is_not_repeated(ready: Stage) -> None:
    ready.esm.chaos.plan("reset_after", path="auth/token", times=9)
    with pytest.raises(Unavailable):
        drain(ready.by_password(retries=3), "businesscard")
    assert ready.esm.logins == 1


def test_check_asks_for_few_records_however_many_there_are(ready: Stage) -> None:
    for _ in range(9):
        ready.card()
    ready.adapter().check()
    assert len(ready.requests("search/businesscard")) == 1


def test_a_search_that_fails_is_a_finding(ready: Stage) -> None:
    ready.esm.settings.search = False
    found = ready.adapter(probed()).probe()
    assert {f.object for f in errors(found.findings)} == set(PREFIXES)
