"""What may be written and is hardly meant: rules that do nothing, or less than they seem to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from connector.errors import Problem, text
from connector.model import PERSON_FIELDS, Kind, Role
from connector.ports import Adapter
from connector.rules.fields import FieldRule, PeopleMapping
from connector.rules.plan import Rules
from connector.rules.when import TouchpointIs
from connector.spec import Block, Mark, Spec, spelt

MANY = 20
"""Fields written into one object from which on the number is told."""

Systems = Mapping[str, tuple[type[Adapter], Spec]]


def advice(systems: Systems, roles: Mapping[str, Role], rules: Rules) -> Iterator[Problem]:
    """What to think over in rules whose every value is right."""
    for mapping in rules.people:
        if mapping.system in systems:
            yield from _untold(mapping, systems, roles, rules)
            yield from _many(mapping, roles)
    yield from _windows(systems, rules)
    yield from _stale(rules)


def _untold(
    mapping: PeopleMapping, systems: Systems, roles: Mapping[str, Role], rules: Rules
) -> Iterator[Problem]:  # fmt: skip
    """A field that should hold what the other side says, where nobody there says it."""
    here = roles[mapping.system]
    there = Role.SFA if here is Role.MA else Role.MA
    others = [name for name in systems if roles[name] is there]
    told = [_told(name, systems, rules) for name in others]
    if not told or None in told:
        return
    known = frozenset[str]().union(*(words for words in told if words))
    for word, rule in mapping.fields.items():
        if word not in PERSON_FIELDS or word in known or rule.wins in ("strictest", here.value):
            continue
        nothing = rule.wins == there.value
        yield rule.mark_of("wins").problem(
            text(
                "{to} is never written: no {side} tells {word}",
                "{to} には何も書き込まれません。{word} を持つ {side} がありません",
                to=rule.to, side=there.value.upper(), word=word,
            ),
            text(
                "map {word} for {systems}, or write wins: {here} to only read it here",
                "{systems} の {word} を対応付けるか、ここで読むだけなら wins: {here} としてください",
                word=word, systems=", ".join(others), here=here.value,
            ),
            "error" if nothing else "warning",
        )  # fmt: skip


def _told(system: str, systems: Systems, rules: Rules) -> frozenset[str] | None:
    """The words that a system tells, by itself or because a mapping names a field; None where nobody can say."""
    cls, options = systems[system]
    own = cls.tells(options)
    mapped = (word for mapping in rules.people if mapping.system == system for word in mapping.fields)
    return None if own is None else own | frozenset(mapped)


def _many(mapping: PeopleMapping, roles: Mapping[str, Role]) -> Iterator[Problem]:
    """More fields than anybody looks after."""
    for name in mapping.object:
        written = [rule for rule in mapping.fields.values() if _writes(rule, name, roles[mapping.system])]
        if len(written) > MANY:
            yield mapping.mark_of("fields").problem(
                text(
                    "{n} fields are written into {name} of {system}",
                    "{system} の {name} に書き込む項目が{n}個あります",
                    n=len(written), name=name, system=mapping.system,
                ),
                text(
                    "link few fields that somebody acts on: numbers, bands, dates; each one needs looking after",
                    "営業が使う数値・ランク・日付などに絞ってください。増えるほど保守の手間が増えます",
                ),
                "warning",
            )  # fmt: skip


def _writes(rule: FieldRule, name: str, here: Role) -> bool:
    return rule.only in (None, name) and rule.wins != here.value


def _windows(systems: Systems, rules: Rules) -> Iterator[Problem]:
    """A window that reaches further back than touchpoints are read."""
    limits = [(name, cls.looks_back(options)) for name, (cls, options) in systems.items()]
    for kinds, within, mark in _spans(rules):
        for name, kept in limits:
            short = {kind: kept[kind] for kind in kinds if kind in kept and kept[kind] < within}
            if short:
                yield mark.problem(
                    text(
                        "the window of {within} is longer than what {system} is read back: {kinds} for {kept}",
                        "期間 {within} に対し、{system} から最初に読む {kinds} は {kept} 前までです",
                        within=spelt(within), system=name, kinds=", ".join(short), kept=spelt(min(short.values())),
                    ),
                    text(
                        "read further back in the options of {system}, or shorten the window",
                        "{system} の設定で読む期間を延ばすか、この期間を短くしてください",
                        system=name,
                    ),
                    "warning",
                )  # fmt: skip


def _spans(rules: Rules) -> Iterator[tuple[Sequence[Kind], timedelta, Mark]]:
    """The kinds of touchpoint that rules look at, and how far back."""
    for spec in rules.scores.values():
        for rule in spec.rules:
            yield rule.touchpoint, rule.within, rule.mark_of("within")
    whens = [rule.when for rule in rules.alerts] + [rule.when for rule in rules.protect]
    whens += [when for rule in rules.nurture for when in rule.conditions()]
    creates = [mapping.create for mapping in rules.people if mapping.create]
    whens += [when for create in creates for when in (create.when, *create.unless)]
    for test in (when.touchpoint for when in whens):
        if test is not None:
            yield _kinds(test), test.within, test.mark_of("within")
    for mapping in rules.people:
        if mapping.timeline is not None:
            yield mapping.timeline.kinds, mapping.timeline.since, mapping.timeline.mark_of("since")


def _kinds(test: TouchpointIs) -> Sequence[Kind]:
    return test.kind or tuple(Kind)


def _stale(rules: Rules) -> Iterator[Problem]:
    """Protection that leaves open how long an SFA may be unread."""
    for rule in rules.protect:
        if "when_stale" not in rule.model_fields_set:
            after = spelt(rule.when_stale.after)
            yield rule.mark.problem(
                text(
                    "{id} does not say what holds while the SFA cannot be read: after {after} nobody is released",
                    "{id} に SFA を読めない間の扱いがありません（{after} を過ぎると誰も解除しません）",
                    id=rule.id, after=after,
                ),
                text(
                    "write when_stale: {{after: {after}, then: hold}}, with your own time",
                    "when_stale: {{after: {after}, then: hold}} のように期間を明記してください",
                    after=after,
                ),
                "warning",
            )  # fmt: skip


_SECRET = re.compile(r"(^|[_-])(api_?key|access_?key|token|secret|password|passwd|pwd)$", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@|[?&]password=[^&]")


def secrets_written_out(root: Block) -> Iterator[Problem]:
    """Secrets in `config.yaml` where a text is taken, and none is expected."""
    if isinstance(url := root.get("store"), str) and _IN_URL.search(url):
        yield root.marks["store"].problem(
            text("the store's URL holds a password", "store の URL にパスワードが含まれています"),
            text(
                "put the URL into a file and write store_url: {{file: PATH}}",
                "URL をファイルに置き、store_url: {{file: パス}} で参照してください",
            ),
        )
    yield from _in_params(root.get("systems"))


def _in_params(value: Any) -> Iterator[Problem]:
    """Keys called as secrets among query parameters."""
    if isinstance(value, list):
        for each in value:
            yield from _in_params(each)
    for key, inner in value.items() if isinstance(value, Block) else ():
        if key == "params" and isinstance(inner, Block):
            for name in inner:
                if _SECRET.search(name) and isinstance(inner[name], str):
                    yield inner.marks[name].problem(
                        text(
                            "{name} looks like a secret that is written out", "{name} は秘密情報のようです", name=name
                        ),
                        text(
                            "sign in by auth: with a reference; what stands in params is sent in the address",
                            "auth で参照してください。params の値は URL に載ります",
                        ),
                        "warning",
                    )
        else:
            yield from _in_params(inner)
