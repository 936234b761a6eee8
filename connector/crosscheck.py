"""What no single block of the configuration can know: references between files, and rules that contradict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from connector.changes import AddToList, CreatePerson, RaiseAlert
from connector.errors import Problem, Text, text
from connector.model import PERSON_FIELD_KIND, PERSON_FIELDS, DealState, Role
from connector.ports import Adapter, Needs, ObjectNeeds, ValueKind
from connector.rules.alert import AlertRule
from connector.rules.deals import DealMapping
from connector.rules.fields import OF_SALES, SPARED, FieldRule, PeopleMapping, known_words
from connector.rules.identify import IdentityRules
from connector.rules.nurture import NurtureRule
from connector.rules.plan import Rules
from connector.rules.protect import ProtectRule
from connector.rules.score import lint
from connector.rules.when import When
from connector.spec import Mark, Spec, unknown_key

if TYPE_CHECKING:
    from connector.changes import Change

R = TypeVar("R", AlertRule, ProtectRule, NurtureRule)


class Checks:
    """Looks across the files, given the systems and their roles; adds to `problems`."""

    def __init__(
        self,
        systems: Mapping[str, tuple[type[Adapter], Spec]],
        roles: Mapping[str, Role],
        problems: list[Problem],
        unread: Collection[str] = (),
    ) -> None:
        """`unread`: names of scores that are there, but not as they should be."""
        self.systems = systems
        self.roles = roles
        self.problems = problems
        self.unread = unread

    def resolve(self, rules: Rules) -> Rules:
        """The rules with `in:` filled where there is only one system it can mean."""
        return Rules(
            rules.scores,
            rules.people,
            tuple(self._with_system(rules.alerts, Role.SFA, RaiseAlert, required=False)),
            tuple(self._with_system(rules.protect, Role.MA, AddToList)),
            tuple(self._with_system(rules.nurture, Role.MA, AddToList)),
            rules.flip_flop,
        )

    def _with_system(
        self, rules: Sequence[R], role: Role, change: type[Change], *, required: bool = True
    ) -> Iterator[R]:
        able = [name for name in self.systems if self._takes(name, change) and self.roles[name] is role]
        for rule in rules:
            if rule.system is not None:
                if self._system(rule.system, rule.mark_of("in")) and rule.system not in able:
                    what = text("{name} cannot do this", "{name} ではこの操作ができません", name=rule.system)
                    self._say(rule.mark_of("in"), what)
                yield rule
            elif len(able) == 1:
                yield rule.model_copy(update={"system": able[0]})
            else:
                if required:
                    self._say(
                        rule.mark,
                        text("which system is meant?", "どの連携先か分かりません"),
                        _add_in(able),
                    )
                yield rule

    def all(self, rules: Rules, systems_named: Iterable[tuple[str, Mark]]) -> None:
        """Every check that spans blocks or files."""
        for name, mark in systems_named:
            self._system(name, mark)
        for mapping in rules.people:
            self._people(mapping, rules)
        self._tellers(rules)
        self.apart(rules)
        whens = (
            [r.when for r in rules.alerts]
            + [r.when for r in rules.protect]
            + [when for rule in rules.nurture for when in rule.conditions()]
        )
        for when in whens:
            self._scores_of(when, rules)
        for spec in rules.scores.values():
            self.problems += lint(spec)

    def apart(self, rules: Rules) -> None:
        """Every check that needs to know nothing of the systems."""
        for mapping in rules.people:
            self._words(mapping, rules)
        self._one_writer(rules)
        self._ids(rules)
        self._lists(rules)

    def once(self, objects: Iterable[tuple[str, str, Mark]]) -> None:
        """Whether each object (of a system, named at a mark) is mapped by one block: of people or of deals."""
        seen: dict[tuple[str, str], Mark] = {}
        for system, name, mark in objects:
            first = seen.setdefault((system, name), mark)
            if first is not mark:
                self._say(
                    mark,
                    text("{name} of {system} is mapped twice", "{system} の {name} が2か所で対応付けられています",
                         name=name, system=system),
                    text("the other one: {file}:{line}", "もう一方: {file}:{line}", file=first.file, line=first.line),
                )  # fmt: skip

    def deal_words(self, system: str, words: Iterable[str], mark: Mark) -> None:
        """Whether this SFA lets a mapping say which fields hold these words of a deal."""
        if self.roles.get(system) is Role.MA:
            what = text(
                "{system} holds no deals: it is no SFA", "{system} は SFA ではないため商談がありません", system=system
            )
            self._say(mark, what)
        known = self.systems[system][0].deal_words if system in self.systems else set(words)
        for word in sorted(set(words) - known):
            names = ", ".join(sorted(known)) or "-"
            what = text(
                "{system} knows {word} by itself", "{system} の {word} は指定できません", system=system, word=word
            )
            self._say(mark, what, text("possible here: {names}", "指定できるもの: {names}", names=names))

    def _say(self, mark: Mark, what: Text, fix: Text | None = None) -> None:
        self.problems.append(mark.problem(what, fix))

    def _system(self, name: str, mark: Mark) -> bool:
        if name in self.systems:
            return True
        _, fix = unknown_key(name, self.systems)
        self._say(mark, text("there is no system {name!r}", "連携先 {name!r} はありません", name=name), fix)
        return False

    def _people(self, mapping: PeopleMapping, rules: Rules) -> None:
        if not self._system(mapping.system, mapping.mark_of("in")):
            return
        for word, rule in mapping.fields.items():
            self._field(mapping, word, rule)
        if mapping.create is not None:
            self._create(mapping, rules)

    def _words(self, mapping: PeopleMapping, rules: Rules) -> None:
        words = known_words([*rules.scores, *self.unread])
        for word, rule in mapping.fields.items():
            if word not in words:
                _, fix = unknown_key(word, words)
                self._say(
                    rule.mark,
                    text("{word!r} is not a word for a person", "{word!r} という項目はありません", word=word),
                    fix,
                )
            if rule.only is not None and rule.only not in mapping.object:
                self._say(
                    rule.mark_of("only"),
                    text("{name} is not among object", "{name} は object にありません", name=rule.only),
                )

    def _field(self, mapping: PeopleMapping, word: str, rule: FieldRule) -> None:
        if word in OF_SALES and (self.roles[mapping.system] is not Role.MA or rule.wins not in ("sfa", "once")):
            self._say(
                rule.mark,
                text("{word} is what an SFA tells an MA", "{word} は SFA から MA へ渡す項目です", word=word),
                text("write it in a mapping of an MA, with wins: sfa", "MA の対応付けに wins: sfa で書いてください"),
            )
        if rule.on_drift in ("park", "ignore") and word in PERSON_FIELDS and word not in SPARED:
            self._say(
                rule.mark_of("on_drift"),
                text(
                    "no run can do without {word}: it tells people apart, or says who must not be mailed",
                    "{word} は名寄せや配信停止に使うため、欠けたまま実行できません",
                    word=word,
                ),
                text("write stop", "stop にしてください"),
            )
        if rule.clean and word not in PERSON_FIELDS:
            self._say(
                rule.mark_of("clean"),
                text(
                    "{word} is not cleaned: nobody typed it", "{word} は入力された値ではないため整形しません", word=word
                ),
            )

    def _create(self, mapping: PeopleMapping, rules: Rules) -> None:
        create = mapping.create
        assert create is not None  # noqa: S101  the caller has looked
        if mapping.key is None:
            self._say(
                create.mark,
                text("records are created, but there is no key", "create がありますが key がありません"),
                text(
                    "name an external id field of your own: without it a crash could create a person twice",
                    "専用の外部 ID 項目を key に指定してください。無いと障害時に二重登録の恐れがあります",
                ),
            )
        if create.object not in mapping.object:
            self._say(
                create.mark_of("object"),
                text("{name} is not among object", "{name} は object にありません", name=create.object),
            )
        if not self._takes(mapping.system, CreatePerson) or self.roles[mapping.system] is not Role.SFA:
            self._say(
                create.mark,
                text("{name} does not create people", "{name} には人物を作成できません", name=mapping.system),
            )
        for when in (create.when, *create.unless):
            self._scores_of(when, rules)

    def _scores_of(self, when: When, rules: Rules) -> None:
        for name, test in when.score.items():
            mark = test.mark
            if name in self.unread:
                continue
            if name not in rules.scores:
                _, fix = unknown_key(name, rules.scores)
                self._say(mark, text("there is no score {name!r}", "スコア {name!r} はありません", name=name), fix)
                continue
            for band in (*test.band, *([test.turned] if test.turned else [])):
                if band not in rules.scores[name].bands:
                    _, fix = unknown_key(band, rules.scores[name].bands)
                    self._say(
                        mark,
                        text(
                            "score {name} has no band {band!r}",
                            "スコア {name} に帯 {band!r} はありません",
                            name=name,
                            band=band,
                        ),
                        fix,
                    )

    def _tellers(self, rules: Rules) -> None:
        """A user's id says nothing in another SFA, or names somebody else there."""
        sales = [name for name, role in self.roles.items() if role is Role.SFA and name in self.systems]
        able = [name for name in sales if self._takes(name, RaiseAlert)]
        anywhere = [rule.mark for rule in rules.alerts if rule.mark_of("in") == rule.mark]
        for name in sorted({*sales} - {*able}) if anywhere else ():
            what = text(
                "{name} takes no alerts as it is configured: nobody is told of its people and deals",
                "{name} は現在の設定では通知を書き込めません。その人物・案件は通知されません",
                name=name,
            )
            self.problems.append(anywhere[0].problem(what, severity="warning"))
        for rule in rules.alerts:
            if rule.else_to is not None and rule.system is None and len(able) > 1:
                self._say(
                    rule.mark_of("else_to"),
                    text("else_to is a user of which SFA?", "else_to はどの SFA のユーザーか分かりません"),
                    _add_in(able),
                )

    def _takes(self, system: str, change: type[Change]) -> bool:
        cls, options = self.systems[system]
        return change in cls.offers(options)

    def _one_writer(self, rules: Rules) -> None:
        """Two rules that write one field of one system would overwrite each other for ever."""
        writers: dict[tuple[str, str], Mark] = {}
        for mapping in rules.people:
            for name in mapping.object if mapping.key is not None else ():
                self._writer(writers, (f"{mapping.system}/{name}", str(mapping.key)), mapping.mark_of("key"))
            for rule in mapping.fields.values():
                for name in [rule.only] if rule.only else mapping.object:
                    self._writer(writers, (f"{mapping.system}/{name}", rule.to), rule.mark_of("to"))
        carried: dict[tuple[str, str], tuple[str, Mark]] = {}
        for nurture in rules.nurture:
            person = next((m.object[0] for m in rules.people if m.system == nurture.system), "*")
            for word, to in nurture.carry.items():
                mark = nurture.mark_of("carry")
                if (first := writers.get((f"{nurture.system}/{person}", to))) is not None:
                    self._two_writers(mark, to, first)
                other, place = carried.setdefault((str(nurture.system), to), (word, mark))
                if other != word:  # several rules may carry the same word to one field
                    self._two_writers(mark, to, place)

    def _writer(self, writers: dict[tuple[str, str], Mark], field: tuple[str, str], mark: Mark) -> None:
        first = writers.setdefault(field, mark)
        if first is not mark:
            self._two_writers(mark, field[1], first)

    def _two_writers(self, mark: Mark, field: str, first: Mark) -> None:
        self._say(
            mark,
            text("{field} is written by two rules", "{field} に2つのルールが書き込みます", field=field),
            text("the other one: {file}:{line}", "もう一方: {file}:{line}", file=first.file, line=first.line),
        )

    def _ids(self, rules: Rules) -> None:
        for group in (rules.alerts, rules.protect, rules.nurture):
            seen: dict[str, Mark] = {}
            for rule in group:
                first = seen.setdefault(rule.id, rule.mark)
                if first is not rule.mark:
                    self._say(
                        rule.mark_of("id"),
                        text("id {id!r} is used twice", "id {id!r} が重複しています", id=rule.id),
                        text(
                            "the other one: {file}:{line}", "もう一方: {file}:{line}", file=first.file, line=first.line
                        ),
                    )

    def _lists(self, rules: Rules) -> None:
        protected = {(rule.system, rule.list): rule for rule in rules.protect}
        for rule in rules.nurture:
            for name in rule.names():
                if (rule.system, name) in protected:
                    self._say(
                        rule.mark_of("list"),
                        text(
                            "list {name!r} is used to protect and to nurture",
                            "リスト {name!r} が除外とナーチャリングの両方で使われています",
                            name=name,
                        ),
                        text("use two lists", "別のリストに分けてください"),
                    )


