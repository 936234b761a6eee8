"""Answers, clocks and secrets that do not fit: each ends in an error of ours or a reject, and hides no record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.errors import Mismatch, Unauthorized, Unavailable
from connector.model import Inventory, Person
from connector.ports import Page
from connector.sandbox.inhouse import Settings
from tests.unit.adapters.rest_kit import Stage, stage

PEOPLE, WHOLE = "people/person", "people/person:whole"
UNSORTED: dict[str, Any] = {"sorted": None}
BY_CURSOR: dict[str, Any] = {"paging": {"by": "cursor", "next": "next"}}
BY_LINK: dict[str, Any] = {"paging": {"by": "link", "next": "next"}}


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage() as made:
        yield made


def answer(ready: Stage, told: Callable[[Request], Any]) -> None:
    """The system answers so from now on; text as it is, all else as JSON."""

    def handle(request: Request) -> Response:
        found = told(request)
        return Response(found if isinstance(found, str) else json.dumps(found), mimetype="application/json")

    ready.server._handle = handle


def pull(ready: Stage, stream: str = PEOPLE, cursor: str | None = None, **changes: Any) -> list[Page]:
    return list(ready.adapter(**changes).pull(stream, cursor))


def ids(pages: list[Page]) -> list[str]:
    return [record.ref.id for page in pages for record in page.records if hasattr(record, "ref")]


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["sesame\nopen", "合言葉"])
def test_a_secret_that_cannot_be_sent_is_not_shown(ready: Stage, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("CRM_TOKEN", secret)
    with pytest.raises(Unauthorized, match="the secret cannot stand in a header") as caught:
        pull(ready)
    assert secret not in str(caught.value)
    assert ready.house.calls == 0


def test_a_secret_that_vanishes_stops_this_system_alone(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ready.adapter()
    monkeypatch.delenv("CRM_TOKEN")
    with pytest.raises(Unauthorized, match="CRM_TOKEN is not set"):
        list(adapter.pull(PEOPLE, None))


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_that_is_nested_without_end(ready: Stage) -> None:
    answer(ready, lambda _: "[" * 100_000)
    with pytest.raises(Unavailable, match="not JSON"):
        pull(ready)
    deep: Any = {}
    for _ in range(450):
        deep = [deep]
    answer(ready, lambda _: deep)
    with pytest.raises(Mismatch, match="no list of records"):
        pull(ready)


@pytest.mark.parametrize("place", ["http://[", "https://", "http://h:999999/", {"href": "x"}, ["/api/people"], 7])
def test_a_link_that_is_no_address(ready: Stage, place: Any) -> None:
    answer(ready, lambda _: {"items": [], "next": place})
    with pytest.raises(Mismatch, match="no address"):
        pull(ready, **BY_LINK)


@pytest.mark.parametrize("place", [{"id": 7}, [7], True])
def test_a_cursor_that_is_none(ready: Stage, place: Any) -> None:
    answer(ready, lambda _: {"items": [], "next": place})
    with pytest.raises(Mismatch, match=r"paging\.next is no cursor"):
        pull(ready, **BY_CURSOR)


@pytest.mark.parametrize("end", [None, "", False])
def test_the_end_may_be_told_in_several_ways(ready: Stage, end: Any) -> None:
    answer(ready, lambda _: {"items": [{"id": 1}], "next": end})
    assert ids(pull(ready, **BY_CURSOR)) == ["1"]


def test_cursors_that_go_in_a_circle_end(ready: Stage) -> None:
    answer(ready, lambda asked: {"items": [], "next": {"a": "b", "b": "c"}.get(asked.args.get("cursor", ""), "a")})
    with pytest.raises(Mismatch, match="again and again"):
        pull(ready, **BY_CURSOR)
    assert len(ready.server.exchanges) == 4


def test_pages_of_rows_without_ids_are_not_taken_for_one(ready: Stage) -> None:
    pages = {"1": [{"mail": "a"}], "2": [{"mail": "b"}]}
    answer(ready, lambda asked: {"items": pages.get(asked.args["page"], [])})
    assert [len(page.rejects) for page in pull(ready)] == [1, 1, 0]


def test_a_list_that_goes_on_is_not_taken_for_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(paging="link", largest=2), paging={"by": "none", "size_param": None}) as ready:
        for _ in range(3):
            ready.add_person()
        with pytest.raises(Mismatch, match="names a next page, and paging is none"):
            pull(ready)


def test_an_id_that_several_share_is_none(ready: Stage) -> None:
    for rank in "AAB":
        ready.add_person(rank=rank, memo="x")
    with pytest.raises(Mismatch, match="different records have the same rank"):
        pull(ready, people={"person": {"id": "rank"}})


def test_a_row_that_comes_twice_is_no_fault(ready: Stage) -> None:
    answer(ready, lambda _: {"items": [{"id": 1}, {"id": 1}], "next": None})
    assert ids(pull(ready, **BY_CURSOR)) == ["1", "1"]


def test_a_number_that_is_none_is_a_reject(ready: Stage) -> None:
    answer(ready, lambda _: '{"items": [{"id": 1, "memo": NaN}, {"id": 2}], "next": null}')
    (page,) = pull(ready, **BY_CURSOR)
    assert ids([page]) == ["2"]
    assert [str(reject.what) for reject in page.rejects] == ["memo is no number"]


def test_a_total_that_is_no_number_counts_as_none(ready: Stage) -> None:
    answer(
        ready, lambda asked: {"items": [{"id": asked.args["page"]}] * (asked.args["page"] < "3"), "total": "9" * 5000}
    )
    assert ids(pull(ready)) == ["1", "2"]


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+00:00", "0900-01-01T00:00:00+09:00", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("paging", ["page", "cursor"])
def test_stamps_that_stand_for_none_stop_nothing(ready: Stage, stamp: str, paging: str) -> None:
    first = [{"id": 1, "updated_at": stamp}, {"id": 2, "updated_at": stamp}]
    answer(ready, lambda asked: {"items": first if asked.args.get("page", "1") == "1" else [], "next": None})
    changes: dict[str, Any] = {"paging": {"by": paging, "next": "next", "total": None}}
    *_, last = pull(ready, **changes)
    answer(ready, lambda _: {"items": []})
    (page,) = pull(ready, cursor=last.cursor, **changes)
    assert page.read == 0


def test_a_day_after_all_others_is_a_reject(ready: Stage) -> None:
    ready.house.tables.add("deals", {"title": "更新", "status": "商談中", "closes_on": "9999-12-31T23:59:59Z"})
    (page,) = pull(ready, "deals/deal")
    assert [str(reject.what) for reject in page.rejects] == ["closes_on is no time as `times` spells it"]


def test_what_changes_while_a_long_list_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsorted rows are handed on when all are read; the cursor must not pass the moment when reading began."""
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(order="id"), modified=UNSORTED) as ready:
        people = [ready.add_person() for _ in range(6)]
        sound = ready.server._handle

        def slow(request: Request) -> Response:
            found = sound(request)
            if request.path == "/api/people" and request.args["page"] == "1":  # it was read, and changes now
                ready.tick(minutes=20)
                ready.house.tables.change("people", people[0], {"memo": "new"})
                ready.tick(minutes=20)
                ready.house.tables.change("people", people[5], {"memo": "last"})
            return found

        ready.server._handle = slow
        *_, last = pull(ready)
        ready.server._handle = sound
        assert str(people[0]) in ids(pull(ready, cursor=last.cursor))


