"""Planning through the engine: everybody, then what is due an hour later with a few people touched.

Times are of the processor. Delivery is not part of it (`deliver.py`); the systems are in memory.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from benchmarks.measure import Line, Size, child, rate, seconds

if TYPE_CHECKING:
    from connector.engine.app import App

T = TypeVar("T")
TOUCHED = (0.001, 0.01)

CONFIG = """
store: sqlite:///store.db
systems:
  ma: {type: memory, role: ma, page_size: 1000}
  sfa: {type: memory, role: sfa, page_size: 1000}
run: {guards: {at_least: 1000000000}}
"""

MAPPINGS = {
    "people": """
- in: sfa
  object: [person]
  key: ma_id
  create: {object: person, when: {score.interest: {gte: 20}}, require: [family_name]}
  fields:
    email: {to: email, wins: sfa_unless_blank}
    company: {to: company, wins: once}
    opted_out: {to: opted_out, wins: strictest}
    score.interest: {to: score, wins: ma}
    score.interest.why: {to: why, wins: ma, max_length: 255}
""",
    "alerts": """
- id: hot
  when: {score.interest: {turned: hot}}
  to: person_owner
  repeat: {per: person, every: 30d}
""",
    "nurture": """
- id: lost
  when: {deal: {state: lost, closed: {gte: 14d}}}
  unless: [{deal: {state: open}}, opted_out]
  list: nurture-lost
  leave_when: {deal: {state: open}}
""",
}


def lines(size: Size) -> Iterator[Line]:
    """The full pass, what it spends its time on, and passes after a little change."""
    made = {"people": size.people, "touchpoints": size.touchpoints, "seed": size.seed, "folder": size.folder}
    url = child("generate:make", **made)["url"]
    found = child("engine:passes", url=url, people=size.people)
    full = found["passes"][0]
    yield Line(
        "plan of everybody: the rules alone",
        "",
        rate(full["identities"] / full["rules"], "identities"),
        target=">= 10,000/s",
        peak=found["peak"],
    )
    yield Line("  with loading and writing", "", rate(full["identities"] / full["seconds"], "identities"))
    for part in ("load", "rules", "write"):
        yield Line(f"  of which {part}", "", seconds(full[part]))
    for share, target, one in zip(TOUCHED, ("<= 0.05", "<= 0.10"), found["passes"][1:], strict=True):
        yield Line(
            f"run 1 h later, {share:.1%} touched ({one['identities']:,} identities due)",
            f"full pass {seconds(full['seconds'])}",
            seconds(one["seconds"]),
            one["seconds"] / full["seconds"],
            target,
        )


@dataclass
class Laps:
    """Time spent inside of functions."""

    spent: dict[str, float] = field(default_factory=dict)

    def of(self, name: str, function: Callable[..., T]) -> Callable[..., T]:
        """`function`, with its time noted under `name`."""

        def timed(*args: Any, **kw: Any) -> T:
            begin = time.process_time()
            try:
                return function(*args, **kw)
            finally:
                self.spent[name] = self.spent.get(name, 0.0) + time.process_time() - begin

        return timed


class Bench:
    """A connector over a copy of a made-up store, with a clock of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        from benchmarks.generate import AS_OF
        from connector.config import load
        from connector.engine.app import open_app

        shutil.copy(url.removeprefix("sqlite:///"), folder / "store.db")
        (folder / "mappings").mkdir()
        for name, content in {**MAPPINGS, "scores": _scores()}.items():
            (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
        (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
        self.now: datetime = AS_OF
        self.laps = Laps()
        self.app: App = open_app(load(folder / "config.yaml"), clock=lambda: self.now)

    def one_pass(self) -> dict[str, Any]:
        """Pull and plan; what it took."""
        from connector.engine import planning
        from connector.engine.pull import pull
        from connector.engine.report import Report
        from connector.store.runs import start_run

        self.laps.spent.clear()
        report = Report(f"bench-{self.now}", self.now, self.now)
        lease = self.app.lease()
        try:
            with lease.writing() as conn:
                start_run(conn, report.run, self.now, self.now, lease.token, "")
            begin = time.process_time()
            pull(self.app, lease, report)
            planning.plan_all(self.app, lease, report)
            spent = time.process_time() - begin
        finally:
            lease.release()
        parts = {"load": self.laps.spent.get("load", 0.0), "rules": self.laps.spent.get("rules", 0.0)}
        return {"seconds": spent, "identities": report.identities, **parts, "write": spent - sum(parts.values())}


@contextmanager
def bench(url: str) -> Iterator[Bench]:
    """A `Bench` in a folder that goes with it; its loading and planning are timed."""
    from connector.rules.plan import plan
    from connector.store.load import load

    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        made = Bench(Path(folder), url)
        with (
            patch("connector.store.load.load", made.laps.of("load", load)),
            patch("connector.engine.planning.plan", made.laps.of("rules", plan)),
        ):
            yield made
        made.app.close()


def _scores() -> str:
    from benchmarks.generate import RULES

    rules = [
        f"    - {{id: rule{i}, touchpoint: {kind.value}, within: {days}d, points: {points}, each: true, cap: {cap}}}"
        for i, (kind, days, points, cap) in enumerate(RULES)
    ]
    return "\n".join(["interest:", "  rules:", *rules, "  bands: {hot: 40, warm: 20}", ""])


def passes(url: str, people: int) -> dict[str, Any]:
    """A full pass, and one for each share of people touched, an hour apart."""
    from connector.adapters.memory import SYSTEMS
    from connector.model import Kind, Ref

    found = []
    with bench(url) as made:
        found.append(made.one_pass())
        for share in TOUCHED:
            for no in range(1, people + 1, round(1 / share)):
                SYSTEMS["ma"].add_touchpoint(Ref("ma", "person", f"{no:06}"), Kind.PAGE_VIEW, made.now)
            made.now += timedelta(hours=1)
            found.append(made.one_pass())
    return {"passes": found}


def full_pass(url: str) -> dict[str, Any]:
    """A full pass alone, for its peak of memory."""
    with bench(url) as made:
        return made.one_pass()
