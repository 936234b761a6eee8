"""Which records are one person: edges of evidence, strongest first, and guards that hold back what would be a guess.

The result does not depend on the order of the records, and the work is local: records are joined through keys, so a
change can only reach records that share a key with what changed, directly or through others. `reidentify` resolves
just those, and gives what `identify` gives for everything. A shared key joins nobody and leads nowhere.

What the rules are, what each of them was measured to be worth, and why a guard is there: docs/identity.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal, NamedTuple

from connector.model import Ref
from connector.rules.cluster import Cluster, numbered, other_addresses, told_apart
from connector.rules.compare import Level, Name, compare, contradict, most_different
from connector.rules.identify import COMPOUND, IdentityRules, Joining, Key, Keys, Kind

Guard = Literal[
    "", "name", "mail", "company", "department", "phone", "reading", "ambiguous", "size", "decided", "nameless", "off"
]  # fmt: skip
"""Why an edge does not join.

`name`: the names contradict; `mail`: two personal addresses at one organisation, so namesakes; `company`: two
companies; `department`: the departments differ; `phone`: the mobile numbers do; `reading`: the same reading in other
kanji, or another reading of the same; `ambiguous`: more than one person could be meant; `size`: too many records for
one person; `decided`: somebody said they are different; `nameless`: only one has a name; `off`: the rules leave it to
a person.
"""

Verdict = Literal["same", "different"]

MOST_HOLDERS = 200
"""A key that more records hold says nothing: it is counted, and joins nobody."""


class Edge(NamedTuple):
    """Why two records are one person, or (with a guard) might be. Holds no values: it may be shown and stored."""

    a: Ref
    b: Ref
    rule: str
    strength: int
    evidence: Kind
    guard: Guard = ""


class Group(NamedTuple):
    """The records judged to be one person, in canonical order.

    `edges` are a spanning tree of them; `withheld` are those to other groups' records that a guard held back; `firm`
    are the records that more than a name and a company, or our own key, ties to another.
    """

    records: tuple[Ref, ...]
    edges: tuple[Edge, ...] = ()
    withheld: tuple[Edge, ...] = ()
    firm: frozenset[Ref] = frozenset()


Decisions = Mapping[tuple[Ref, Ref], Verdict]
"""What somebody decided about pairs of records; each pair in canonical order."""

NONE: Decisions = {}


def order(ref: Ref) -> tuple[str, str, str]:
    """The canonical order of records."""
    return ref.system, ref.object, ref.id


class _Rule(NamedTuple):
    """What an edge of a rule needs: names on this level between all records it brings together, and what else."""

    names: Level
    mail: bool = False
    """Two personal addresses at one organisation hold it back."""
    limited: bool = True
    """Nobody gets more records than allowed by it."""


_RULES: Mapping[str, _Rule] = {
    "E0": _Rule(Level.CONFLICT, limited=False),
    "named": _Rule(Level.CONFLICT),
    "our_key": _Rule(Level.FAMILY),
    "E1": _Rule(Level.FAMILY),
    "E2": _Rule(Level.UNKNOWN, mail=True),
    "E3": _Rule(Level.UNKNOWN),
    "E4": _Rule(Level.FAMILY, mail=True),
    "E5": _Rule(Level.FAMILY, mail=True),
}
_TIES: Mapping[Kind, tuple[str, int]] = {"same": ("E0", 1000), "id": ("named", 120), "key": ("our_key", 110)}
_MAILBOX = 80
_AT_COMPANY: Mapping[str, int] = {"n": 60, "c": 55, "d": 50}
_AT_PHONE = 45
_FEW = 6


def identify(
    records: Iterable[Keys], rules: IdentityRules, decisions: Decisions = NONE, dead: Collection[Key] = ()
) -> tuple[Group, ...]:
    """The groups that `records` fall into, in canonical order. The order of the records does not matter.

    `dead` are keys that more than `MOST_HOLDERS` records hold, where not all of these are given. Time is linear in the
    number of keys, but for the sorting.
    """
    return _Resolution(records, rules, decisions, dead).groups()


@dataclass(frozen=True, slots=True)
class Shared:
    """What several people use."""

    mailboxes: int
    """Addresses that records with different names hold, and no role does."""
    mobiles: int
    crowded: Mapping[Kind, int]
    """Keys that so many records hold that they say nothing."""


def identify_all(records: Iterable[Keys], rules: IdentityRules) -> tuple[tuple[Group, ...], Shared]:
    """As `identify`, and what was found to be shared on the way."""
    resolution = _Resolution(records, rules, NONE, ())
    groups = resolution.groups()
    crowded = +resolution.dull
    mobiles = resolution.switchboards + crowded["mobile"]
    return groups, Shared(len(resolution.crowded), mobiles, crowded)


def shared(held: Collection[Keys], rules: IdentityRules) -> bool:
    """Whether an address that these records hold (all of them) is a mailbox that several people use."""
    return len(held) > rules.max_records or _more_names(held, rules.shared_when_names)


def switchboard(held: Collection[Keys], rules: IdentityRules) -> bool:
    """Whether a mobile number that these records hold (all of them) is a firm's or a family's."""
    return len(held) > rules.max_records or _more_names(held, rules.switchboard_when_names)


def _more_names(held: Iterable[Keys], limit: int) -> bool:
    """Whether more than `limit` names are different. A family name alone is no bridge between those who bear it."""
    names = list(dict.fromkeys(record.name for record in held if record.name))
    if len(names) <= limit:
        return False
    return max(most_different(names), most_different(name for name in names if name.whole)) > limit


def connects(key: Key, held: Collection[Keys], rules: IdentityRules) -> bool:
    """Whether a key says anything about the records that hold it (`held`: all of them, if not too many)."""
    if not 1 < len(held) <= MOST_HOLDERS:
        return False
    if key.kind == "email":
        return not shared(held, rules)
    return not switchboard(held, rules) if key.kind == "mobile" else True


class _Edge(NamedTuple):
    """An edge between two records by their numbers; sorts strongest first, then canonically."""

    weakness: int
    a: int
    b: int
    rule: str
    kind: Kind


class _Resolution:
    """One resolving, with records by their place in the canonical order."""

    def __init__(
        self, records: Iterable[Keys], rules: IdentityRules, decisions: Decisions, dead: Collection[Key]
    ) -> None:
        by_ref = {record.ref: record for record in records}
        self.rules = rules
        self.records = [by_ref[ref] for ref in sorted(by_ref, key=order)]
        self.dead = frozenset(dead)
        place = {record.ref: number for number, record in enumerate(self.records)} if decisions else {}
        known = [(place[a], place[b], v) for (a, b), v in decisions.items() if a in place and b in place]
        self.apart: dict[int, set[int]] = defaultdict(set)
        for a, b, verdict in known:
            if verdict == "different":
                self.apart[a].add(b)
                self.apart[b].add(a)
        self.joined_by_hand = [_Edge(-1000, min(a, b), max(a, b), "E0", "same") for a, b, v in known if v == "same"]
        self.parent = list(range(len(self.records)))
        self.clusters: dict[int, Cluster] = {}
        self.crowded: set[str] = set()
        """Addresses that were learnt to be shared."""
        self.switchboards = 0
        """Mobile numbers that were learnt to be."""
        self.dull: Counter[Kind] = Counter()
        """How many keys too many records hold."""
        self.kept: dict[int, list[Edge]] = defaultdict(list)
        self.agreed: list[_Edge] = []
        """Edges between records of one person, those that others made needless too."""
        self.firm = bytearray(len(self.records))
        self.withheld: list[tuple[_Edge, Guard]] = []

    def groups(self) -> tuple[Group, ...]:
        """Join, then list what came of it."""
        edges = [*self.joined_by_hand, *self._ties(), *self._mailboxes(), *self._named_mailboxes(), *self._mobiles()]
        edges.sort()
        for edge in edges:
            self._join(edge)
        self._namesakes()
        return self._listed()

    # --- keys and their holders ---------------------------------------------------------------------------------------

    def _holders(self, kind: Kind) -> Iterator[tuple[str, list[int]]]:
        """Each key of a kind that several records hold, in canonical order, without those that say nothing."""
        first: dict[str, int] = {}
        more: dict[str, list[int]] = {}
        remember, of = first.setdefault, COMPOUND.get(kind)
        for number, record in enumerate(self.records):
            for value in of(record) if of else record.of(kind) if record.ties else ():
                other = remember(value, number)
                if other != number:
                    more.setdefault(value, [other]).append(number)
        self.dull[kind] = sum(len(held) > MOST_HOLDERS for held in more.values())
        for value in sorted(more):
            if len(more[value]) <= MOST_HOLDERS and (not self.dead or Key(kind, value) not in self.dead):
                yield value, more[value]
        if kind == "email":
            self.crowded |= {value for value, held in more.items() if len(held) > MOST_HOLDERS}
            self.crowded |= {key.value for key in self.dead if key.kind == "email"}

    def _ties(self) -> Iterator[_Edge]:
        for kind, (rule, strength) in _TIES.items():
            for _, held in self._holders(kind):
                yield from (_Edge(-strength, a, b, rule, kind) for a, b in self._pairs(held))

    def _mailboxes(self) -> Iterator[_Edge]:
        for address, held in self._holders("email"):
            if shared([self.records[n] for n in held], self.rules):
                self.crowded.add(address)
            else:
                yield from self._between_names(held, "E1", "email", _by_mail)

    def _named_mailboxes(self) -> Iterator[_Edge]:
        for value, held in self._holders("mailbox_name"):
            address, _, name = value.partition("\t")
            role = self.records[held[0]].role
            if name and not role and address not in self.crowded:
                continue  # a personal address has said more already
            if not name and len(held) > self.rules.max_records:
                continue
            for a, b in self._pairs(held):
                edge = _Edge(-_MAILBOX, a, b, "E2", "mailbox_name")
                if name and not (_is_whole(self.records[a]) or _is_whole(self.records[b])):
                    self._withhold(edge, "ambiguous")  # two may have one family name
                elif not name and self._hosts_differ(a, b):
                    self._withhold(edge, "mail")  # the office of each part of an organisation
                else:
                    yield edge

    def _mobiles(self) -> Iterator[_Edge]:
        for _, held in self._holders("mobile"):
            if switchboard([self.records[n] for n in held], self.rules):
                self.switchboards += 1
            else:
                yield from self._between_names(held, "E3", "mobile", _by_mobile)

    def _between_names(
        self, held: Sequence[int], rule: str, kind: Kind, strength: Callable[[Level], int]
    ) -> Iterator[_Edge]:
        """Edges among the holders of a key as their names allow; what does not join is withheld.

        Where names contradict, whose a record without a comparable name is would be a guess; so would be whose a name
        is that goes as well with another, which does not go with the first.
        """
        names = [name for name in dict.fromkeys(self.records[n].name for n in held) if name]
        split = contradict(names)
        for a, b in combinations(held, 2):
            one, other = self.records[a].name, self.records[b].name
            level = compare(one, other)
            edge = _Edge(-strength(level), a, b, rule, kind)
            if kind == "email" and self._hosts_differ(a, b) and not self._both_whole(a, b, level):
                guard: Guard = "mail" if strength(level) else "name"
            elif level is Level.UNKNOWN:
                guard = "" if strength(level) and not split else "ambiguous" if one and other else "nameless"
            elif not strength(level):
                guard = "name"
            else:
                meant = (
                    rule == "E3"
                    and level is Level.PARTIAL
                    and any(_rival(one, other, name, strength) for name in names)
                )
                guard = "ambiguous" if meant else ""
            if guard:
                self._withhold(edge, guard)
            else:
                yield edge

    def _both_whole(self, a: int, b: int, level: Level) -> bool:
        """Whether more than a family name is alike: at hosts of one organisation there may be two of that name."""
        return level >= Level.PARTIAL and _is_whole(self.records[a]) and _is_whole(self.records[b])

    def _hosts_differ(self, a: int, b: int) -> bool:
        """Such as tanaka@cs. and tanaka@med. of one university: an address for each."""
        return self.records[a].subdomain != self.records[b].subdomain

    def _pairs(self, held: Sequence[int]) -> Iterator[tuple[int, int]]:
        """All pairs, because any of them may be held apart; where there are too many for one person, some."""
        if len(held) <= self.rules.max_records:
            return combinations(held, 2)
        return ((held[0], other) for other in held[1:])

    # --- joining ------------------------------------------------------------------------------------------------------

    def _root(self, number: int) -> int:
        while (above := self.parent[number]) != number:
            self.parent[number] = self.parent[above]
            number = above
        return number

    def _cluster(self, root: int) -> Cluster:
        return self.clusters.get(root) or self._alone(root)

    def _alone(self, number: int) -> Cluster:
        record = self.records[number]
        cluster = Cluster([number], {record.name} if record.name else set(), {}, set(self.apart.get(number, ())))
        if record.domain and record.mailbox and not record.role and record.mailbox not in self.crowded:
            cluster.locals[record.domain] = {record.mailbox.rpartition("@")[0]}
        return cluster

    def _join(self, edge: _Edge) -> None:
        a, b = self._root(edge.a), self._root(edge.b)
        one, other = self._cluster(a), self._cluster(b)
        if a != b and (guard := self._guard(edge.rule, one, other)):
            self._withhold(edge, guard)
            return
        if edge.rule in _FIRM:
            self.firm[edge.a] = self.firm[edge.b] = 1
        self.agreed.append(edge)
        if a == b:
            return
        if len(one.members) < len(other.members):
            a, b, one, other = b, a, other, one
        self.parent[b] = a
        one.take_in(other)
        self.clusters[a] = one
        self.clusters.pop(b, None)
        self.kept[a] += [*self.kept.pop(b, ()), self._told(edge)]

    def _guard(self, rule: str, one: Cluster, other: Cluster) -> Guard:
        needs = _RULES[rule]
        if told_apart(one, other):
            return "decided"
        if needs.names and any(compare(x, y) < needs.names for x in one.names for y in other.names):
            return "name"
        if needs.mail and other_addresses(one.locals, other.locals):
            return "mail"
        if needs.limited and len(one.members) + len(other.members) > self.rules.max_records:
            return "size"
        return "" if rule not in _SWITCHES or _SWITCHES[rule] in self.rules.join_by else "off"

    def _withhold(self, edge: _Edge, guard: Guard) -> None:
        self.withheld.append((edge, guard))

    def _told(self, edge: _Edge, guard: Guard = "") -> Edge:
        return Edge(self.records[edge.a].ref, self.records[edge.b].ref, edge.rule, -edge.weakness, edge.kind, guard)

    # --- the same name at the same company ----------------------------------------------------------------------------

    def _namesakes(self) -> None:
        """E4, E5: the same whole name at a company, or with a number, where nobody else can be meant."""
        by_strength: dict[int, list[list[int]]] = defaultdict(list)
        for value, held in self._holders("name_company"):
            by_strength[_AT_COMPANY[value[0]]].append(held)
        by_strength[_AT_PHONE] = [held for _, held in self._holders("name_phone")]
        for strength in sorted(by_strength, reverse=True):
            for held in by_strength[strength]:
                roots = [self._root(number) for number in held]
                if roots.count(roots[0]) == len(roots):
                    continue
                clusters: dict[int, list[int]] = defaultdict(list)
                for root, number in zip(roots, held, strict=True):
                    clusters[root].append(number)
                self._namesakes_at(list(clusters.values()), strength)

    def _namesakes_at(self, held: Sequence[Sequence[int]], strength: int) -> None:
        """`held`: the holders of name and place, by their clusters.

        One doubt is enough for all of them, but for those whom somebody told apart: they are nobody's rivals.
        """
        told = {(a, b): self._doubt(held[a], held[b], strength) for a, b in self._pairs(range(len(held)))}
        rivals = list(range(len(held)))
        for (a, b), doubt in told.items():
            if doubt != "decided" and rivals[a] != rivals[b]:
                rivals = [rivals[a] if rival == rivals[b] else rival for rival in rivals]
        many = len(held) > self.rules.max_records
        doubtful = {rivals[a] for (a, b), doubt in told.items() if rivals[a] == rivals[b] and (doubt or many)}
        for (a, b), doubt in told.items():
            rule: tuple[str, Kind] = ("E5", "name_phone") if strength == _AT_PHONE else ("E4", "name_company")
            edge = _Edge(-strength, held[a][0], held[b][0], *rule)
            if rivals[a] == rivals[b] and rivals[a] not in doubtful:
                self._join(edge)
            elif a == 0 or len(held) <= _FEW:  # a name that many bear is hopeless: enough to tell that there are others
                self._withhold(edge, doubt or ("size" if many else "ambiguous"))

    def _doubt(self, some: Sequence[int], others: Sequence[int], strength: int) -> Guard:
        """Why records with the same name at the same organisation, of two clusters, may be two people's."""
        one, other = [self.records[n] for n in some], [self.records[n] for n in others]
        ours, theirs = self._cluster(self._root(some[0])), self._cluster(self._root(others[0]))
        if told_apart(ours, theirs):
            return "decided"
        read = [compare(x.name, y.name) for x, y in product(one, other) if _is_read(x) and _is_read(y)]
        if read and max(read) <= Level.READING:
            return "reading"
        if _differ((x.corporate_number for x in one), (y.corporate_number for y in other)):
            return "company"
        unnamed = strength in {_AT_COMPANY["d"], _AT_PHONE}  # what they share does not name the company
        if unnamed and _differ((x.company for x in one), (y.company for y in other), _elsewhere):
            return "company"
        phones = frozenset().union(*(x.phones for x in one))
        if _differ((x.mobile for x in one), (y.mobile for y in other)) and all(
            phones.isdisjoint(y.phones) for y in other
        ):
            return "phone"
        if numbered(ours, theirs) or numbered(theirs, ours):
            return "ambiguous"
        departments = _differ((x.department for x in one), (y.department for y in other))
        if departments and self.rules.departments == "review":
            return "department"
        return self._guard("E5" if strength == _AT_PHONE else "E4", ours, theirs)

    # --- the outcome --------------------------------------------------------------------------------------------------

    def _tell_better(self) -> None:
        """Our own key says only what was decided before: where something else ties the same records, that is told."""
        by_key = {root for root, edges in self.kept.items() if any(edge.rule == "our_key" for edge in edges)}
        agreed: dict[int, list[_Edge]] = defaultdict(list)
        for edge in self.agreed if by_key else ():
            if (root := self._root(edge.a)) in by_key:
                agreed[root].append(edge)
        for root, edges in agreed.items():
            self.kept[root] = [self._told(edge) for edge in _spanning(sorted(edges, key=_our_key_last))]

    def _listed(self) -> tuple[Group, ...]:
        review: dict[int, dict[tuple[int, int], Edge]] = defaultdict(dict)
        for edge, guard in sorted(self.withheld):
            a, b = self._root(edge.a), self._root(edge.b)
            if a != b:
                pair = (min(a, b), max(a, b))
                told = review[a].get(pair) or self._told(edge, guard)
                review[a][pair] = review[b][pair] = told
        self._tell_better()
        groups: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self.records)):
            groups[self._root(number)].append(number)
        return tuple(
            Group(
                tuple(self.records[n].ref for n in members),
                tuple(self.kept.get(root, ())),
                tuple(review[root].values()) if root in review else (),
                frozenset(self.records[n].ref for n in members if self.firm[n]) if len(members) > 1 else frozenset(),
            )
            for root, members in groups.items()
        )