def test_rows_without_a_stamp_are_found_by_the_whole_reading(ready: Stage) -> None:
    """A system that is asked for changes gives none of them."""
    stamped: list[dict[str, Any]] = [{"id": n, "updated_at": f"2026-04-0{n}T00:00:00+09:00"} for n in (1, 2, 3, 4)]
    blank = [{"id": 5, "updated_at": None}, {"id": 6, "updated_at": None}]

    def told(asked: Request) -> Any:
        since, at = asked.args.get("updated_since"), int(asked.args["page"]) * 2
        rows = [row for row in stamped if row["updated_at"] >= since] if since else [*stamped, *blank]
        return {"items": rows[at - 2 : at]}

    answer(ready, told)
    *_, last = pull(ready, WHOLE, "2020-01-01T00:00:00+00:00")
    assert last.records == [Inventory("crm", "person", frozenset("123456"))]


@pytest.mark.parametrize("paging", ["page", "offset"])
@pytest.mark.parametrize("leaves", ["moves", "goes"])
def test_of_many_rows_of_one_second_one_that_leaves_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, paging: Any, leaves: str
) -> None:
    """There is no time between them to ask from: they are counted, and counted again."""
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(paging=paging), paging={"by": paging}) as ready:
        tables = ready.house.tables
        people = [tables.add("people", {}) for _ in range(7)]
        sound = ready.server._handle
        left: list[int] = []

        def busy(request: Request) -> Response:
            found = sound(request)
            first = request.args.get("page", "1") == "1" and request.args.get("offset", "0") == "0"
            if first and "updated_since" in request.args and not left:
                left.append(people[0])
                ready.tick(seconds=10)
                if leaves == "moves":
                    tables.change("people", people[0], {"memo": "x"})
                else:
                    del tables.rows["people"][people[0]]
            return found

        ready.server._handle = busy
        assert left == []
        assert set(ids(pull(ready))) == {str(id_) for id_ in people}
        assert left


