"""Who is who (名寄せ): which records are one person, and under which id.

This version joins on exact keys only. Ambiguous is never guessed: records that a key joins but whose names contradict
stay apart, and the edge is kept as withheld, for a person to look at.

The work is local. Records are joined through keys, so a change can only reach records that share a key with what
changed, directly or through others; `reidentify` resolves just those, and the result is what `identify` gives for
everything. A shared mailbox joins nobody and leads nowhere.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from connector.errors import text
from connector.model import Person, Ref, Value
from connector.rules.cleanse import corporate_domain, corporate_number, email_key, fold, is_role_mailbox
from connector.rules.cleanse_names import company_key
from connector.rules.compare import Name, agreeing, different
from connector.spec import Many, Spec, SpecError

# --- the block of mappings/identity.yaml ------------------------------------------------------------------------------


def _stream(value: str) -> str:
    if not re.fullmatch(r"[^/]+/[^/]+", value):
        raise SpecError(
            text("{value!r} does not name a kind of record", "{value!r} はレコードの種類を表していません", value=value),
            text("write system/object, such as salesforce/Contact", "salesforce/Contact のように書いてください"),
        )
    return value


def _mailbox(value: str) -> str:
    if "@" in value and email_key(value) is None:
        raise SpecError(
            text("{value!r} is not a mail address", "{value!r} はメールアドレスではありません", value=value),
            text("write info@example.co.jp, or info for every domain", "info@example.co.jp か、info と書いてください"),
        )
    return value


class ForeignId(Spec):
    """A native field that holds the id of the same person's record in another system."""

    system: str = Field(alias="in")
    """The system whose records have the field."""
    object: str | None = None
    """The kind of record that has it; every mapped one when absent."""
    field: str
    """Its native name."""
    means: Annotated[str, AfterValidator(_stream)]
    """What its value is an id of: `system/object`."""


class IdentityRules(Spec):
    """`mappings/identity.yaml`: how records are judged to be one person."""

    plus_tags: Literal["strip", "keep"] = "strip"
    """Whether `taro+news@` is the mailbox of `taro@` (strip) or one of its own (keep)."""
    shared_mailboxes: Many[Annotated[str, AfterValidator(_mailbox)]] = ()
    """More mailboxes that several people use: local parts (`eigyo3`) or addresses (`hello@example.co.jp`)."""
    shared_when_names: int = Field(default=2, ge=1)
    """An address with more different names than this is a shared mailbox."""
    max_records: int = Field(default=25, ge=2)
    """Most records one person may have; what would join more is withheld."""
    free_mail: Many[str] = ()
    """More mail domains that say nothing about the employer."""
    ids: Many[ForeignId] = ()
    """Native fields that hold another system's record id."""


# --- keys of a record -------------------------------------------------------------------------------------------------

Kind = Literal["id", "key", "email"]
"""`id`: a record's own `system/object/id`, or one that it names; `key`: our external id; `email`: the address."""


class Key(NamedTuple):
    """What records may have in common."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class Keys:
    """All that identification needs to know of a person record; a function of the record and the rules alone."""

    ref: Ref
    keys: tuple[Key, ...]
    name: Name | None = None
    """Of the kana where there is no other name."""
    company: str | None = None
    """`company_key`."""
    corporate_number: str | None = None
    domain: str | None = None
    """The organisation's domain, by the mail address."""


def keys_of(person: Person, rules: IdentityRules) -> Keys:
    """The keys of a record. Role mailboxes, blanks and placeholders give none."""
    fields = {name: _text(person.fields.get(name)) for name in _READ}
    email = email_key(fields["email"], rules.plus_tags)
    return Keys(
        person.ref,
        tuple(dict.fromkeys(_keys(person, email, rules))),
        _name_of(fields),
        company_key(fields["company"]),
        corporate_number(fields["corporate_number"]),
        corporate_domain(email.rpartition("@")[2], _lower(rules.free_mail)) if email else None,
    )


_READ = (
    "email", "name", "family_name", "given_name", "family_kana", "given_kana", "company", "corporate_number",
)  # fmt: skip


def _keys(person: Person, email: str | None, rules: IdentityRules) -> Iterator[Key]:
    yield Key("id", str(person.ref))
    for foreign in rules.ids:
        named = fold(_text(person.native.get(foreign.field)))
        meant = foreign.system == person.ref.system and foreign.object in (None, person.ref.object)
        if meant and _says_something(named):
            yield Key("id", f"{foreign.means}/{named}")
    own = fold(person.key or "")
    if _says_something(own):
        yield Key("key", own)
    if email and not _is_shared(email, rules):
        yield Key("email", email)


