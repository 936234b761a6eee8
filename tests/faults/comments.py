"""A small world whose alerts are comments in kintone (class C), and what may become of each of them.

Its kintone has the field in which a comment is noted before it is written. A comment may stand there twice in W7 and W8
alone: when it was noted and not yet written as its run fell asleep, or when its request is carried out late.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import select
from urllib3 import HTTPResponse

from connector.adapters.kintone.comments import mark_of
from connector.config import load
from connector.store import tables as t
from connector.store.database import open_engine, reading
from connector.templates import TEMPLATES
from tests.faults import tally
from tests.faults.checks import LATER, thawed
from tests.faults.ends import Fault, end
from tests.faults.kit import Stage
from tests.faults.points import Points, instrumented
from tests.faults.story import PRICE, Emulated, empty
from tests.faults.world import PORTS, Files, Moment, World, beside_shanon, direct

WHEN = "alerts"
"""The moment: four alerts are due, two of them on one deal, one on a person whose fields change, too."""
NOTED = "ma_last_alert"
KINTONE = """\
  kintone:
    type: kintone
    base_url: http://127.0.0.1:{kintone}
    apps:
      people:
        id: {people_id}
        token: {{file: secrets/people}}
        owner: 担当者
        summary: {{table: MA接点, line: MA接点内容}}
      deals: {{id: {deals_id}, token: {{file: secrets/deals}}}}
      touchpoints: {{id: {touchpoints_id}, token: {{file: secrets/touchpoints}}}}
    alert: {{via: comment, claim: ma_last_alert, uncertain: {uncertain}}}
    timeline: {{app: touchpoints, fields: {{person: 人物, person_id: 人物ID}}}}
