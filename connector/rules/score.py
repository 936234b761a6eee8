"""Scores: points for touchpoints inside their time windows, each point with its reason.

A touchpoint counts from the moment it happened until it is `within` old, that moment excluded. Points are counted in
hundredths, as whole numbers, so that the lines of a score sum to it exactly in the decimals that people read. A line
with a half-life loses worth with every full minute and is rounded to `step` before it is added up: such a score moves
by whole steps, and it is known when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from math import ceil
from types import MappingProxyType
from typing import Annotated, Self, TypeAlias

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from connector.errors import Language, Problem, Text, text
from connector.model import Hit, Kind, Score
from connector.rules.columns import Floats, Int32s, Int64s, Touchpoints, codes_of, micros, moment
from connector.rules.pattern import name_test, url_test
from connector.spec import Duration, Many, Spec, SpecError, Word

# --- the YAML block ---------------------------------------------------------------------------------------------------

MOST = 999_999
"""No score goes further from zero, so that its number always fits where ten characters do."""

CAP, FLOOR = "cap", "floor"
"""The lines that bring a score back inside its own limits; no rule may be called so."""


def _points(value: float) -> float:
    if abs(value) > MOST or round(value, 2) != value:
        raise SpecError(
            text("{value} is not a number of points", "{value} は点数として使えません", value=value),
            text("at most two decimals, up to {most}", "小数は2桁まで、{most} 以下にしてください", most=MOST),
        )
    return value


def _positive(value: float) -> float:
    if value <= 0:
        raise SpecError(text("must be more than 0", "0 より大きくしてください"))
    return _points(value)


def _some_points(value: float) -> float:
    if value == 0:
        raise SpecError(text("a rule of 0 points does nothing", "0点のルールは何もしません"))
    return _points(value)


def _some_time(value: timedelta) -> timedelta:
    if not value:
        raise SpecError(text("must be more than 0", "0 より長くしてください"))
    return value


def _some(value: tuple[object, ...]) -> tuple[object, ...]:
    if not value:
        raise SpecError(text("the list is empty", "リストが空です"))
    return value


Points: TypeAlias = Annotated[float, AfterValidator(_points)]
Positive: TypeAlias = Annotated[float, AfterValidator(_positive)]
Span: TypeAlias = Annotated[Duration, AfterValidator(_some_time)]


class Label(Spec):
    """A word in both languages."""

    ja: str = Field(min_length=1)
    """In Japanese."""
    en: str = Field(min_length=1)
    """In English."""


def _label(value: object) -> object:
    return {"ja": value, "en": value} if isinstance(value, str) else value


class ScoreRule(Spec):
    """Points for touchpoints of some kinds within a time."""

    id: str = Field(min_length=1)
    """Name of the rule, unique in its score."""
    touchpoint: Annotated[Many[Word[Kind]], AfterValidator(_some)]
    """Kinds of touchpoint that count."""
    within: Span
    """A touchpoint counts until it is this old."""
    points: Annotated[float, AfterValidator(_some_points)]
    """Points given; negative ones are taken away."""
    each: bool = False
    """Points for every touchpoint, instead of once."""
    cap: Points | None = None
    """Most that this rule gives, or takes away, in all."""
    half_life: Span | None = None
    """Time after which a touchpoint is worth half as much."""
    url: Many[str] = ()
    """Patterns on the address, such as `/price*`; any of them."""
    campaign: Many[str] = ()
    """Patterns on the name of the campaign; any of them."""
    result: Many[str] = ()
    """Results of a call or meeting; any of them."""
    label: Annotated[Label, BeforeValidator(_label, json_schema_input_type=str | Label)] | None = None
    """Word shown in the reasons; by default the kind of touchpoint."""
    title: bool = False
    """Show the title of the last touchpoint behind the word."""

    @model_validator(mode="after")
    def _same_direction(self) -> Self:
        if self.cap is not None and (self.cap == 0 or self.cap < 0 < self.points):
            raise SpecError(
                text("cap {cap} leaves nothing of the points", "cap {cap} では点数が残りません", cap=self.cap),
                text("write it without a sign", "符号なしで書いてください"),
            )
        return self

    @property
    def limit(self) -> float:
        """The furthest from zero that this rule can bring a score, without the sign."""
        own = MOST if self.cap is None else abs(self.cap)
        return own if self.each else min(own, abs(self.points))

    def word(self, language: Language) -> str:
        """What the reasons call this rule."""
        if self.label is not None:
            return self.label.ja if language == "ja" else self.label.en
        return ("・" if language == "ja" else "/").join(label_of(kind, language) for kind in self.touchpoint)


class ScoreSpec(Spec):
    """A score: its rules, and bands by the points that they begin with."""

    rules: Annotated[Many[ScoreRule], AfterValidator(_some)]
    """What gives or takes points."""
    bands: dict[str, Points] = Field(default_factory=dict)
    """Names for ranges of points, each with the least points it takes."""
    cap: Positive = MOST
    """The score is never higher."""
    floor: Points = -MOST
    """The score is never lower; 0 or less."""
    step: Positive = 1
    """Lines with a half-life are rounded to multiples of this, and move only with them."""

    @model_validator(mode="after")
    def _zero_inside(self) -> Self:
        if self.floor > 0:
            raise SpecError(text("floor must be 0 or less", "floor は 0 以下にしてください"))
        return self


def reach(specs: Mapping[str, ScoreSpec]) -> dict[Kind, timedelta]:
    """How old a touchpoint of each kind may be to matter for any of these scores; other kinds don't matter at all."""
    longest: dict[Kind, timedelta] = {}
    for spec in specs.values():
        for rule in spec.rules:
            for kind in rule.touchpoint:
                longest[kind] = max(rule.within, longest.get(kind, timedelta(0)))
    return longest


