"""Golden tests of mappings: one person and a clock that stands still, and what the rules should make of that.

They stand beside the mappings, in files that end in `.test.yaml`. Only what a test speaks of is compared, but of
alerts and list changes there may be no others once it speaks of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from connector.changes import AddToList, AnyChange, CreatePerson, Plan, RaiseAlert, RemoveFromList, SetFields
from connector.config import Setup
from connector.errors import Problem, Text, text
from connector.model import PERSON_FIELDS, Deal, DealState, Identity, Kind, Person, Ref, Score, Subject, Value
from connector.rules.columns import Touchpoints, micros
from connector.rules.plan import Facts, plan
from connector.rules.translate import same
from connector.rules.view import World
from connector.spec import Duration, Items, Mark, Spec, SpecError, Word, parse, read_yaml

SELF = "p1"
"""The id of the person whom a test is about."""


def _ref(value: Any) -> Any:
    parts = value.split("/", 2) if isinstance(value, str) else ()
    if isinstance(value, Ref):
        return value
    if len(parts) != 3:
        raise SpecError(
            text("{value!r} is no record", "{value!r} はレコードではありません", value=value),
            text("write system/object/id", "連携先/オブジェクト/ID の形で書いてください"),
        )
    return Ref(*parts)


def _moment(value: Any) -> Any:
    try:
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise SpecError(
            text("{value!r} is no time", "{value!r} は日時として読めません", value=value),
            text("write 2026-11-20T10:00 or 2026-11-20", "2026-11-20T10:00 か 2026-11-20 のように書いてください"),
        ) from None


def _given(value: Any) -> Any:
    if value is None:
        raise SpecError(
            text("an expectation without a value", "期待値がありません"),
            text(
                "write [] (lists: {{}}) where none is expected",
                "何も無いことを確かめるなら [] (lists は {{}}) と書いてください",
            ),
        )
    return value


_AtText = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$", examples=["2026-11-20T10:00"])]
At = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=_AtText)]
_RecordText = Annotated[str, Field(pattern=r"^[^/]*/[^/]*/", examples=["salesforce/Contact/0035g000000003w"])]
Record = Annotated[Ref, BeforeValidator(_ref, json_schema_input_type=_RecordText)]
Plain = str | int | float | bool | None
Moves = list[Literal["added", "removed"]]


class PersonGiven(Spec):
    """A record of the person in one system."""

    record: Record
    """Which record: `system/object/id`."""
    fields: dict[str, Plain] = Field(default_factory=dict)
    """What it says in our words."""
    native: dict[str, Plain] = Field(default_factory=dict)
    """What the system's own fields hold."""
    owner: str | None = None
    """Who looks after the person there."""

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Fields under our words only."""
        fields = schema["properties"]["fields"]
        fields["propertyNames"] = {"enum": [*PERSON_FIELDS]}
        return schema


class TouchGiven(Spec):
    """Something the person did."""

    kind: Word[Kind]
    """What it was."""
    ago: Duration
    """How long before `as_of`."""
    label: str = ""
    """Title of the page, seminar, ..."""
    url: str = ""
    """Address of the page."""
    campaign: str = ""
    """Name of the campaign."""
    result: str = ""
    """Result of a call or meeting."""


class DealGiven(Spec):
    """A deal that the person takes part in."""

    record: Record
    """Which record: `system/object/id`."""
    name: str = "案件"
    """Its name."""
    state: Word[DealState] = DealState.OPEN
    """`open`, `won` or `lost`."""
    stage: str = ""
    """Its stage, as the SFA shows it."""
    stage_since: At | None = None
    """Since when it stands there."""
    probability: float | None = None
    """Percent."""
    amount: float | None = None
    """In the currency of the SFA."""
    closed_at: At | None = None
    """When it was won or lost."""
    lost_reason: str | None = None
    """Why it was lost."""
    product: str | None = None
    """What it is about."""
    owner: str | None = None
    """Who sells."""
    others: bool = False
    """Whether only colleagues take part in it."""


class AlertExpected(Spec):
    """An alert."""

    rule: str
    """The rule that raises it."""
    system: str = Field(alias="in")
    """The SFA in which it is told."""
    to: str
    """Whom it is for."""


class Expected(Spec):
    """What should follow. Parts that are left out are not looked at."""

    scores: dict[str, float] = Field(default_factory=dict)
    """Points by the name of the score."""
    fields: dict[str, dict[str, Plain]] = Field(default_factory=dict)
    """By record, or `new system/object` for one that is made: what its fields hold afterwards."""
    untouched: tuple[Record, ...] = Field(default=(), strict=False)
    """Records that nothing is written to."""
    alerts: Annotated[
        list[AlertExpected] | None, BeforeValidator(_given, json_schema_input_type=list[AlertExpected])
    ] = None
    """All alerts."""
    lists: Annotated[dict[str, Moves] | None, BeforeValidator(_given, json_schema_input_type=dict[str, Moves])] = None
    """By list, all changes of it: `[added]`, `[removed]`."""

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """One expectation at least."""
        return schema | {"minProperties": 1}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.scores or self.fields or self.untouched) and self.alerts is None and self.lists is None:
            raise SpecError(
                text("nothing is expected, so the test would always pass", "期待値が無く、必ず成功するテストです"),
                text(
                    "say something of scores, fields, untouched, alerts or lists",
                    "scores、fields、untouched、alerts、lists のいずれかを書いてください",
                ),
            )
        return self


class Case(Spec):
    """One golden test."""

    name: str
    """What it shows, as a sentence."""
    as_of: At
    """The time at which it plays, in the configured time zone."""
    people: list[PersonGiven]
    """The records of the person."""
    touchpoints: list[TouchGiven] = Field(default_factory=list)
    """What the person did."""
    deals: list[DealGiven] = Field(default_factory=list)
    """Deals of the person and of the company."""
    on_lists: dict[str, Record] = Field(default_factory=dict)
    """Lists we put the person on before, and the record that is on each."""
    bands: dict[str, str] = Field(default_factory=dict)
    """The band of each score that alerts know of already."""
    expect: Expected
    """What should follow."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one test; `differences` is empty when all is as expected."""

    name: str
    mark: Mark
    differences: Sequence[Text]
    fired: frozenset[str] = frozenset()
    """The rules that did something in it, as `rules_of` calls them."""


