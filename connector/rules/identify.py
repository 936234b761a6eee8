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
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from connector.errors import text
from connector.model import Person, Ref, Value
from connector.rules.cleanse import corporate_domain, corporate_number, email_key, fold, is_role_mailbox
from connector.rules.cleanse_names import JAPANESE, company_key, name_key
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
    name: str | None = None
    """`name_key`; of the kana where there is no other name."""
    family: str | None = None
    """The part of `name` that is the family name, where the record tells."""
    company: str | None = None
    """`company_key`."""
    corporate_number: str | None = None
    domain: str | None = None
    """The organisation's domain, by the mail address."""


def keys_of(person: Person, rules: IdentityRules) -> Keys:
    """The keys of a record. Role mailboxes, blanks and placeholders give none."""
    fields = {name: _text(value) for name, value in person.fields.items()}
    email = email_key(fields.get("email", ""), rules.plus_tags)
    name, family = _names(fields)
    return Keys(
        person.ref,
        tuple(dict.fromkeys(_keys(person, email, rules))),
        name,
        family,
        company_key(fields.get("company", "")),
        corporate_number(fields.get("corporate_number", "")),
        corporate_domain(email, _lower(rules.free_mail)) if email else None,
    )


def _keys(person: Person, email: str | None, rules: IdentityRules) -> Iterator[Key]:
    yield Key("id", str(person.ref))
    for foreign in rules.ids:
        named = _text(person.native.get(foreign.field))
        if foreign.system == person.ref.system and _says_something(named):
            yield Key("id", f"{foreign.means}/{named}")
    own = _text(person.key)
    if _says_something(own):
        yield Key("key", own)
    if email and not _is_shared(email, rules):
        yield Key("email", email)


def _text(value: Value) -> str:
    return "" if value is None or isinstance(value, bool) else fold(str(value))


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


def _names(fields: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Name and family name as keys."""
    family, given, full = (fields.get(name, "") for name in ("family_name", "given_name", "name"))
    if not (family or given or full):
        family, given = fields.get("family_kana", ""), fields.get("given_kana", "")
    name = name_key(family, given, full)
    first = family if family and given else full.partition(" ")[0]
    known = name_key(first)
    return name, known if name and known and JAPANESE.search(first) and name.startswith(known) else None


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
    return len(held) > 1 and (key.kind == "id" or not _is_crowded(held, rules.shared_when_names))


def _is_crowded(held: Iterable[Keys], limit: int) -> bool:
    """Whether the holders have more than `limit` names that differ.

    Kanji, kana and Latin names are counted apart, because they cannot be compared; so is not counted what is the
    beginning of another name (山田 beside 山田太郎).
    """
    for names in _by_script(held).values():
        ordered = sorted({name.key for name in names})
        if sum(not longer.startswith(name) for name, longer in pairwise([*ordered, ""])) > limit:
            return True
    return False


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
    if a.name is None or b.name is None or _script(a.name) != _script(b.name):
        return _NAME_UNKNOWN
    return _SAME_NAME if a.name == b.name else _SIMILAR_NAME


class _Name(NamedTuple):
    key: str
    family: str | None


def _agreeing(held: Sequence[Keys]) -> list[Sequence[Keys]]:
    """The holders of a key in sets whose names agree: one set, unless names contradict.

    Then a record whose name cannot be compared stands alone: whose it is would be a guess.
    """
    sets = [names for script in _by_script(held).values() for names in _agreeing_names(script)]
    if len(sets) == len(_by_script(held)) or not sets:
        return [held]
    parts: dict[object, list[Keys]] = defaultdict(list)
    place = {name: index for index, names in enumerate(sets) for name in names}
    for record in held:
        parts[place[_name(record)] if record.name else record.ref].append(record)
    return list(parts.values())


def _by_script(held: Iterable[Keys]) -> dict[str, set[_Name]]:
    names: dict[str, set[_Name]] = defaultdict(set)
    for record in held:
        if record.name:
            names[_script(record.name)].add(_name(record))
    return names


def _name(record: Keys) -> _Name:
    return _Name(record.name or "", record.family)


def _script(name: str) -> Literal["latin", "kana", "kanji"]:
    if not JAPANESE.search(name):
        return "latin"
    return "kana" if re.fullmatch("[\u3040-\u30ff]+", name) else "kanji"


def _agreeing_names(names: Iterable[_Name]) -> list[set[_Name]]:
    sets: list[set[_Name]] = []
    for name in names:
        near = [some for some in sets if any(_agree(name, other) for other in some)]
        sets = [some for some in sets if some not in near] + [{name}.union(*near)]
    return sets


def _agree(a: _Name, b: _Name) -> bool:
    """Whether two names of one script may be one person's: the same family or the same given name."""
    if " " in a.key or " " in b.key or not JAPANESE.search(a.key):
        return any(len(word) > 1 for word in set(a.key.split()) & set(b.key.split()))
    (family_a, given_a), (family_b, given_b) = _split(a), _split(b)
    return (
        a.key.startswith(family_b)
        or b.key.startswith(family_a)
        or (given_b != "" and a.key.endswith(given_b))
        or (given_a != "" and b.key.endswith(given_a))
    )


def _split(name: _Name) -> tuple[str, str]:
    """Family and given name; where the record does not tell, two characters are the most frequent family name."""
    family = name.family or name.key[:2]
    return family, name.key.removeprefix(family)


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
    now = _ask(_holders([*old.values(), *new.values()]), holders, known)
    was = _holders([*(r for r in known.values() if r.ref not in old and r.ref not in new), *old.values()])
    for key, held in now.items():
        if connects(key, held, rules) or connects(key, was[key], rules):
            core.update((record.ref, record) for record in held)
    asked = set(now)
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
    return {key: held[key] for key in keys}


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
    used = {*before.values(), *ids.values()}
    namings = Counter(name for group in ordered for name in {named[ref] for ref in group.records if ref in named})
    for place, group in enumerate(ordered):
        if place in ids:
            continue
        proposed = [named[ref] for ref in group.records if ref in named and namings[named[ref]] == 1]
        free = (name for name in [*proposed, *_chain(new(group))] if name not in used and name not in taken)
        raise NotImplementedError(free)
    return {ref: ids[place] for place, group in enumerate(ordered) for ref in group.records}


# --- companies --------------------------------------------------------------------------------------------------------
