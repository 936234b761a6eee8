"""A golden test made from a real person: anonymised, and with what the rules say now as what is expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml

from connector.changes import AddToList, CreatePerson, Plan, RaiseAlert, RemoveFromList, SetFields
from connector.config import Setup
from connector.engine.anonymise import Anonymiser, whens_of
from connector.engine.app import App
from connector.engine.golden import Case, planned
from connector.engine.planning import plan_chunk, timeline_of
from connector.engine.why import one
from connector.errors import ConfigError, Text, text
from connector.model import Deal, Kind, Owner, Subject, Value
from connector.rules.columns import moment
from connector.rules.plan import Rules
from connector.spec import Mark, parse, read_yaml_text, scalar, spelt
from connector.store import load

_MOST = 999_999
"""The largest number that a duration takes."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A test as YAML, and where the made-up person comes out otherwise than the real one."""

    content: str
    differs: Sequence[Text]


def record(app: App, words: str) -> Recorded:
    """A golden test from the person that `words` means, as the store knows this person now.

    :raises ConnectorError: when nobody or several people are meant
    """
    rules = app.setup.rules
    as_of = app.clock().replace(microsecond=0)
    with app.reading() as conn:
        no = one(conn, app, words)
        world = app.world(conn, as_of)
        loaded = load.load(conn, [no], rules.oldest(as_of), timeline_of(rules, as_of))
        real = plan_chunk(conn, rules, world, [no]).plan
    made = Anonymiser(rules)
    subject = loaded.subjects[0]
    given = {
        "name": "記録した人物" if app.setup.config.language == "ja" else "A recorded person",
        "as_of": _at(as_of, app.setup),
        **_given(subject, loaded.owners, made, app.setup),
        "touchpoints": list(_touchpoints(loaded.touchpoints, as_of, made)),
    }
    given = {key: value for key, value in given.items() if value not in ([], {})}
    # What is expected follows from the made-up person, so that the test holds at once.
    case = _case({**given, "expect": {"alerts": []}})
    found = planned(app.setup, case)
    content = _yaml([{**given, "expect": _expected(case, found)}])
    return Recorded(content, list(_differences(real, found)))


def _at(at: datetime, setup: Setup) -> str:
    return at.astimezone(setup.config.timezone).replace(tzinfo=None, microsecond=0).isoformat()


def _given(subject: Subject, owners: Mapping[tuple[str, str], Owner], made: Anonymiser, setup: Setup) -> dict[str, Any]:
    persons = subject.identity.persons
    amounts = _amounts_matter(setup.rules)

    def owner(system: str, id_: str | None) -> dict[str, str]:
        known = owners.get((system, id_ or ""))
        # Nobody is told through one who has left, and in a test all are there.
        return {"owner": made.owner(system, id_)} if id_ and (known is None or known.active) else {}

    people = []
    for person in persons:
        shown = {"record": str(made.ref(person.ref)), **owner(person.ref.system, person.owner_id)}
        people.append(shown | _filled({"fields": made.fields(person), "native": made.native(person)}))
    by_id = {(person.ref.system, person.ref.id): person.ref for person in persons}
    on_lists = {
        name: str(made.ref(by_id[system, min(ids)]))
        for (system, name), members in sorted(subject.lists.items())
        if (ids := members & subject.ours.get((system, name), frozenset()))
    }
    deals = [
        _deal(deal, made, setup, amounts=amounts, others=deal not in subject.deals)
        | owner(deal.ref.system, deal.owner_id)
        for deal in dict.fromkeys((*subject.deals, *subject.company_deals))
    ]
    bands = {name: band for name, band in subject.bands.items() if band}
    return {"people": people, "deals": deals, "on_lists": on_lists, "bands": bands}


def _deal(deal: Deal, made: Anonymiser, setup: Setup, *, amounts: bool, others: bool) -> dict[str, Any]:
    shown = {
        "record": str(made.ref(deal.ref)),
        "name": made.deal_name(deal),
        "state": deal.state.value,
        "stage": made.word("段階", deal.stage),
        "stage_since": _at(deal.stage_since, setup) if deal.stage_since else None,
        "probability": deal.probability,
        "amount": deal.amount if amounts else None,
        "closed_at": _at(deal.closed_at, setup) if deal.closed_at else None,
        "lost_reason": made.word("理由", deal.lost_reason),
        "product": made.word("製品", deal.product),
    }
    return _filled(shown) | ({"others": True} if others else {})


