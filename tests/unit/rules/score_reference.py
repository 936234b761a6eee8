"""What a score is, said again without columns: one identity, one touchpoint at a time, in exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from connector.model import Hit, Score
from connector.rules.columns import Touch
from connector.rules.score import ScoreRule, ScoreSpec

MOST = Decimal(999_999)


def decimal(points: float) -> Decimal:
    return Decimal(str(points))


def score_of(name: str, spec: ScoreSpec, touches: Sequence[Touch], as_of: datetime) -> Score:
    """`touches` may be in any order; of those at one moment the one given last is the last one."""
    hits = [hit for rule in spec.rules if (hit := _hit(rule, decimal(spec.step), touches, as_of)) is not None]
    total = sum((decimal(hit.points) for hit in hits), Decimal(0))
    points = max(min(total, decimal(spec.cap)), decimal(spec.floor))
    if points != total:
        word = "cap" if points < total else "floor"
        hits.append(Hit(word, float(points - total), 0, max(hit.last_at for hit in hits)))
    reached = [(least, band) for band, least in spec.bands.items() if decimal(least) <= points]
    return Score(name, float(points), max(reached)[1] if reached else "", tuple(hits))


def _hit(rule: ScoreRule, step: Decimal, touches: Sequence[Touch], as_of: datetime) -> Hit | None:
    counted = [touch for touch in touches if _counts(rule, touch, as_of)]
    if not counted:
        return None
    counted.sort(key=lambda touch: touch.happened_at)
    last = counted[-1]
    if not rule.each:
        counted = [last]
    worth = abs(decimal(rule.points))
    cap = MOST if rule.cap is None else abs(decimal(rule.cap))
    if rule.half_life is None:
        size, counted = _add_up(counted, worth, cap)
    else:
        minute = as_of.replace(second=0, microsecond=0)
        lives = [max(minute - touch.happened_at, timedelta(0)) / rule.half_life for touch in counted]
        exact = sum((Decimal(2) ** Decimal(-life) for life in lives), Decimal(0)) * worth
        size = min((exact / step + Decimal("0.5")).to_integral_value(ROUND_FLOOR) * step, cap)
    if not size:
        return None
    return Hit(rule.id, float(size if rule.points > 0 else -size), len(counted), last.happened_at, last.label)


def _add_up(counted: list[Touch], worth: Decimal, cap: Decimal) -> tuple[Decimal, list[Touch]]:
    """From the newest back, until the cap is reached."""
    size, used = Decimal(0), []
    for touch in reversed(counted):
        if size >= cap:
            break
        size = min(size + worth, cap)
        used.append(touch)
    return size, used


def _counts(rule: ScoreRule, touch: Touch, as_of: datetime) -> bool:
    return (
        touch.kind in rule.touchpoint
        and touch.happened_at <= as_of < touch.happened_at + rule.within
        and (not rule.url or any(fnmatchcase(urlsplit(touch.url).path, pattern) for pattern in rule.url))
        and (not rule.campaign or any(fnmatchcase(touch.campaign, pattern) for pattern in rule.campaign))
        and (not rule.result or touch.result in rule.result)
    )