def _add_in(systems: Sequence[str]) -> Text:
    names = ", ".join(systems) or "-"
    return text("add in: with one of: {names}", "in: に次のいずれかを指定: {names}", names=names)


def needs_of(system: str, role: Role, rules: Rules, identity: IdentityRules, deals: Iterable[DealMapping]) -> Needs:
    """What the mappings ask of a system that stands on this side."""
    objects: dict[str, ObjectNeeds] = {}
    timeline = False
    for mapping in (m for m in rules.people if m.system == system):
        timeline = timeline or mapping.timeline is not None
        for name in mapping.object:
            ids = {i.field for i in identity.ids if i.system == system and i.object in (None, name)}
            objects[name] = _of_people(mapping, name, ids, role, rules)
    carried = frozenset(to for rule in rules.nurture if rule.system == system for to in rule.carry.values())
    if carried:
        # The records on a list of the MA; an adapter of an MA has one kind of person record.
        name = next((m.object[0] for m in rules.people if m.system == system), "*")
        old = objects.get(name, ObjectNeeds())
        objects[name] = replace(old, read=old.read | carried, write=old.write | carried)
    objects |= {deal.object: _of_deals(deal) for deal in deals if deal.system == system}
    lists = {rule.list for rule in rules.protect if rule.system == system}
    lists |= {name for rule in rules.nurture if rule.system == system for name in rule.names()}
    alerts = any(rule.system in (None, system) for rule in rules.alerts)
    return Needs(objects, frozenset(lists), alerts, timeline)