def _amounts_matter(rules: Rules) -> bool:
    asked = any(when.deal is not None and when.deal.amount is not None for when in whens_of(rules))
    return asked or any("amount" in rule.carry for rule in rules.nurture)


def _touchpoints(rows: Sequence[load.TouchpointRow], as_of: datetime, made: Anonymiser) -> Iterator[dict[str, Any]]:
    """Newest first. A touchpoint that is still to come is none yet."""
    for _, kind, happened, label, url, campaign, result in reversed(rows):
        age = as_of - moment(happened)
        if age >= timedelta(0):
            shown = {
                "kind": Kind(kind).value,
                "ago": spelt(_writable(age)),
                "label": made.label(label),
                "url": made.url(url),
                "campaign": made.campaign(campaign),
                "result": made.word("結果", result),
            }
            yield _filled(shown)


def _writable(age: timedelta) -> timedelta:
    """Rounded down to what a duration can say: seconds up to eleven days, then minutes, then hours.

    Windows are whole minutes, so none is left or entered by it.
    """
    seconds = int(age.total_seconds())
    size = next(size for size in (1, 60, 3600) if seconds // size <= _MOST)
    return timedelta(seconds=seconds - seconds % size)


def _filled(shown: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if value not in (None, "", {})}


def _case(given: dict[str, Any]) -> Case:
    root, problems = read_yaml_text(_yaml([given]), "-")
    case, found = parse(Case, root[0], Mark("-", 1, 1)) if root else (None, [])
    if case is None:
        raise ConfigError([*problems, *found])
    return case


def _expected(case: Case, found: Plan) -> dict[str, Any]:
    """Everything that follows, in the words of a test."""
    written = {str(change.ref): _plain(change.values) for change in found.changes if isinstance(change, SetFields)}
    made = [change for change in found.changes if isinstance(change, CreatePerson)]
    new = {f"new {change.system}/{change.object}": _plain(change.values) for change in made}
    alerts = [change for change in found.changes if isinstance(change, RaiseAlert)]
    lists: dict[str, list[str]] = {}
    for change in found.changes:
        if isinstance(change, AddToList | RemoveFromList):
            lists.setdefault(change.list, []).append("added" if isinstance(change, AddToList) else "removed")
    said = {
        "scores": {score.name: _number(score.points) for score in found.outcomes[0].scores},
        "fields": written | new,
        "untouched": [str(given.record) for given in case.people if str(given.record) not in written],
    }
    return {key: value for key, value in said.items() if value} | {
        "alerts": [{"rule": alert.rule, "in": alert.system, "to": alert.owner_id} for alert in alerts],
        "lists": lists,
    }


def _plain(values: Mapping[str, Value]) -> dict[str, Value]:
    """Without days and times, which a test cannot spell."""
    return {name: value for name, value in values.items() if value is None or isinstance(value, str | int | float)}


def _number(points: float) -> float:
    return int(points) if points == int(points) else points


def _differences(real: Plan, found: Plan) -> Iterator[Text]:
    """Where the rules make something else of the made-up person."""
    told = {score.name: score.points for score in found.outcomes[0].scores}
    for score in real.outcomes[0].scores:
        if score.points != told[score.name]:
            yield text(
                "score.{name}: {found} here, {real} of the real person",
                "score.{name}: このテストでは {found}、実際は {real}",
                name=score.name, found=told[score.name], real=score.points,
            )  # fmt: skip
    for en, ja, kinds in (
        ("alerts", "アラート", RaiseAlert),
        ("list changes", "リストの変更", AddToList | RemoveFromList),
        ("new records", "新規作成", CreatePerson),
    ):
        there, here = (sum(isinstance(change, kinds) for change in plan.changes) for plan in (real, found))
        if there != here:
            yield text(
                "{what}: {found} here, {real} of the real person",
                "{what_ja}: このテストでは {found}件、実際は {real}件",
                what=en, what_ja=ja, found=here, real=there,
            )  # fmt: skip


class _Dumper(yaml.SafeDumper):
    """Writes what our own reader reads back: it takes some words for numbers that PyYAML takes for text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  aliases are not taken
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    plain = scalar(value) == value and not value.isdigit()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def _yaml(cases: Sequence[Mapping[str, Any]]) -> str:
    return yaml.dump(
        list(cases), Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118
    )