_SWITCHES: Mapping[str, Joining] = {
    "E1": "email", "E2": "shared_mailbox", "E3": "mobile", "E4": "name_and_company", "E5": "name_and_phone",
}  # fmt: skip
_FIRM = frozenset(("E0", "named", "E1"))


def _our_key_last(edge: _Edge) -> tuple[bool, _Edge]:
    return edge.rule == "our_key", edge


def _spanning(edges: Iterable[_Edge]) -> Iterator[_Edge]:
    """Those of the edges that connect what was not connected."""
    part: dict[int, set[int]] = {}
    for edge in edges:
        one, other = (part.setdefault(number, {number}) for number in (edge.a, edge.b))
        if one is not other:
            one |= other
            part.update(dict.fromkeys(other, one))
            yield edge


def _is_whole(record: Keys) -> bool:
    return record.name is not None and record.name.whole


def _is_read(record: Keys) -> bool:
    return record.name is not None and bool(record.name.readings)


def _rival(one: Name | None, other: Name | None, third: Name, strength: Callable[[Level], int]) -> bool:
    """Whether a third name goes as well with one of two as they go together, and not with the other."""
    limit = strength(compare(one, other))
    ours, theirs = (
        strength(level) if level is not Level.UNKNOWN else -1 for level in map(compare, (one, other), (third, third))
    )
    return (ours >= limit and not theirs) or (theirs >= limit and not ours)