def test_a_cursor_does_not_pass_rows_that_are_counted_but_once(ready: Stage) -> None:
    """Who is killed between the first counting and the second begins before both."""
    began = ready.house.clock()
    for _ in range(3):
        ready.house.tables.add("people", {})
    ready.tick(minutes=30)
    later = ready.add_person()
    ready.tick(minutes=30)
    for page in ready.adapter().pull(PEOPLE, None):
        if str(later) in ids([page]):
            break
    assert datetime.fromisoformat(page.cursor) < began + timedelta(minutes=1)
    *_, last = pull(ready)
    assert datetime.fromisoformat(last.cursor) > began + timedelta(minutes=29)


def test_an_empty_list_that_is_not_sorted_gives_a_page(ready: Stage) -> None:
    (page,) = pull(ready, modified=UNSORTED)
    assert (page.read, page.cursor) == (0, "")
    (page,) = pull(ready, modified=UNSORTED, cursor="2026-04-01T00:00:00+00:00")
    assert (page.read, page.cursor) == (0, "2026-04-01T00:00:00+00:00")


def test_stamps_that_are_new_with_every_answer_end(ready: Stage) -> None:
    def told(asked: Request) -> Any:
        at = (ready.house.clock() - timedelta(seconds=1, microseconds=-len(ready.server.exchanges))).isoformat()
        return {"items": [{"id": n + 2 * int(asked.args["page"]), "updated_at": at} for n in (0, 1)], "total": 6}

    answer(ready, told)
    assert set(ids(pull(ready))) == set("234567")


def test_an_order_that_breaks_between_pages_is_noticed(ready: Stage) -> None:
    stamps = ["2026-04-03", "2026-04-02", "2026-04-01"]
    pages = {str(n): [{"id": n, "updated_at": stamp}] for n, stamp in enumerate(stamps)}
    following = {"0": "1", "1": "2"}

    def told(asked: Request) -> Any:
        at = asked.args.get("cursor", "0")
        return {"items": pages[at], "next": following.get(at)}

    answer(ready, told)
    with pytest.raises(Mismatch, match="oldest first"):
        pull(ready, **BY_CURSOR)


def test_a_clock_that_was_ahead_does_not_put_off_the_whole_for_ever(ready: Stage) -> None:
    ready.add_person()
    ahead = (ready.house.clock() + timedelta(days=4000)).isoformat()
    *_, page = pull(ready, WHOLE, ahead)
    assert datetime.fromisoformat(page.cursor) < datetime.fromisoformat(ahead)
    assert len(page.records) == 1


def test_a_pattern_that_ends_with_z_is_utc(ready: Stage) -> None:
    at = "2026-04-01T01:30:00Z"
    answer(
        ready, lambda asked: {"items": [{"id": 1, "updated_at": at, "created_at": at}] * (asked.args["page"] == "1")}
    )
    (person, *_) = pull(ready, times="%Y-%m-%dT%H:%M:%SZ")[0].records
    assert isinstance(person, Person)
    assert person.created_at == datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
    pull(ready, times="%Y-%m-%dT%H:%M:%SZ", cursor="2026-04-01T01:40:00+00:00")
    assert "2026-04-01T01%3A30%3A00Z" in ready.server.exchanges[-1].target
