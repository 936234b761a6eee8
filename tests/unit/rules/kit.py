"""One person for the rules to look at, made of as little as a test wants to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from connector.changes import AnyChange, Withheld
from connector.model import Deal, DealState, Identity, Kind, Owner, Person, Ref, Role, Subject, Value, Written
from connector.rules.columns import Touchpoints, micros
from connector.rules.plan import Facts, Rules, plan
from connector.rules.score import ScoreSpec
from connector.rules.view import World
from connector.spec import Mark, Spec, parse, read_yaml_text

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)  # noon in Tokyo
TOKYO = ZoneInfo("Asia/Tokyo")
ROLES = {"ma": Role.MA, "sfa": Role.SFA}
S = TypeVar("S", bound=Spec)


def block(cls: type[S], text: str) -> S:
    """A rule from YAML, as an administrator writes it."""
    root, problems = read_yaml_text(text, "t.yaml")
    built, more = parse(cls, root, Mark("t.yaml", 1, 1))
    assert built is not None, [str(p) for p in (*problems, *more)]
    return built


def visitor(
    id_: str = "1", *, at: datetime = NOW, native: Mapping[str, Value] | None = None, **fields: Value
) -> Person:
    return Person(Ref("ma", "visitor", id_), fields, native or {}, modified_at=at)


def contact(
    id_: str = "003", *, at: datetime = NOW, key: str | None = "p1", native: Mapping[str, Value] | None = None,
    object_: str = "Contact", owner: str | None = None, **fields: Value,
) -> Person:  # fmt: skip
    return Person(Ref("sfa", object_, id_), fields, native or {}, key, owner_id=owner, created_at=at, modified_at=at)


def deal(id_: str = "006", state: DealState = DealState.OPEN, **rest: Any) -> Deal:
    return Deal(Ref("sfa", "Opportunity", id_), f"案件{id_}", state, **rest)


def world(**rest: Any) -> World:
    owners = {("sfa", "005"): Owner(Ref("sfa", "User", "005"), "営業")}
    made = World(NOW, TOKYO, ROLES, owners, {"sfa": NOW, "ma": NOW})
    return replace(made, **rest)


def decide(
    rules: Rules, *persons: Person, touches: Sequence[tuple[Kind, datetime, str]] = (), world_: World | None = None,
    written: Mapping[Ref, Mapping[str, Written]] | None = None, **subject: Any,
) -> tuple[list[AnyChange], list[Withheld]]:  # fmt: skip
    """What the plan says about one person with these records."""
    one = Subject(Identity("p1", persons), written=written or {}, **subject)
    rows = [(0, str(kind), micros(at), "頁", url, "", "") for kind, at, url in touches]
    made = plan(Facts([one], Touchpoints.from_rows(rows), world_ or world()), rules)
    return list(made.changes), list(made.withheld)


INTEREST = block(ScoreSpec, "rules: [{id: web, touchpoint: page_view, within: 30d, points: 10}]\nbands: {hot: 10}")