def run_tests(setup: Setup) -> tuple[list[Verdict], list[Problem]]:
    """Every test beside the mappings, in the order of the files; and what is wrong with the files."""
    problems: list[Problem] = []
    verdicts = [_judge(setup, case) for case in _cases(setup, problems)]
    return verdicts, problems


def _cases(setup: Setup, problems: list[Problem]) -> Iterator[Case]:
    for path in setup.tests:
        root, found = read_yaml(path, path.name)
        problems += found
        if root is not None and not isinstance(root, Items):
            problems.append(Mark(path.name, 1, 1).problem(text("must be a list", "リストで書いてください")))
            continue
        for block, mark in zip(root or (), getattr(root, "marks", ()), strict=True):
            case, found = parse(Case, block, mark)
            problems += found
            if case is not None:
                yield case


def rules_of(setup: Setup) -> dict[str, Mark]:
    """Every rule that has a name, as `topic.name`, and where it stands."""
    rules = setup.rules
    found = {f"scores.{name}.{rule.id}": rule.mark for name, spec in rules.scores.items() for rule in spec.rules}
    found |= {f"people.{each.system}.create": each.create.mark for each in rules.people if each.create is not None}
    found |= {f"alerts.{rule.id}": rule.mark for rule in rules.alerts}
    found |= {f"protect.{rule.id}": rule.mark for rule in rules.protect}
    return found | {f"nurture.{rule.id}": rule.mark for rule in rules.nurture}


def _fired(made: Plan) -> Iterator[str]:
    """The rules that gave points, told somebody, made a record or wanted somebody on a list."""
    for score in made.outcomes[0].scores:
        yield from (f"scores.{score.name}.{hit.rule}" for hit in score.hits)
    for change in made.changes:
        if isinstance(change, RaiseAlert):
            yield f"alerts.{change.rule}"
        elif isinstance(change, CreatePerson):
            yield f"people.{change.system}.create"
        elif isinstance(change, AddToList):
            yield from (f"{change.lane}.{reason.rule}" for reason in change.reasons)


def _judge(setup: Setup, case: Case) -> Verdict:
    made = planned(setup, case)
    differences = [*_strangers(setup, case), *_of_scores(case.expect, made.outcomes[0].scores)]
    differences += [*_of_fields(case, made.changes), *_of_alerts(case.expect, made.changes)]
    differences += _of_lists(case.expect, made.changes)
    # Who is on a list and stays there is no change; the rule that keeps this person there shows without it.
    afresh = planned(setup, case.model_copy(update={"on_lists": {}})) if case.on_lists else made
    return Verdict(case.name, case.mark, differences, frozenset((*_fired(made), *_fired(afresh))))


def planned(setup: Setup, case: Case) -> Plan:
    """What the rules make of what a test gives."""
    tz = setup.config.timezone

    def aware(at: datetime | None) -> datetime | None:
        return at if at is None or at.tzinfo else at.replace(tzinfo=tz)

    as_of = aware(case.as_of)
    assert as_of is not None  # noqa: S101  it is required
    deals = [(given, _deal(given, aware)) for given in case.deals]
    on_lists = {(ref.system, name): frozenset({ref.id}) for name, ref in case.on_lists.items()}
    subject = Subject(
        Identity(SELF, tuple(_person(given, as_of) for given in case.people), "c1"),
        deals=tuple(deal for given, deal in deals if not given.others),
        company_deals=tuple(deal for _, deal in deals),
        lists=on_lists,
        ours=on_lists,
        bands=case.bands,
    )
    touches = [
        (0, str(t.kind), micros(as_of - t.ago), t.label, t.url, t.campaign, t.result)
        for t in sorted(case.touchpoints, key=lambda touch: touch.ago, reverse=True)
    ]
    world = World(
        as_of, tz, setup.roles, read_at=dict.fromkeys(setup.roles, as_of), language=setup.config.language,
        consents=setup.rules.consents(), silent=setup.silent, calendar=setup.config.calendar,
    )  # fmt: skip
    return plan(Facts([subject], Touchpoints.from_rows(touches), world), setup.rules)


