from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.errors import Language
from connector.model import Hit, Kind, Score
from connector.rules.columns import Touch, Touchpoints, micros
from connector.rules.score import MOST, ScoreRule, ScoreSpec, label_of, lint, number, reach, score, why
from connector.spec import Mark, parse, read_yaml_text
from tests.unit.rules.score_reference import decimal, score_of

NOW = datetime(2026, 4, 2, 3, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)

INTEREST = """
rules:
  - {id: webinar,  touchpoint: seminar_attended, within: 1y,  points: 10}
  - {id: web,      touchpoint: page_view,        within: 30d, points: 10}
  - {id: pricing,  touchpoint: page_view, url: "/price*", within: 30d, points: 5, each: true, cap: 15}
  - {id: bounce,   touchpoint: mail_bounced,     within: 90d, points: -20}
  - {id: call_good, touchpoint: call, result: [興味あり], within: 90d, points: 15, half_life: 30d}
bands: {hot: 40, warm: 20}
"""


def spec_of(content: str) -> ScoreSpec:
    data, problems = read_yaml_text(content, "scores.yaml")
    spec, more = parse(ScoreSpec, data, Mark("scores.yaml", 1, 1))
    assert not problems
    assert not more, [str(problem) for problem in more]
    assert spec is not None
    return spec


def problems_of(content: str) -> list[str]:
    data, problems = read_yaml_text(content, "scores.yaml")
    spec, more = parse(ScoreSpec, data, Mark("scores.yaml", 1, 1))
    assert not problems
    return [str(problem) for problem in sorted(more + (lint(spec) if spec else []))]


def rule(**values: Any) -> ScoreSpec:
    return ScoreSpec(rules=(ScoreRule(**{"id": "r", "touchpoint": "page_view", "within": 30 * DAY, **values}),))


def touch(kind: Kind = Kind.PAGE_VIEW, age: timedelta = DAY, **texts: str) -> Touch:
    return Touch(kind, NOW - age, *(texts.get(name, "") for name in ("label", "url", "campaign", "result")))


def columns(*people: list[Touch]) -> Touchpoints:
    return Touchpoints.from_rows(
        [(i, t.kind.value, micros(t.happened_at), *t[2:]) for i, touches in enumerate(people) for t in touches]
    )


def scored(spec: ScoreSpec, *touches: Touch, as_of: datetime = NOW) -> Score:
    return score(columns(list(touches)), 1, {"s": spec}, as_of)[0]["s"]


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "points", "changes_in"),
    [
        (-DAY, 0, DAY),
        (-MICRO, 0, MICRO),
        (0 * DAY, 10, 30 * DAY),
        (29 * DAY, 10, DAY),
        (30 * DAY - MICRO, 10, MICRO),
        (30 * DAY, 0, None),
        (300 * DAY, 0, None),
    ],
)
def test_a_touchpoint_counts_from_when_it_happened_until_it_is_as_old_as_the_window(
    age: timedelta, points: float, changes_in: timedelta | None
) -> None:
    found = scored(rule(points=10), touch(age=age))
    assert found.points == points
    assert found.next_change_at == (None if changes_in is None else NOW + changes_in)


