"""What a rule lacks, and by how much: it lacks nothing exactly when it holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Deal, DealState, Identity, Kind, Person, Ref, Role, Score, Subject
from connector.rules.columns import Touchpoints, micros
from connector.rules.nearly import Missing, judged, missing
from connector.rules.plan import Facts, Rules, views
from connector.rules.score import ScoreSpec
from connector.rules.view import View, World
from connector.rules.when import When

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
WORLD = World(NOW, ZoneInfo("Asia/Tokyo"), {"ma": Role.MA, "sfa": Role.SFA}, language="en")


def view(
    *, deals: Sequence[Deal] = (), touched_ago: timedelta | None = None, points: float = 0, rules: Rules | None = None
) -> View:
    person = Person(Ref("sfa", "person", "1"), {})
    subject = Subject(Identity("p1", (person,)), deals=tuple(deals), company_deals=tuple(deals))
    rows = [(0, "page_view", micros(NOW - touched_ago), "料金", "", "", "")] if touched_ago is not None else []
    found = next(views(Facts([subject], Touchpoints.from_rows(rows), WORLD), rules or Rules({})))
    if rules is not None:
        return found
    return View(WORLD, subject, {"interest": Score("interest", points, "warm")}, found.touchpoints, found.span)


def deal(state: DealState = DealState.OPEN, days: int = 45, probability: float | None = 50) -> Deal:
    return Deal(
        Ref("sfa", "deal", "1"), "更新", state, stage="提案", stage_since=NOW - timedelta(days=days),
        probability=probability, closed_at=NOW - timedelta(days=days),
    )  # fmt: skip


def when(**block: object) -> When:
    return When.model_validate(block)


STALLED = {"state": (DealState.OPEN,), "stage_unchanged": {"gte": timedelta(days=60)}}
VIEWED = {"kind": (Kind.PAGE_VIEW,), "within": timedelta(days=1)}


@pytest.mark.parametrize(
    ("seen", "asked", "says"),
    [
        (view(deals=[deal()]), when(deal=STALLED), "更新: stage_unchanged is 45d, not >= 60d [+15d]"),
        (view(deals=[deal(DealState.WON, 90)]), when(deal=STALLED), "更新: state is won, not open"),
        (view(deals=[deal(probability=None)]), when(deal={"amount": {"gte": 60.0}}), "更新: amount is ?, not >= 60"),
        (view(deals=[deal()]), when(deal={"probability": {"lt": 40.0}}), "更新: probability is 50, not < 40 [-10]"),
        (view(touched_ago=timedelta(days=3)), when(touchpoint=VIEWED), "page view 3d ago, not within 1d [-2d]"),
        (view(points=15), when(score={"interest": {"gte": 20.0}}), "interest is 15, not >= 20 [+5]"),
        (view(points=15), when(score={"interest": {"band": ("hot",)}}), "interest is warm, not hot"),
    ],
)  # fmt: skip
def test_one_thing_is_missing_and_by_how_much(seen: View, asked: When, says: str) -> None:
    (lack,) = missing(seen, asked, "person")

    assert (str(lack.what), lack.near) == (says, True)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (when(deal=STALLED), "there is no deal"),
        (when(touchpoint=VIEWED), "no such touchpoint"),
        (when(person={"is": ("customer",)}), "is not customer"),
    ],
)
def test_what_is_not_there_at_all_is_not_near(asked: When, says: str) -> None:
    assert [(str(each.what), each.near) for each in missing(view(), asked, "person")] == [(says, False)]


def test_the_deal_that_lacks_least_is_told() -> None:
    seen = view(deals=[deal(DealState.LOST, 1), deal(DealState.OPEN, 59)])

    assert [str(each.what) for each in missing(seen, when(deal=STALLED), "person")] == [
        "更新: stage_unchanged is 59d, not >= 60d [+1d]"
    ]


def test_a_score_tells_the_next_band_and_what_is_too_old() -> None:
    spec = ScoreSpec.model_validate(
        {
            "rules": (
                {"id": "web", "touchpoint": (Kind.PAGE_VIEW,), "within": timedelta(days=30), "points": 10.0},
                {"id": "fast", "touchpoint": (Kind.PAGE_VIEW,), "within": timedelta(days=1), "points": 5.0},
            ),
            "bands": {"hot": 12.0},
        }
    )

    found = judged(view(touched_ago=timedelta(days=2), rules=Rules({"interest": spec})), Rules({"interest": spec}))

    assert [(each.topic, each.rule, str(each.missing[0].what)) for each in found] == [
        ("score", "interest.fast", "page view 2d ago, not within 1d [-1d]"),
        ("band", "interest.hot", "10 points, not 12 [+2]"),
    ]


@given(
    days=st.integers(0, 120),
    state=st.sampled_from(DealState),
    touched=st.none() | st.integers(0, 72).map(lambda hours: timedelta(hours=hours)),
    points=st.integers(0, 40),
)
def test_nothing_is_missing_exactly_when_it_holds(
    days: int, state: DealState, touched: timedelta | None, points: int
) -> None:
    seen = view(deals=[deal(state, days)], touched_ago=touched, points=points)
    asked = when(
        deal=STALLED, touchpoint=VIEWED, score={"interest": {"gte": 20.0}}, person={"is": ("in_deal", "customer")}
    )

    lacks: list[Missing] = list(missing(seen, asked, "person"))

    assert (not lacks) == seen.holds(asked)