def _text(value: Value) -> str:
    return "" if value is None or isinstance(value, bool) else str(value)


def _says_something(value: str) -> bool:
    """Not blank, and not the zeros and dashes that stand for it."""
    return bool(value.strip("0-"))


# Reserved by RFC 2606; people type them where they must type something.
_NOWHERE = frozenset(("example.com", "example.net", "example.org"))


def _is_shared(email: str, rules: IdentityRules) -> bool:
    local, _, domain = email.rpartition("@")
    more = _mailboxes(rules.shared_mailboxes, rules.plus_tags)
    return is_role_mailbox(local) or domain in _NOWHERE or local in more or email in more


@lru_cache(maxsize=16)
def _mailboxes(entries: tuple[str, ...], plus_tags: Literal["strip", "keep"]) -> frozenset[str]:
    return frozenset(email_key(entry, plus_tags) or fold(entry).lower() for entry in entries)


@lru_cache(maxsize=16)
def _lower(entries: tuple[str, ...]) -> frozenset[str]:
    return frozenset(fold(entry).lower() for entry in entries)


def _name_of(fields: Mapping[str, str]) -> Name | None:
    name = Name.of(fields["family_name"], fields["given_name"], fields["name"])
    return name or Name.of(fields["family_kana"], fields["given_kana"])


# --- groups -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edge:
    """Why two records are one person (or, withheld, why they might be). Holds no values: it may be shown and stored."""

    a: Ref
    b: Ref
    rule: str
    strength: int
    evidence: Kind


@dataclass(frozen=True, slots=True)
class Group:
    """The records judged to be one person, in canonical order.

    `edges` are a spanning tree of them; `withheld` are those of other groups' records that a key would have joined.
    """

    records: tuple[Ref, ...]
    edges: tuple[Edge, ...] = ()
    withheld: tuple[Edge, ...] = ()


_RULE: Mapping[Kind, str] = {"id": "named", "key": "our_key", "email": "E1"}
_NAMED, _OUR_KEY, _SAME_NAME, _SIMILAR_NAME, _NAME_UNKNOWN, _CONTRADICTING = 120, 110, 100, 92, 90, 0


def identify(records: Iterable[Keys], rules: IdentityRules) -> tuple[Group, ...]:
    """The groups that `records` fall into. The order of the records does not matter.

    Edges join strongest first; between equals the canonical order of the records decides. An edge that would make a
    group larger than `max_records` is withheld. Time is linear in the number of keys, but for the sorting.
    """
    by_ref = {record.ref: record for record in records}
    refs = sorted(by_ref, key=_order)
    joining: list[Edge] = []
    withheld: list[Edge] = []
    for key, held in _holders(by_ref[ref] for ref in refs).items():
        if len(held) > 1:
            for edge in _edges(key, held, rules):
                (joining if edge.strength else withheld).append(edge)
    joining.sort(key=lambda edge: (-edge.strength, _order(edge.a), _order(edge.b), edge.rule))
    return _grouped(refs, joining, withheld, rules.max_records)


def _order(ref: Ref) -> tuple[str, str, str]:
    return ref.system, ref.object, ref.id


def _holders(records: Iterable[Keys]) -> dict[Key, list[Keys]]:
    holders: dict[Key, list[Keys]] = defaultdict(list)
    for record in records:
        for key in record.keys:
            holders[key].append(record)
    return holders


def _grouped(refs: Sequence[Ref], joining: Iterable[Edge], withheld: Iterable[Edge], limit: int) -> tuple[Group, ...]:
    forest = _Forest(refs)
    edges: dict[Ref, list[Edge]] = defaultdict(list)
    apart = list(withheld)
    for edge in joining:
        a, b = forest.root(edge.a), forest.root(edge.b)
        if a == b:
            continue
        if forest.size[a] + forest.size[b] > limit:
            apart.append(edge)
            continue
        kept, absorbed = forest.join(a, b)
        edges[kept] += [*edges.pop(absorbed, ()), edge]
    records: dict[Ref, list[Ref]] = defaultdict(list)
    for ref in refs:
        records[forest.root(ref)].append(ref)
    review: dict[Ref, dict[Edge, None]] = defaultdict(dict)
    for edge in apart:
        a, b = forest.root(edge.a), forest.root(edge.b)
        if a != b:
            review[a][edge] = review[b][edge] = None
    return tuple(
        Group(tuple(members), tuple(edges.get(root, ())), tuple(review.get(root, ())))
        for root, members in records.items()
    )