def lint(spec: ScoreSpec) -> list[Problem]:
    """What is surely wrong with a score, beyond what single values show."""
    problems = []
    first: dict[str, ScoreRule] = {}
    for rule in spec.rules:
        at = rule.mark_of("id")
        if rule.id in (CAP, FLOOR):
            problems.append(at.problem(text("{id} is a reserved word", "{id} は予約語です", id=rule.id)))
        if first.setdefault(rule.id, rule) is not rule:
            what = text("the rule {id} exists twice", "ルール {id} が重複しています", id=rule.id)
            line = first[rule.id].mark.line
            problems.append(at.problem(what, text("see line {n}", "{n}行目を見てください", n=line)))
        if rule.cap is not None and not rule.each and abs(rule.cap) >= abs(rule.points):
            what = text("cap has no effect without each", "each がないので cap は効きません")
            fix = text("add each: true, or drop cap", "each: true を加えるか、cap を消してください")
            problems.append(rule.mark_of("cap").problem(what, fix, "warning"))
    return problems + _lint_bands(spec)


def _lint_bands(spec: ScoreSpec) -> list[Problem]:
    at = spec.mark_of("bands")
    problems = []
    highest = min(spec.cap, sum(rule.limit for rule in spec.rules if rule.points > 0))
    taken: dict[float, str] = {}
    for band, least in spec.bands.items():
        other = taken.setdefault(least, band)
        if other != band:
            what = text("{a} and {b} begin at the same points", "{a} と {b} の下限が同じです", a=other, b=band)
            problems.append(at.problem(what))
        if least > highest:
            what = text(
                "no score reaches {band}: {n} at most",
                "{band} に届く点数はありません（最大 {n}）",
                band=band,
                n=number(highest),
            )
            problems.append(at.problem(what, severity="warning"))
    return problems


# --- scoring ----------------------------------------------------------------------------------------------------------