@pytest.mark.parametrize(
    ("values", "views", "points", "count", "oldest_that_matters"),
    [
        ({"points": 10}, 3, 10, 1, 1),
        ({"points": 5, "each": True}, 3, 15, 3, 3),
        ({"points": 5, "each": True, "cap": 12}, 4, 12, 3, 3),
        ({"points": 5, "each": True, "cap": 10}, 4, 10, 2, 2),
        ({"points": -5, "each": True, "cap": 10}, 4, -10, 2, 2),
        ({"points": -5, "each": True, "cap": -10}, 4, -10, 2, 2),
        ({"points": 10, "cap": 4}, 3, 4, 1, 1),
        ({"points": 0.1, "each": True}, 3, 0.3, 3, 3),
    ],
)
def test_once_each_and_cap(
    values: dict[str, Any], views: int, points: float, count: int, oldest_that_matters: int
) -> None:
    touches = [touch(age=days * DAY, label=f"page {days}") for days in range(1, views + 1)]
    found = scored(rule(**values), *touches)
    assert found.hits == (Hit("r", points, count, NOW - DAY, "page 1"),)
    assert found.points == points
    assert found.next_change_at == NOW + (30 - oldest_that_matters) * DAY


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"url": ("/price*",)}, [True, False]),
        ({"url": ("/nothing", "/price*")}, [True, False]),
        ({"campaign": ("Spring*",)}, [True, False]),
        ({"result": ("興味あり",)}, [False, True]),
        ({"result": ("興味",)}, [False, False]),
        ({"touchpoint": ("download", "page_view")}, [True, True]),
        ({"touchpoint": "download"}, [False, False]),
    ],
)
def test_filters(filters: dict[str, Any], passes: list[bool]) -> None:
    touches = [
        touch(url="https://www.example.com/price/a?x=1", campaign="spring 2026"),
        touch(result="興味あり"),
    ]
    spec = rule(points=1, **filters)
    assert [scored(spec, one).points > 0 for one in touches] == passes


def test_a_half_life_moves_the_score_by_whole_steps() -> None:
    spec = spec_of("rules: [{id: r, touchpoint: call, within: 90d, points: 16, half_life: 10d}]\nbands: {hot: 8}")
    called = touch(Kind.CALL, 0 * DAY)
    values = [scored(spec, called, as_of=NOW + days * DAY) for days in (0, 10, 20, 30, 40, 49, 51, 60)]
    assert [found.points for found in values] == [16, 8, 4, 2, 1, 1, 0, 0]
    assert [found.band for found in values[:3]] == ["hot", "hot", ""]
    assert values[-1].hits == ()

    change = scored(spec, called).next_change_at
    assert change is not None
    # 16 → 15.5 takes log2(16 / 15.5) half-lives; it shows with the next full minute.
    assert timedelta(0) <= change - NOW - 0.0458036896 * 10 * DAY < timedelta(minutes=1)
    assert [scored(spec, called, as_of=at).points for at in (change - MICRO, change)] == [16, 15]


def test_worth_is_lost_from_the_touchpoint_on_and_not_before() -> None:
    spec = spec_of("rules: [{id: r, touchpoint: call, within: 1d, points: 10, half_life: 1m}]")
    happened = NOW + timedelta(seconds=40)
    seconds = (40, 59, 60, 79, 80, 120, 180)
    points = [
        scored(spec, Touch(Kind.CALL, happened, "", "", "", ""), as_of=NOW + timedelta(seconds=s)).points
        for s in seconds
    ]
    assert points == [10, 10, 8, 8, 8, 4, 2]


def test_a_coarser_step_moves_less_often() -> None:
    spec = spec_of("rules: [{id: r, touchpoint: call, within: 1y, points: 16, half_life: 10d}]\nstep: 5")
    points = [scored(spec, touch(Kind.CALL, 0 * DAY), as_of=NOW + days * DAY).points for days in range(30)]
    assert sorted(set(points)) == [0, 5, 10, 15]


@pytest.mark.parametrize(("views", "calls", "points", "last"), [(9, 0, 30, -15), (0, 9, -5, 40), (1, 0, 5, None)])
def test_the_whole_score_has_limits_and_says_so_in_a_line(
    views: int, calls: int, points: int, last: int | None
) -> None:
    spec = spec_of("""
rules:
  - {id: up, touchpoint: page_view, within: 30d, points: 5, each: true}
  - {id: down, touchpoint: call, within: 30d, points: -5, each: true}
cap: 30
floor: -5
""")
    found = scored(spec, *[touch()] * views, *[touch(Kind.CALL)] * calls)
    assert found.points == points == sum(hit.points for hit in found.hits)
    assert [hit.points for hit in found.hits if hit.rule in ("cap", "floor")] == ([] if last is None else [last])


