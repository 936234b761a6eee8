"""An emulated in-house register behind a real server, and adapters that are set up for it by YAML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from connector.adapters.rest import Rest
from connector.adapters.rest.config import Config
from connector.model import DealState
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.inhouse import InHouse, Settings
from connector.sandbox.server import Server
from connector.spec import Mark, parse, read_yaml_text

SYSTEM = "crm"
WORDS = {
    "email": "mail",
    "family_name": "name.family",
    "given_name": "name.given",
    "company": "company",
    "phone": "tel",
    "opted_out": "no_mail",
}
NEEDS = Needs(
    objects={
        "person": ObjectNeeds(
            read=frozenset({"memo", "rank", "no_mail"}),
            write=frozenset({"memo", "rank", "no_mail"}),
            key="external_key",
            create=True,
            words=WORDS,
        ),
        "deal": ObjectNeeds(
            read=frozenset({"title", "status", "contacts"}),
            deal={
                "name": "title",
                "state": "status",
                "amount": "amount",
                "probability": "percent",
                "closes_on": "closes_on",
                "lost_reason": "lost_reason",
                "owner": "owner.id",
                "company": "account.id",
                "people": "contacts",
            },
            states={DealState.WON: frozenset({"受注"}), DealState.LOST: frozenset({"失注", "中止"})},
        ),
    },
    alerts=True,
    timeline=True,
)

CONFIG = """
role: sfa
base_url: URL/api
auth: {header: X-Api-Token, value: {env: CRM_TOKEN}}
retries: 0
number_ids: true
rows: items
paging: {by: page, size_param: per_page, size: 2, total: total}
modified: {field: updated_at, since: updated_since, sorted: true}
people:
  person:
    path: people
    search: {path: people, param: external_key}
    create: {method: POST, path: people}
    update: {method: PATCH, path: "people/{id}"}
    created: created_at
    owner: owner.id
owners:
  user: {path: users, name: name, email: mail}
companies:
  account: {path: accounts, name: name, corporate_number: houjin_bangou, website: site}
deals:
  deal: {path: deals}
touchpoints:
  visit:
    path: visits
    person: person_id
    kind: type
    kinds: {来場: seminar_attended, 訪問: meeting, 電話: call}
    happened: at
    label: title
    result: result
alerts:
  create: {method: POST, path: tasks}
  search: {path: tasks, param: external_key}
  key: external_key
  title: subject
  body: note
  owner: user_id
  person: person_id
  day: due_on
  values: {done: false}
timeline:
  create: {method: POST, path: notes}
  search: {path: notes, param: external_key}
  key: external_key
  title: subject
  body: note
  person: person_id
  day: "on"
"""


NULL = "<null>"
"""Stands for `null` in a block; None takes a key away."""


def merged(old: Any, new: Any) -> Any:
    """`new` over `old`, block by block."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = {key: merged(old.get(key), new.get(key, old.get(key))) for key in {**old, **new}}
    return {key: None if value == NULL else value for key, value in kept.items() if value is not None}


def configured(url: str, **changes: Any) -> Config:
    """The configuration for a register at `url`."""
    raw, problems = read_yaml_text(CONFIG.replace("URL", url), "config.yaml")
    assert problems == []
    built, problems = parse(Config, merged(raw, changes), Mark("config.yaml", 1, 1))
    assert built is not None, problems
    return built


@dataclass
class Stage:
    house: InHouse
    server: Server
    changes: dict[str, Any] = field(default_factory=dict)

    def adapter(self, needs: Needs | None = None, **changes: Any) -> Rest:
        options = configured(self.server.url, **{**self.changes, **changes})
        made = Rest(SYSTEM, options, NEEDS if needs is None else needs)
        assert made.http is not None
        made.http.utcnow = self.house.clock  # both know what time it is
        return made

    def add_person(self, **fields: Any) -> int:
        self.tick()
        return self.house.tables.add("people", {"no_mail": False, **fields})

    def tick(self, **span: float) -> None:
        self.house.clock.advance(timedelta(**(span or {"seconds": 1})))


@contextmanager
def stage(settings: Settings | None = None, **changes: Any) -> Iterator[Stage]:
    house = InHouse(settings)
    with Server(house.handle, chaos=house.chaos) as server:
        yield Stage(house, server, changes)


def needs_of_people(**changes: Any) -> Needs:
    """Needs with something else for people."""
    return replace(NEEDS, objects={**NEEDS.objects, "person": replace(NEEDS.objects["person"], **changes)})