def _differ(
    one: Iterable[str | None], other: Iterable[str | None], differ: Callable[[str, str], bool] = str.__ne__
) -> bool:
    """Whether both say something, and nothing that is the same."""
    ours, theirs = set(filter(None, one)), set(filter(None, other))
    return bool(ours and theirs) and all(differ(x, y) for x in ours for y in theirs)


def _elsewhere(one: str, other: str) -> bool:
    """Whether two names are of two companies; an English one beside a Japanese one says nothing."""
    return one != other and one.isascii() == other.isascii()


def _by_mail(level: Level) -> int:
    if level >= Level.VARIANT:
        return 100
    return 0 if level is Level.CONFLICT else 90 if level <= Level.UNKNOWN else 92


def _by_mobile(level: Level) -> int:
    return 85 if level >= Level.READING else 70 if level is Level.PARTIAL else 0


# --- after a change ---------------------------------------------------------------------------------------------------


def reidentify(
    seeds: Iterable[Keys],
    holders: Callable[[Collection[Key]], tuple[Iterable[Keys], Collection[Key]]],
    rules: IdentityRules,
    decisions: Callable[[Collection[Ref]], Decisions] = lambda _: NONE,
) -> tuple[Group, ...]:
    """The groups around some records, as `identify` would give them for all records.

    `seeds` must be all records that are new, changed, or share a key with what such a record is or was. `holders`
    gives every record that holds one of some keys, and which of the keys too many hold; `decisions` what was decided
    about pairs of some records.
    """
    core = {record.ref: record for record in seeds}
    known = dict(core)
    asked: set[Key] = set()
    dead: set[Key] = set()
    fresh = list(core.values())
    while wanted := {key for record in fresh for key in record.keys} - asked:
        asked |= wanted
        found, crowded = holders(wanted)
        dead |= set(crowded)
        held: dict[Key, list[Keys]] = defaultdict(list)
        for record in {record.ref: record for record in found}.values():
            known[record.ref] = record
            for key in record.keys:
                if key in wanted:
                    held[key].append(record)
        fresh = []
        for key, some in held.items():
            if key not in dead and connects(key, some, rules):
                fresh += [record for record in some if record.ref not in core]
                core.update((record.ref, record) for record in some)
    groups = identify(known.values(), rules, decisions(known), dead)
    return tuple(group for group in groups if group.records[0] in core)