def test_people_without_touchpoints_score_nothing() -> None:
    spec = spec_of(INTEREST)
    scores = score(columns([], [touch()], []), 4, {"interest": spec}, NOW)
    assert [scores[i]["interest"].points for i in range(4)] == [0, 10, 0, 0]
    assert scores[3]["interest"] == Score("interest", 0, "", (), None)
    assert score(columns(), 0, {"interest": spec}, NOW).columns["interest"].hundredths.size == 0


def test_the_example_of_the_manual() -> None:
    touches = [
        touch(Kind.SEMINAR_ATTENDED, 2 * DAY, label="DX入門"),
        touch(Kind.PAGE_VIEW, DAY, url="https://example.com/about"),
        *[touch(Kind.PAGE_VIEW, age * DAY, url="https://example.com/price") for age in (3, 4, 5, 6)],
        touch(Kind.CALL, timedelta(0), result="興味あり"),
        touch(Kind.CALL, timedelta(0), result="不在"),
    ]
    found = scored(spec_of(INTEREST), *touches)
    assert (found.points, found.band) == (50, "hot")
    assert [(hit.rule, hit.points, hit.count) for hit in found.hits] == [
        ("webinar", 10, 1),
        ("web", 10, 1),
        ("pricing", 15, 3),
        ("call_good", 15, 1),
    ]
    assert why(found, spec_of(INTEREST), 255, TOKYO) == (
        "50点 hot: +15 電話(4/2) +15 Web閲覧×3(3/30) +10 Web閲覧(4/1) +10 ウェビナー(3/31)"
    )


# --- against the reference --------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
KINDS = (Kind.PAGE_VIEW, Kind.CALL, Kind.DOWNLOAD)
SPANS = st.sampled_from([HOUR, 3 * HOUR, 10 * HOUR, 10 * HOUR + MICRO, 400 * DAY])
POINTS = st.sampled_from([1.0, 10.0, -5.0, 0.29, -0.35, 2.5])
TOUCHES = st.lists(
    st.builds(
        Touch,
        kind=st.sampled_from(KINDS),
        # Mostly whole hours, so that touchpoints often lie on the very edge of a window.
        happened_at=st.builds(
            lambda hours, more: NOW - hours * HOUR + more,
            st.integers(-4, 14),
            st.sampled_from([0 * HOUR, 0 * HOUR, 0 * HOUR, timedelta(seconds=40), MICRO]),
        ),
        label=st.sampled_from(["", "a", "b"]),
        url=st.sampled_from(["", "/price", "https://example.com/price/x?y=1", "https://example.com/"]),
        campaign=st.sampled_from(["", "spring", "summer"]),
        result=st.sampled_from(["", "yes", "no"]),
    ),
    max_size=8,
)


@st.composite
def specs(draw: st.DrawFn, half_lives: st.SearchStrategy[timedelta | None]) -> ScoreSpec:
    rules = [
        ScoreRule(
            id=f"rule {i}",
            touchpoint=tuple(sorted(draw(st.sets(st.sampled_from(KINDS), min_size=1)))),
            within=draw(SPANS),
            points=draw(POINTS),
            each=draw(st.booleans()),
            cap=draw(st.sampled_from([None, 0.3, 3.0, 12.0])),
            half_life=draw(half_lives),
            url=draw(st.sampled_from([(), (), (), ("/price*",)])),
            campaign=draw(st.sampled_from([(), (), (), ("s*r",), ("spring", "winter")])),
            result=draw(st.sampled_from([(), (), (), ("yes",)])),
        )
        for i in range(draw(st.integers(1, 3)))
    ]
    return ScoreSpec(
        rules=tuple(rules),
        bands=draw(st.sampled_from([{}, {"hot": 10.0, "warm": 2.0}, {"cold": 0.0, "low": -5.0}])),
        cap=draw(st.sampled_from([MOST, 11.0])),
        floor=draw(st.sampled_from([-MOST, 0.0, -6.0])),
        step=draw(st.sampled_from([1.0, 0.5, 0.01, 4.0])),
    )