def _person(given: PersonGiven, as_of: datetime) -> Person:
    # With our key in place, so that writing it is no part of what a test sees.
    return Person(given.record, given.fields, given.native, SELF, owner_id=given.owner, modified_at=as_of)


def _deal(given: DealGiven, aware: Any) -> Deal:
    return Deal(
        given.record, given.name, given.state, given.stage, aware(given.stage_since), given.probability,
        given.amount, closed_at=aware(given.closed_at), lost_reason=given.lost_reason, product=given.product,
        owner_id=given.owner,
    )  # fmt: skip


def _different(what: str, expected: object, found: object) -> Text:
    return text(
        "{what}: expected {expected}, found {found}",
        "{what}: 期待値 {expected}、結果 {found}",
        what=what, expected=_shown(expected), found=_shown(found),
    )  # fmt: skip


def _shown(value: object) -> str:
    return "∅" if value in (None, "", [], ()) else str(value)


def _strangers(setup: Setup, case: Case) -> Iterator[Text]:
    """What is written in a test and means nothing: whatever is expected of it would come true."""
    records = [given.record for given in case.people]
    for record in (*records, *(deal.record for deal in case.deals), *case.on_lists.values()):
        if record.system not in setup.systems:
            yield text("{record}: there is no such system", "{record}: その連携先はありません", record=record)
    for word in sorted({word for given in case.people for word in given.fields}.difference(PERSON_FIELDS)):
        yield text("{word!r} is not a word for a person", "{word!r} という項目はありません", word=word)
    for record in case.expect.untouched:
        if record not in records:
            yield text("{record} is not among people", "{record} は people にありません", record=record)
    for name, fields in case.expect.fields.items():
        system = name.removeprefix("new ").split("/")[0]
        known = {field for given in case.people if str(given.record) == name for field in given.native}
        for field in sorted(fields.keys() - known - _written(setup, system)):
            yield text(
                "{record}: no mapping writes {field}",
                "{record}: {field} に書き込むマッピングはありません",
                record=name,
                field=field,
            )


def _written(setup: Setup, system: str) -> set[str]:
    """The fields that mappings write in a system."""
    people = [mapping for mapping in setup.rules.people if mapping.system == system]
    carried = {to for rule in setup.rules.nurture if rule.system == system for to in rule.carry.values()}
    return carried | {rule.to for mapping in people for rule in mapping.fields.values()} | {str(m.key) for m in people}


def _of_scores(expect: Expected, scores: Iterable[Score]) -> Iterator[Text]:
    found = {score.name: score for score in scores}
    for name, points in expect.scores.items():
        score = found.get(name)
        if score is None or abs(score.points - points) > 0.005:  # points have two decimals
            yield _different(f"score.{name}", points, f"{score.points:g} ({score.why})" if score else None)


def _of_fields(case: Case, changes: Sequence[AnyChange]) -> Iterator[Text]:
    held: dict[str, Mapping[str, Value]] = {str(given.record): given.native for given in case.people}
    for change in changes:
        if isinstance(change, SetFields):
            held[str(change.ref)] = {**held.get(str(change.ref), {}), **change.values}
            if change.ref in case.expect.untouched:
                yield _different(str(change.ref), None, ", ".join(change.values))
        elif isinstance(change, CreatePerson):
            held[f"new {change.system}/{change.object}"] = change.values
    for record, fields in case.expect.fields.items():
        found = held.get(record)
        if found is None:
            yield text(
                "{record} is neither among people nor made",
                "{record} は people にも新規作成にもありません",
                record=record,
            )
            continue
        for name, value in fields.items():
            if not same(value, found.get(name)):
                yield _different(f"{record} {name}", value, found.get(name))


def _of_alerts(expect: Expected, changes: Sequence[AnyChange]) -> Iterator[Text]:
    if expect.alerts is None:
        return
    wanted = sorted(f"{alert.rule} → {alert.system}/{alert.to}" for alert in expect.alerts)
    raised = [change for change in changes if isinstance(change, RaiseAlert)]
    found = sorted(f"{alert.rule} → {alert.system}/{alert.owner_id}" for alert in raised)
    if wanted != found:
        yield _different("alerts", "; ".join(wanted), "; ".join(found))


def _of_lists(expect: Expected, changes: Sequence[AnyChange]) -> Iterator[Text]:
    if expect.lists is None:
        return
    found: dict[str, list[str]] = {}
    for change in changes:
        if isinstance(change, AddToList | RemoveFromList):
            found.setdefault(change.list, []).append("added" if isinstance(change, AddToList) else "removed")
    for name in sorted(found.keys() | expect.lists.keys()):
        wanted = sorted(expect.lists.get(name, []))
        if wanted != sorted(found.get(name, [])):
            yield _different(f"list {name}", ", ".join(wanted), ", ".join(found.get(name, [])))