class _Forest:
    """Disjoint sets of records."""

    def __init__(self, refs: Iterable[Ref]) -> None:
        self.parent = {ref: ref for ref in refs}
        self.size = dict.fromkeys(self.parent, 1)

    def root(self, ref: Ref) -> Ref:
        while (above := self.parent[ref]) != ref:
            self.parent[ref] = self.parent[above]
            ref = above
        return ref

    def join(self, a: Ref, b: Ref) -> tuple[Ref, Ref]:
        """Join two roots; the root that is left and the one that is gone."""
        if self.size[a] < self.size[b]:
            a, b = b, a
        self.parent[b] = a
        self.size[a] += self.size[b]
        return a, b


# --- what one key joins -----------------------------------------------------------------------------------------------


def connects(key: Key, held: Sequence[Keys], rules: IdentityRules) -> bool:
    """Whether a key says anything about the records that hold it (`held`: all of them): not when it is shared."""
    return len(held) > 1 and (key.kind == "id" or different(_names_of(held)) <= rules.shared_when_names)


def _edges(key: Key, held: Sequence[Keys], rules: IdentityRules) -> Iterator[Edge]:
    """A star per set of records that the key joins, and withheld edges between the sets."""
    if not connects(key, held, rules):
        return
    parts = [held] if key.kind == "id" else _agreeing(held)
    for hub, *others in parts:
        for other in others:
            yield Edge(hub.ref, other.ref, _RULE[key.kind], _strength(key, hub, other), key.kind)
    for part in parts[1:]:
        yield Edge(parts[0][0].ref, part[0].ref, _RULE[key.kind], _CONTRADICTING, key.kind)


def _strength(key: Key, a: Keys, b: Keys) -> int:
    if key.kind != "email":
        return _NAMED if key.kind == "id" else _OUR_KEY
    if a.name is None or b.name is None or a.name.script != b.name.script:
        return _NAME_UNKNOWN
    return _SAME_NAME if a.name.key == b.name.key else _SIMILAR_NAME


def _agreeing(held: Sequence[Keys]) -> list[Sequence[Keys]]:
    """The holders of a key in sets whose names agree: one set, unless names contradict.

    Then a record whose name cannot be compared stands alone: whose it is would be a guess.
    """
    sets = agreeing(_names_of(held))
    if sets is None:
        return [held]
    place = {name: index for index, names in enumerate(sets) for name in names}
    parts: dict[object, list[Keys]] = defaultdict(list)
    for record in held:
        parts[place[record.name] if record.name else record.ref].append(record)
    return list(parts.values())


def _names_of(held: Iterable[Keys]) -> set[Name]:
    return {record.name for record in held if record.name}


# --- after a change ---------------------------------------------------------------------------------------------------


def reidentify(
    before: Iterable[Keys],
    after: Iterable[Keys],
    holders: Callable[[Collection[Key]], Iterable[Keys]],
    rules: IdentityRules,
) -> tuple[Group, ...]:
    """The groups that may differ after a change, as `identify` would give them for all records.

    `before` are the keys that changed and deleted records had, `after` those that changed and new records have;
    `holders` gives every record that now holds one of some keys. All records of every group that lost or gained a
    record are in the result, unless they are deleted.
    """
    old, new = {record.ref: record for record in before}, {record.ref: record for record in after}
    core = dict(new)
    known: dict[Ref, Keys] = {}
    asked = {key for record in (*old.values(), *new.values()) for key in record.keys}
    now = _ask(asked, holders, known)
    was = _holders([*(r for ref, r in known.items() if ref not in old and ref not in new), *old.values()])
    for key, held in now.items():
        # A key may have become a shared one by the change, or have been one until now.
        if connects(key, held, rules) or connects(key, was.get(key, ()), rules):
            core.update((record.ref, record) for record in held)
    while wanted := {key for record in core.values() for key in record.keys} - asked:
        asked |= wanted
        for key, held in _ask(wanted, holders, known).items():
            if connects(key, held, rules):
                core.update((record.ref, record) for record in held)
    return tuple(group for group in identify([*known.values(), *core.values()], rules) if group.records[0] in core)