PLAIN = specs(st.none())
ANY = specs(st.sampled_from([None, HOUR, 5 * HOUR + MICRO, 90 * DAY]))


@settings(max_examples=500)
@given(ANY, st.lists(TOUCHES, max_size=4), st.sampled_from([0, 1, 50, 3600, 3610, 36_000, 90_000]))
def test_columns_give_what_the_reference_gives(spec: ScoreSpec, people: list[list[Touch]], seconds: int) -> None:
    as_of = NOW + timedelta(seconds=seconds)
    scores = score(columns(*people), len(people), {"s": spec, "t": rule(points=1)}, as_of)
    for i, touches in enumerate(people):
        assert replace(scores[i]["s"], next_change_at=None) == score_of("s", spec, touches, as_of)


@given(ANY, TOUCHES)
def test_the_lines_of_a_score_sum_to_it(spec: ScoreSpec, touches: list[Touch]) -> None:
    found = scored(spec, *touches)
    assert sum((decimal(hit.points) for hit in found.hits), Decimal(0)) == decimal(found.points)
    assert spec.floor <= found.points <= spec.cap


@settings(max_examples=500)
@given(ANY, TOUCHES, st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_a_score_stays_as_it_is_until_its_next_change(
    spec: ScoreSpec, touches: list[Touch], seconds: int, when: float
) -> None:
    as_of = NOW + timedelta(seconds=seconds)
    found = scored(spec, *touches, as_of=as_of)
    end = found.next_change_at
    if end is not None:
        assert end > as_of
    last = NOW + 2000 * DAY if end is None else end - MICRO
    for moment in (as_of + (last - as_of) * when, last):
        later = scored(spec, *touches, as_of=moment)
        assert replace(later, next_change_at=None) == replace(found, next_change_at=None)


@given(PLAIN, TOUCHES)
def test_a_score_without_half_life_is_another_at_its_next_change(spec: ScoreSpec, touches: list[Touch]) -> None:
    found = scored(spec, *touches)
    assume(found.next_change_at is not None)
    assert found.next_change_at is not None
    later = scored(spec, *touches, as_of=found.next_change_at)
    assert (later.points, later.hits) != (found.points, found.hits)


@given(ANY, TOUCHES)
def test_looking_again_whenever_a_score_says_so_ends(spec: ScoreSpec, touches: list[Touch]) -> None:
    assume(spec.step >= 0.5)
    most = sum(abs(rule.points) * len(touches) / spec.step * 2 + 2 * len(touches) for rule in spec.rules)
    as_of: datetime | None = NOW
    looks = 0
    while as_of is not None:
        as_of = scored(spec, *touches, as_of=as_of).next_change_at
        looks += 1
        assert looks <= most + 1


@given(ANY, TOUCHES, st.randoms(use_true_random=False))
def test_the_order_in_which_touchpoints_are_read_does_not_matter(
    spec: ScoreSpec, touches: list[Touch], random: Any
) -> None:
    distinct = list({(t.happened_at, t.kind): t for t in touches}.values())
    assume(len({t.happened_at for t in distinct}) == len(distinct))
    shuffled = random.sample(distinct, len(distinct))
    assert scored(spec, *shuffled) == scored(spec, *distinct)


def test_reach_is_the_longest_window_of_each_kind() -> None:
    assert reach({"a": spec_of(INTEREST), "b": rule(points=1, within=400 * DAY)}) == {
        Kind.SEMINAR_ATTENDED: timedelta(days=365),
        Kind.PAGE_VIEW: 400 * DAY,
        Kind.MAIL_BOUNCED: 90 * DAY,
        Kind.CALL: 90 * DAY,
    }


@given(ANY, TOUCHES)
def test_touchpoints_out_of_reach_do_not_matter(spec: ScoreSpec, touches: list[Touch]) -> None:
    limit = reach({"s": spec})
    near = [t for t in touches if t.kind in limit and t.happened_at > NOW - limit[t.kind]]
    assert scored(spec, *near) == scored(spec, *touches)


# --- reasons ----------------------------------------------------------------------------------------------------------


def a_score(*hits: tuple[str, float, str], band: str = "hot") -> Score:
    lines = tuple(Hit(name, points, 1, datetime.fromisoformat(at)) for name, points, at in hits)
    return Score("interest", sum(hit.points for hit in lines), band, lines)


FOUR = a_score(
    ("call_good", 7, "2026-03-01T00:00Z"),
    ("webinar", 10, "2026-03-30T15:00Z"),
    ("web", 20, "2026-04-01T00:00Z"),
    ("pricing", 8, "2026-04-01T00:00Z"),
)


@pytest.mark.parametrize(
    ("length", "language", "expected"),
    [
        (255, "ja", "45点 hot: +20 Web閲覧(4/1) +10 ウェビナー(3/31) +8 Web閲覧(4/1) +7 電話(3/1)"),
        (48, "ja", "45点 hot: +20 Web閲覧(4/1) +10 ウェビナー(3/31) …他2件"),
        (44, "ja", "45点 hot: +20 Web閲覧(4/1) +10 ウェビナー(3/31) …他2件"),
        (43, "ja", "45点 hot: +20 Web閲覧(4/1) …他3件"),
        (25, "ja", "45点 hot"),
        (10, "ja", "45点 hot"),
        (60, "en", "45 pts hot: +20 page view (4/1) +10 webinar (3/31) … 2 more"),
        (10, "en", "45 pts hot"),
    ],
)
def test_the_reasons_fit_and_no_line_is_cut(length: int, language: Language, expected: str) -> None:
    assert why(FOUR, spec_of(INTEREST), length, TOKYO, language) == expected


@pytest.mark.parametrize(
    ("found", "language", "expected"),
    [
        (Score("s", 0, ""), "ja", "0点"),
        (Score("s", 0, ""), "en", "0 pts"),
        (a_score(("bounce", -20, "2026-04-01T00:00Z"), band=""), "ja", "-20点: -20 メール不達(4/1)"),
        (a_score(("webinar", 1, "2026-04-01T00:00Z"), band=""), "en", "1 pt: +1 webinar (4/1)"),
        (a_score(("webinar", 2.5, "2026-04-01T00:00Z"), band=""), "ja", "2.5点: +2.5 ウェビナー(4/1)"),
        (
            a_score(("web", 90, "2026-04-01T00:00Z"), ("cap", -40, "2026-04-01T00:00Z")),
            "ja",
            "50点 hot: +90 Web閲覧(4/1) -40 上限",
        ),
        (a_score(("dropped", 3, "2026-04-01T00:00Z")), "ja", "3点 hot: +3 dropped"),
        (Score("s", -999_999.99, "a-band-with-a-long-name"), "en", "-999999.99"),
    ],
)
def test_reasons_in_special_cases(found: Score, language: Language, expected: str) -> None:
    length = 10 if found.name == "s" else 255
    assert why(found, spec_of(INTEREST), length, TOKYO, language) == expected


@pytest.mark.parametrize(
    ("rule_values", "language", "expected"),
    [
        ({"label": "LP"}, "ja", "+5 LP×2(4/1)"),
        ({"label": {"ja": "料金", "en": "pricing"}}, "ja", "+5 料金×2(4/1)"),
        ({"label": {"ja": "料金", "en": "pricing"}}, "en", "+5 pricing x2 (4/1)"),
        ({"title": True}, "ja", "+5 Web閲覧「はじめての導入事例とその効果について、…」×2(4/1)"),
        ({"title": True}, "en", '+5 page view "はじめての導入事例とその効果について、…" x2 (4/1)'),
        ({"touchpoint": ("download", "form_submitted")}, "ja", "+5 資料ダウンロード・フォーム送信×2(4/1)"),
    ],
)
def test_what_a_rule_is_called(rule_values: dict[str, Any], language: Language, expected: str) -> None:
    title = "はじめての導入事例とその効果について、詳しくご紹介"
    found = Score("s", 5, "", (Hit("r", 5, 2, NOW - DAY, title),))
    assert why(found, rule(points=1, **rule_values), 255, TOKYO, language).split(": ", 1)[1] == expected


@given(
    ANY,
    TOUCHES,
    st.integers(10, 120),
    st.sampled_from(["ja", "en"]),
    st.sampled_from(["hot", "", "とても有望な見込み客"]),
)
def test_reasons_never_exceed_their_length_and_tell_the_score(
    spec: ScoreSpec, touches: list[Touch], length: int, language: Language, band: str
) -> None:
    found = replace(scored(spec, *touches), band=band)
    line = why(found, spec, length, TOKYO, language)
    assert len(line) <= length
    told = re.match(r"-?\d+(\.\d+)?", line)
    assert told is not None
    assert float(told[0]) == found.points

    full = why(found, spec, 10_000, TOKYO, language)
    shown = re.findall(r"[+-][\d.]+ [^+-]*?(?:\)|限|limit)", line)
    assert shown == re.findall(r"[+-][\d.]+ [^+-]*?(?:\)|限|limit)", full)[: len(shown)]
    left = re.search(r"…他(\d+)件|… (\d+) more", line)
    if shown:
        assert len(shown) + int((left[1] or left[2]) if left else 0) == len(found.hits)
    sizes = [abs(float(item.split(" ")[0])) for item in shown]
    assert sizes == sorted(sizes, reverse=True)


def test_every_kind_has_a_word() -> None:
    for kind in Kind:
        assert label_of(kind, "ja") != label_of(kind, "en")


@pytest.mark.parametrize(
    ("points", "shown"), [(0, "0"), (10, "10"), (-20, "-20"), (2.5, "2.5"), (0.05, "0.05"), (1000, "1000")]
)
def test_numbers_have_no_more_decimals_than_needed(points: float, shown: str) -> None:
    assert number(points) == shown


# --- what lint says ---------------------------------------------------------------------------------------------------


def test_the_example_has_no_problem() -> None:
    assert problems_of(INTEREST) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "rules:" + 2 * "\n  - {id: a, touchpoint: call, within: 1d, points: 1}",
            "scores.yaml:3:10: the rule a exists twice → see line 2",
        ),
        ("rules: [{id: cap, touchpoint: call, within: 1d, points: 1}]", "scores.yaml:1:14: cap is a reserved word"),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 50}]\nbands: {hot: 40, warm: 40}",
            "scores.yaml:2:8: hot and warm begin at the same points",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 30, each: true, cap: 35}]\nbands: {hot: 40}",
            "scores.yaml:2:8: no score reaches hot: 35 at most",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 5, cap: 15}]",
            "scores.yaml:1:63: cap has no effect without each → add each: true, or drop cap",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 0}]",
            "scores.yaml:1:55: a rule of 0 points does nothing",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 0.125}]",
            "scores.yaml:1:55: 0.125 is not a number of points → at most two decimals, up to 999999",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 5, cap: -5}]",
            "scores.yaml:1:9: cap -5.0 leaves nothing of the points → write it without a sign",
        ),
        ("rules: [{id: a, touchpoint: call, within: 0d, points: 5}]", "scores.yaml:1:43: must be more than 0"),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 5, half_life: 0h}]",
            "scores.yaml:1:69: must be more than 0",
        ),
        (
            "rules: [{id: a, touchpoint: call, within: 1d, points: 5}]\nfloor: 5",
            "scores.yaml:1:1: floor must be 0 or less",
        ),
        ("rules: [{id: a, touchpoint: call, within: 1d, points: 5}]\nstep: 0", "scores.yaml:2:7: must be more than 0"),
    ],
)
def test_mistakes_are_named_with_their_place(content: str, expected: str) -> None:
    assert problems_of(content) == [expected]


def test_an_unknown_kind_is_named_with_its_place() -> None:
    (problem,) = problems_of("rules: [{id: a, touchpoint: [call, webinar], within: 1d, points: 5}]")
    assert problem.startswith("scores.yaml:1:36: ")
    assert "'seminar_attended'" in problem