"""

_MARK = re.compile(r"\[#([0-9a-f]{8})\]")


# --- the world --------------------------------------------------------------------------------------------------------


def begin() -> Emulated:
    """People and deals in an MA and a kintone, of whom nobody does anything yet."""
    made = empty()
    apps, kintone = made.apps, made.kintone
    text = {"type": "SINGLE_LINE_TEXT", "code": NOTED, "label": "MA アラート", "noLabel": False, "required": False}
    for app in (apps.people, apps.deals):
        kintone.change_fields(app.id, {NOTED: {**text, "unique": False, "maxLength": "64", "minLength": ""}})
    for number, (who, name, company) in enumerate(
        (
            ("kinoshita", "木下 誠", "木下工業株式会社"),
            ("ono", "大野 渡", "大野運輸株式会社"),
            ("mori", "森 恵", "森製作所株式会社"),
        ),
        start=1,
    ):
        made.visitor(who, name, company, seen=0)
        made.ids[f"{who} kintone"] = made.in_kintone(who, f"W000{number}", name, company)
    for customer in ("W0001", "W0002"):
        made.deal_in_kintone(customer)
    return made


def go_on(made: Emulated) -> None:
    """What happens until the alerts are due: two deals stir, the person of one registers, somebody else turns hot."""
    made.clock.advance(timedelta(days=1))
    smp = made.smp
    smp.add_page_view(made.ids["kinoshita"], PRICE, "料金", made.clock() - timedelta(hours=2))
    smp.add_page_view(made.ids["ono"], PRICE, "料金", made.clock() - timedelta(hours=1))
    seminar = smp.add_seminar("電帳法セミナー", "セミナー", made.clock() + timedelta(days=20))
    smp.add_application(made.ids["ono"], seminar, made.clock() - timedelta(hours=3))
    made.attended("mori", 0.5)
    smp.add_activity(made.ids["mori"], "資料ダウンロード", "料金表", made.clock() - timedelta(hours=3))
    for number in range(3):
        smp.add_page_view(made.ids["mori"], f"{PRICE}/{number}", "料金", made.clock() - timedelta(hours=number + 1))


def write_config(folder: Path, made: Emulated, uncertain: str) -> Path:
    """The shipped mappings, and a configuration of alerts by comments."""
    apps = made.apps.by_name()
    ids = {f"{name}_id": app.id for name, app in apps.items()}
    kintone = KINTONE.format(kintone=PORTS["kintone"], uncertain=uncertain, **ids)
    config = beside_shanon(folder, made, kintone, {name: app.token for name, app in apps.items()})
    for name, mapping in TEMPLATES["shanon+kintone"].mappings():
        (folder / "mappings" / name).write_bytes(mapping.read_bytes())
    return config


def set_stage(folder: Path, uncertain: str = "resend") -> Stage:
    """The moment before the run that is to comment, and how that ought to end."""
    made, shelf = begin(), Files()
    setup = load(write_config(folder / "config", made, uncertain))
    world = World(made, setup, shelf.new(folder / "config" / "data"))
    with direct(made):
        world.run()
    go_on(made)
    moment = Moment(made, world.store, shelf)
    world = moment.world(setup, folder / "ought")
    with direct(world.made), instrumented(Points()) as passed:
        world.run()
    return Stage(setup, {WHEN: moment}, {WHEN: end(world.made, world.store)}, {WHEN: passed.seen})


# --- what became of the comments --------------------------------------------------------------------------------------


def written(made: Emulated) -> Counter[str]:
    """How often each mark stands under a comment."""
    return Counter(
        mark
        for app in (made.apps.people, made.apps.deals)
        for record in made.kintone.records(app.id)
        for comment in made.kintone.comments(app.id, record["$id"])
        for mark in _MARK.findall(comment.text)
    )


def noted(made: Emulated) -> set[str]:
    """The marks that stand in the field of a record."""
    return {
        mark
        for app in (made.apps.people, made.apps.deals)
        for record in made.kintone.records(app.id)
        for mark in str(record[NOTED] or "").split()
    }


def wanted(stage: Stage) -> set[str]:
    """The marks of all comments that an undisturbed run writes."""
    return {
        mark for kind, said in stage.ought[WHEN].things if kind == "kintone comment" for mark in _MARK.findall(said)
    }


def on_the_way(made: Emulated) -> set[str]:
    """Noted, and not written yet: what W7 and W8 are about."""
    return noted(made) - set(written(made))


def unnoted(made: Emulated, store: str) -> list[Fault]:
    """Whatever stands under a comment was noted in its record, and claimed in the store before that."""
    engine = open_engine(store)
    try:
        with reading(engine) as conn:
            keys = conn.scalars(select(t.outbox.c.key).where(t.outbox.c.state.in_(("inflight", "done"))))
            claimed = {mark_of(key) for key in keys}
    finally:
        engine.dispose()
    marks = noted(made)
    return [
        *(Fault("wrong", f"commented and not noted: {mark}") for mark in set(written(made)) - marks),
        *(Fault("wrong", f"noted without a claim: {mark}") for mark in marks - claimed),
    ]


def forgiven(faults: Collection[Fault], allowed: Collection[str]) -> list[Fault]:
    """What is left when each comment with an allowed mark may stand there once more; those are counted."""
    left = []
    for fault in faults:
        once_more = fault.kind == "doubled" and fault.what.startswith("kintone comment ") and fault.count == 1
        if once_more and set(_MARK.findall(fault.what)) & set(allowed):
            tally.count("class C")
        else:
            left.append(fault)
    return left


def slept(stage: Stage, folder: Path, at: str) -> tuple[list[Fault], set[str]]:
    """As `thawed`; and the comments that were on their way when the run fell asleep."""
    open_: set[str] = set()

    def over(world: World) -> None:
        open_.update(on_the_way(world.made))
        world.expire_lease()

    return thawed(stage, WHEN, folder, at, over), open_


# --- late -------------------------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """Requests that are under way, while those who sent them have given up."""

    what: tuple[str, str]
    """Method and path of the requests that may be late."""
    number: int
    """Which of these in a run is late."""
    sent: int = 0
    held: list[requests.PreparedRequest] = field(default_factory=list)

    def arrive(self, world: World) -> None:
        """They are carried out."""
        with direct(world.made):
            for request in self.held:
                HTTPAdapter().send(request)
        self.held.clear()


COMMENT, NOTE = ("POST", "/k/v1/record/comment.json"), ("PUT", "/k/v1/record.json")


@contextmanager
def slow(wire: Wire) -> Iterator[None]:
    """Inside, one request is under way for so long that a gateway gives it up."""
    send = HTTPAdapter.send

    def late(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        if (request.method, urlsplit(str(request.url)).path) == wire.what:
            wire.sent += 1
            if wire.sent == wire.number:
                wire.held.append(request)
                return self.build_response(request, HTTPResponse(io.BytesIO(), status=504, preload_content=False))
        return send(self, request, *args, **more)

    HTTPAdapter.send = late  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]


def given_up(world: World, what: tuple[str, str], number: int) -> Wire:
    """A run of which one request is late."""
    wire = Wire(what, number)
    with direct(world.made), slow(wire):
        world.run()
    assert len(wire.held) == 1
    return wire


def next_run(world: World) -> None:
    """A healthy run, later."""
    world.made.clock.advance(LATER)
    with direct(world.made):
        world.run()