def _of_people(mapping: PeopleMapping, name: str, ids: set[str], role: Role, rules: Rules) -> ObjectNeeds:
    own = {word: rule for word, rule in mapping.fields.items() if rule.only in (None, name)}
    written = {word: rule for word, rule in own.items() if rule.wins != role.value}
    fields = frozenset(rule.to for rule in own.values())
    return ObjectNeeds(
        read=fields | ids,
        write=frozenset(rule.to for rule in written.values()),
        lengths={rule.to: rule.max_length for rule in written.values() if rule.max_length is not None},
        key=mapping.key,
        create=mapping.create is not None and mapping.create.object == name,
        words={word: rule.to for word, rule in own.items() if word in PERSON_FIELDS},
        values={rule.to: rule.values for rule in own.values() if rule.values},
        kinds={rule.to: _kind(word, rule) for word, rule in written.items()},
        choices={rule.to: found for word, rule in written.items() if (found := _choices(word, rule, rules))},
    )


def _of_deals(deal: DealMapping) -> ObjectNeeds:
    return ObjectNeeds(
        read=frozenset(deal.fields.values()),
        deal={str(word): to for word, to in deal.fields.items()},
        states={state: frozenset(values) for state, values in deal.states.items()},
        probabilities=deal.probabilities,
        linked_by={str(word): to for word, to in deal.linked_by.items()},
    )


def _kind(word: str, rule: FieldRule) -> ValueKind:
    """What kind of value a rule writes."""
    if rule.values:
        return "text"
    if word in PERSON_FIELD_KIND or word == "is.customer":
        return "yes"
    if word == "touchpoints.recent":
        return "lines"
    if word == "touchpoints.last_at":
        return "moment"
    return "number" if word == "touchpoints.count" or (word.startswith("score.") and word.count(".") == 1) else "text"


def _choices(word: str, rule: FieldRule, rules: Rules) -> frozenset[str]:
    """What may be written into a field, where that is known beforehand."""
    if word == "deal.state":
        ours = [state.value for state in DealState]
    elif word in PERSON_FIELD_KIND or word == "is.customer":
        ours = ["true"] if rule.wins == "strictest" else ["true", "false"]
    elif word.startswith("score.") and word.endswith(".band"):
        ours = list(rules.scores[name].bands) if (name := word.split(".")[1]) in rules.scores else []
    else:
        return frozenset(rule.values.values())
    return frozenset(rule.values.get(each, each) for each in ours)
