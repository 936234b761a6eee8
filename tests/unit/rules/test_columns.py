from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connector.model import Kind
from connector.rules.columns import Row, Touch, Touchpoints, micros, moment

NOW = datetime(2026, 4, 2, 3, 0, tzinfo=UTC)
ROWS: list[Row] = [
    (1, "call", micros(NOW), "", "", "", "不在"),
    (0, "page_view", micros(NOW), "料金", "/price", "spring", ""),
    (0, "download", micros(NOW - timedelta(days=1)), "資料", "", "", ""),
    (3, "page_view", micros(NOW), "料金", "/price", "", ""),
]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([kind.value for kind in Kind]),
            st.integers(0, 3),
            *[st.sampled_from(["", "a", "b"])] * 4,
        )
    )
)
def test_columns_hold_the_rows_by_identity_and_time_and_keep_the_order_of_equals(rows: list[Row]) -> None:
    columns = Touchpoints.from_rows(rows)
    assert len(columns) == len(rows)
    for i in range(5):
        own = sorted((row for row in rows if row[0] == i), key=lambda row: row[2])
        assert columns.of(i) == tuple(Touch(Kind(row[1]), moment(row[2]), *row[3:]) for row in reversed(own))


def test_one_identity_newest_first() -> None:
    columns = Touchpoints.from_rows(ROWS)
    assert columns.of(0) == (
        Touch(Kind.PAGE_VIEW, NOW, "料金", "/price", "spring", ""),
        Touch(Kind.DOWNLOAD, NOW - timedelta(days=1), "資料", "", "", ""),
    )
    assert columns.of(2) == ()


def test_only_what_is_later() -> None:
    columns = Touchpoints.from_rows(ROWS)
    assert [touch.kind for touch in columns.of(0, NOW - timedelta(days=2))] == [Kind.PAGE_VIEW, Kind.DOWNLOAD]
    assert [touch.kind for touch in columns.of(0, NOW - timedelta(days=1))] == [Kind.PAGE_VIEW]
    assert columns.of(0, NOW) == ()


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_kept_to_the_microsecond(at: datetime) -> None:
    assert moment(micros(at)) == at