def _ask(
    keys: Collection[Key], holders: Callable[[Collection[Key]], Iterable[Keys]], known: dict[Ref, Keys]
) -> dict[Key, list[Keys]]:
    """All holders by key; they are remembered in `known`."""
    found = list(holders(keys))
    known.update((record.ref, record) for record in found)
    held = _holders(found)
    return {key: held.get(key, []) for key in keys}


# --- ids that stay ----------------------------------------------------------------------------------------------------


def new_id(group: Group) -> str:
    """An id for a new identity, out of its canonical first record: a lost store finds the same ids again."""
    return _digest("p", str(group.records[0]))


def _digest(letter: str, content: str) -> str:
    # surrogatepass: ids come from other systems, and a digest must never be what fails.
    hashed = sha256(content.encode("utf-8", "surrogatepass")).digest()
    return letter + b32encode(hashed[:10]).decode().lower()


def keep_ids(
    groups: Sequence[Group],
    before: Mapping[Ref, str],
    named: Mapping[Ref, str],
    new: Callable[[Group], str] = new_id,
    taken: Container[str] = frozenset(),
) -> Mapping[Ref, str]:
    """The identity of every record of `groups`, changed as little as possible.

    `before`: the identities that records had; `named`: the ids found in the field of ours in an SFA; `taken`: ids
    that others have or had, so that none is given out twice.

    A group keeps the id that most of its records had, the canonical first record deciding between equals; an id goes
    to one group only. A group without one takes the id that its first record names, if no other group names it and
    it is free; else a new one.
    """
    ordered = sorted(groups, key=lambda group: _order(group.records[0]))
    ids = _kept(ordered, before)
    used = {*before.values()}
    namings = Counter(name for group in ordered for name in _named_by(group, named))

    def give(proposed: Callable[[Group], Iterable[str]]) -> None:
        for place, group in enumerate(ordered):
            if place in ids:
                continue
            free = (name for name in proposed(group) if name not in used and name not in taken)
            if name := next(free, None):
                ids[place] = name
                used.add(name)

    # All named ids before any new one: a new one might be what another group names.
    give(lambda group: (name for name in _named_by(group, named) if namings[name] == 1))
    give(lambda group: _rehashed(new(group)))
    return {ref: ids[place] for place, group in enumerate(ordered) for ref in group.records}


def _kept(groups: Sequence[Group], before: Mapping[Ref, str]) -> dict[int, str]:
    """Which group (by its place) keeps which id."""
    shares: dict[tuple[int, str], list[Ref]] = defaultdict(list)
    for place, group in enumerate(groups):
        for ref in group.records:
            if ref in before:
                shares[place, before[ref]].append(ref)
    ids: dict[int, str] = {}
    assigned: set[str] = set()
    for place, name in sorted(shares, key=lambda share: (-len(shares[share]), _order(shares[share][0]))):
        if place not in ids and name not in assigned:
            ids[place] = name
            assigned.add(name)
    return ids


def _named_by(group: Group, named: Mapping[Ref, str]) -> Iterable[str]:
    return dict.fromkeys(named[ref] for ref in group.records if ref in named)


def _rehashed(name: str) -> Iterator[str]:
    """`name`, and others for when it is taken: a group that split off may begin with the record that gave the id."""
    while True:
        yield name
        name = _digest("p", name)


# --- companies --------------------------------------------------------------------------------------------------------


def company_id_of(company: str | None, number: str | None) -> str | None:
    """A stable id for a company: by the core of its name (`company_key`), else by its 法人番号.

    The name comes first because every system has it: a number that only one side knows would part a company from its
    people on the other side. So companies of the same name are one.
    """
    if company:
        return _digest("c", f"name:{company}")
    return _digest("c", f"number:{number}") if number else None


def assign_company(keys: Keys, known: Mapping[str, Collection[str]]) -> str | None:
    """Our id of the company a person record speaks of; `known`: the ids of the companies seen with a domain.

    The domain is asked where there is neither name nor number, and answers only where it belongs to one company:
    parents and subsidiaries share domains.
    """
    told = company_id_of(keys.company, keys.corporate_number)
    there = known.get(keys.domain or "", ())
    return next(iter(there)) if told is None and len(there) == 1 else told