_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_LONG = 2**62
_NEVER = np.iinfo(np.int64).max
_LAST_TIME = micros(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class ScoreColumn:
    """One score of a chunk of identities. Points are hundredths; times microseconds, `_NEVER` where there is none."""

    name: str
    spec: ScoreSpec
    touchpoints: Touchpoints
    hundredths: Int64s
    band: Int64s
    """Index into the bands from the lowest, 0 where none is reached."""
    next_change: Int64s
    line_of: Int64s
    """The lines of identity i stand from `line_of[i]` to `line_of[i + 1]`."""
    line_rule: Int64s
    line_hundredths: Int64s
    line_count: Int64s
    line_row: Int64s
    """The last touchpoint that counts."""

    def of(self, index: int) -> Score:
        """The score of one identity, with its lines in the order of the rules."""
        start, end, hundredths, band, change = self._plain[index]
        hits = tuple(self._hits[start:end])
        rest = hundredths - sum(self._points[start:end])
        if rest:
            hits += (Hit(CAP if rest < 0 else FLOOR, rest / 100, 0, max(hit.last_at for hit in hits)),)
        changes_at = moment(change) if change <= _LAST_TIME else None
        return Score(self.name, hundredths / 100, self._bands[band], hits, changes_at)

    # A whole chunk at once becomes Python's own numbers: taking them out of columns one by one is slow.

    @cached_property
    def _plain(self) -> list[tuple[int, int, int, int, int]]:
        columns = (self.line_of[:-1], self.line_of[1:], self.hundredths, self.band, self.next_change)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    @cached_property
    def _points(self) -> list[int]:
        return list(self.line_hundredths.tolist())

    @cached_property
    def _hits(self) -> list[Hit]:
        touchpoints, rows = self.touchpoints, self.line_row
        ids = [rule.id for rule in self.spec.rules]
        return list(
            map(
                Hit,
                map(ids.__getitem__, self.line_rule.tolist()),
                (self.line_hundredths / 100).tolist(),
                self.line_count.tolist(),
                map(moment, touchpoints.happened_at[rows].tolist()),
                map(touchpoints.label.values.__getitem__, touchpoints.label.codes[rows].tolist()),
            )
        )

    @cached_property
    def _bands(self) -> list[str]:
        return ["", *_by_least(self.spec)]


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of a chunk of identities; objects are made only of those that are asked for."""

    columns: Mapping[str, ScoreColumn]

    def __getitem__(self, index: int) -> dict[str, Score]:
        """The scores of one identity, by name. They say when each would change by itself; `why` is empty."""
        return {name: column.of(index) for name, column in self.columns.items()}


def score(touchpoints: Touchpoints, count: int, specs: Mapping[str, ScoreSpec], as_of: datetime) -> Scores:
    """Every score of the identities 0 to `count` - 1 as it stands at `as_of`.

    `next_change_at` is later than `as_of`, and until then the score stays as it is, lines included. At that time it
    does differ; where a half-life is at work, it may.
    """
    now = micros(as_of)
    return Scores({name: _column(name, spec, touchpoints, count, now) for name, spec in specs.items()})


def _column(name: str, spec: ScoreSpec, touchpoints: Touchpoints, count: int, now: int) -> ScoreColumn:
    change = np.full(count, _NEVER, np.int64)
    per_rule = [_lines(rule, _hundredths(spec.step), touchpoints, now, change) for rule in spec.rules]
    rules = [np.full(len(lines.who), i, np.int64) for i, lines in enumerate(per_rule)]
    who = np.concatenate([lines.who for lines in per_rule])
    order = np.argsort(who, kind="stable")
    total = np.zeros(count, np.int64)
    for lines in per_rule:
        total[lines.who] += lines.hundredths
    total = np.clip(total, _hundredths(spec.floor), _hundredths(spec.cap))
    least = np.array([_hundredths(points) for points in _by_least(spec).values()], np.int64)
    return ScoreColumn(
        name=name,
        spec=spec,
        touchpoints=touchpoints,
        hundredths=total,
        band=np.searchsorted(least, total, side="right"),
        next_change=change,
        line_of=np.searchsorted(who[order], np.arange(count + 1)),
        line_rule=np.concatenate(rules)[order],
        line_hundredths=np.concatenate([lines.hundredths for lines in per_rule])[order],
        line_count=np.concatenate([lines.count for lines in per_rule])[order],
        line_row=np.concatenate([lines.row for lines in per_rule])[order],
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """What one rule gives: the identities in order, and for each the points, the count and the last row counted."""

    who: Int32s
    hundredths: Int64s
    count: Int64s
    row: Int64s


def _lines(rule: ScoreRule, step: int, touchpoints: Touchpoints, now: int, change: Int64s) -> _Lines:
    """The lines of `rule`; brings `change` forward to where they change by time alone."""
    within = _span(rule.within)
    rows = _matching(rule, touchpoints)
    times = touchpoints.happened_at[rows]
    ahead = times > now
    np.minimum.at(change, touchpoints.identity[rows[ahead]], times[ahead])
    rows = rows[~ahead & (times > now - within)]
    who = touchpoints.identity[rows]
    first = np.flatnonzero(np.diff(who, prepend=np.int32(-1)))
    last = np.flatnonzero(np.diff(who, append=np.int32(-1)))
    who = who[last]
    count = np.minimum(last - first + 1, _most_counted(rule))
    # A line stands until the oldest touchpoint that counts leaves the window; older ones would change nothing.
    change[who] = np.minimum(change[who], touchpoints.happened_at[rows[last - count + 1]] + within)
    if rule.half_life is None:
        size = np.minimum(count * abs(_hundredths(rule.points)), _cap(rule))
    else:
        minute = now - now % _MINUTE
        age = np.maximum(minute - touchpoints.happened_at[rows], 0)
        worth = np.exp2(-age / _span(rule.half_life)) * abs(_hundredths(rule.points))
        worth = np.add.reduceat(worth, first) if rule.each and len(rows) else worth[last]
        size, minutes = _steps(worth, step, _cap(rule), _span(rule.half_life))
        change[who] = np.minimum(change[who], minute + minutes * _MINUTE)
    some = size > 0
    signed = size if rule.points > 0 else -size
    return _Lines(who[some], signed[some], count[some], rows[last][some])


def _matching(rule: ScoreRule, touchpoints: Touchpoints) -> Int64s:
    """The rows of the kinds that count, at any time, which pass the filters."""
    rows = np.flatnonzero(np.isin(touchpoints.kind, codes_of(rule.touchpoint)))
    if rule.url:
        tests = [url_test(pattern) for pattern in rule.url]
        rows = touchpoints.url.passing(lambda url: any(test(url) for test in tests), rows)
    if rule.campaign:
        names = [name_test(pattern) for pattern in rule.campaign]
        rows = touchpoints.campaign.passing(lambda name: any(test(name) for test in names), rows)
    if rule.result:
        rows = touchpoints.result.passing(rule.result.__contains__, rows)
    return rows


def _most_counted(rule: ScoreRule) -> int:
    """How many of the newest touchpoints decide; the others may come and go."""
    if not rule.each:
        return 1
    if rule.half_life is not None:
        return _LONG
    return -(-_cap(rule) // abs(_hundredths(rule.points)))


def _steps(worth: Floats, step: int, cap: int, half_life: int) -> tuple[Int64s, Int64s]:
    """`worth` rounded to whole steps and limited, and the minutes from now after which that may come out lower."""
    steps = np.minimum(np.floor(worth / step + 0.5), ceil(cap / step))
    size = np.minimum(steps * step, cap).astype(np.int64)
    edge = (np.maximum(steps, 1) - 0.5) * step
    turn = np.log2(np.maximum(worth, edge) / edge) * half_life
    # Rather a minute too early than one too late: the last digits of `worth` are not exact.
    minutes = np.maximum(np.ceil((turn * (1 - 1e-11) - half_life * 1e-11) / _MINUTE), 1)
    return size, np.where(steps > 0, np.minimum(minutes, _LONG // _MINUTE), _LONG // _MINUTE).astype(np.int64)


def _cap(rule: ScoreRule) -> int:
    return _hundredths(MOST if rule.cap is None else abs(rule.cap))


def _hundredths(points: float) -> int:
    return round(points * 100)


def _span(time: timedelta) -> int:
    return min(time // _MICROSECOND, _LONG)


def _by_least(spec: ScoreSpec) -> dict[str, float]:
    return dict(sorted(spec.bands.items(), key=lambda band: band[1]))


# --- reasons ----------------------------------------------------------------------------------------------------------

KIND_WORDS: Mapping[Kind, Text] = MappingProxyType(
    {
        Kind.PAGE_VIEW: text("page view", "Web閲覧"),
        Kind.MAIL_OPEN: text("mail opened", "メール開封"),
        Kind.MAIL_CLICK: text("mail click", "メールクリック"),
        Kind.MAIL_BOUNCED: text("mail bounced", "メール不達"),
        Kind.FORM_SUBMITTED: text("form", "フォーム送信"),
        Kind.DOWNLOAD: text("download", "資料ダウンロード"),
        Kind.SURVEY_ANSWERED: text("survey", "アンケート回答"),
        Kind.SEMINAR_REGISTERED: text("webinar registration", "ウェビナー申込"),
        Kind.SEMINAR_ATTENDED: text("webinar", "ウェビナー"),
        Kind.SEMINAR_ABSENT: text("webinar missed", "ウェビナー欠席"),
        Kind.BOOTH_VISIT: text("booth visit", "ブース来訪"),
        Kind.BUSINESS_CARD: text("business card", "名刺交換"),
        Kind.INQUIRY: text("inquiry", "問い合わせ"),
        Kind.CALL: text("call", "電話"),
        Kind.MEETING: text("meeting", "面談"),
    }
)
"""What people call the kinds of touchpoint."""


def label_of(kind: Kind, language: Language) -> str:
    """What people call this kind of touchpoint."""
    return KIND_WORDS[kind].in_(language)


_LIMITS = {CAP: text("upper limit", "上限"), FLOOR: text("lower limit", "下限")}
_TITLE = 20


def number(points: float) -> str:
    """Points as people write them: no more decimals than needed."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def why(score: Score, spec: ScoreSpec, max_length: int, tz: tzinfo, language: Language = "ja") -> str:
    """The score and its reasons, in at most `max_length` (10 or more) characters.

    `45点 hot: +10 ウェビナー(3/31) +10 Web閲覧(4/1) …他2件`: the lines that weigh most first, the newer first among
    equals, and none of them cut. What doesn't fit is counted; where nothing does, the number alone stands.
    """
    bare = number(score.points)
    points = f"{bare}点" if language == "ja" else f"{bare} {'pt' if bare in ('1', '-1') else 'pts'}"
    head = f"{points} {score.band}" if score.band else points
    hits = sorted(score.hits, key=lambda hit: (-abs(hit.points), -hit.last_at.timestamp()))
    rules = {rule.id: rule for rule in spec.rules}
    items = [_item(hit, rules.get(hit.rule), tz, language) for hit in hits]
    for shown in range(len(items), 0, -1):
        left = len(items) - shown
        rest = [] if not left else [f"…他{left}件"] if language == "ja" else [f"… {left} more"]
        line = f"{head}: {' '.join(items[:shown] + rest)}"
        if len(line) <= max_length:
            return line
    return next((short for short in (head, points) if len(short) <= max_length), bare)


def _item(hit: Hit, rule: ScoreRule | None, tz: tzinfo, language: Language) -> str:
    sign = "+" if hit.points > 0 else ""
    if rule is None:
        word = _LIMITS[hit.rule].in_(language) if hit.rule in _LIMITS else hit.rule
        return f"{sign}{number(hit.points)} {word}"
    word = rule.word(language)
    if rule.title and hit.label:
        title = hit.label if len(hit.label) <= _TITLE else f"{hit.label[: _TITLE - 1]}…"
        word += f"「{title}」" if language == "ja" else f' "{title}"'
    if hit.count > 1:
        word += f"×{hit.count}" if language == "ja" else f" x{hit.count}"
    day = hit.last_at.astimezone(tz)
    gap = "" if language == "ja" else " "
    return f"{sign}{number(hit.points)} {word}{gap}({day.month}/{day.day})"
