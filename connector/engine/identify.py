"""Who is who, in the store: around what changed, records are re-decided; everybody else keeps what was decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from connector.config import Setup
from connector.engine.app import App
from connector.model import Company, Person, Ref
from connector.rules import companies
from connector.rules.cleanse import corporate_domain
from connector.rules.companies import Spelling, spelling_of
from connector.rules.identify import IdentityRules, Key, Keys, Kind, keys_of
from connector.rules.ids import digest, keep_ids, new_id
from connector.rules.resolve import Decisions, Group, Verdict, order, reidentify
from connector.store import identities, people, runs, spellings
from connector.store import tables as t
from connector.store.lease import Lease
from connector.store.people import Changed, Filed, Filing

VERSION = 5
"""Of what this program makes of the rules; when it differs from the store's, people and companies are decided anew."""
REKEY = 1000
"""Records that get new keys, or spellings that are decided, in one transaction when the rules of identity change."""


def refile(app: App, lease: Lease) -> None:
    """When the rules of identity changed since the last run, decide about everybody and every company anew."""
    rules = f"{VERSION}:{app.setup.identity.model_dump_json()}"
    with app.reading() as conn:
        if runs.remembered(conn, "identity") == rules:
            return
    last = 0
    while True:
        with lease.writing() as conn:
            filed = people.all_filed(conn, last, REKEY)
            if not filed:
                break
            filings = {one.no: filing(one.person, keys_of_filed(one, app.setup.identity)) for one in filed}
            decide_around(conn, app.setup, people.refile(conn, filings), app.clock())
            last = filed[-1].no
    last = 0
    while True:
        with lease.writing() as conn:
            nos = spellings.numbered(conn, last, REKEY)
            if not nos:
                runs.remember(conn, "identity", rules)
                return
            settle_companies(conn, nos)
            last = nos[-1]


def filing(person: Person, keys: Keys) -> Filing:
    """A record as it is stored: with its keys, and how it spells its company."""
    return Filing(person, keys.keys, spelling_of(keys))


def company_filing(company: Company, rules: IdentityRules) -> tuple[Company, str, Spelling | None]:
    """A company record with the company that it is by itself, and its spelling."""
    said = {"company": company.name, "corporate_number": company.corporate_number}
    keys = replace(keys_of(Person(company.ref, said), rules), domain=corporate_domain(company.website or ""))
    spelling = spelling_of(keys) if keys.company or keys.corporate_number else None
    # A name made of nothing but legal forms says nothing: such a record is a company by itself.
    alone = digest("c", f"name:{company.ref}")
    return company, companies.company_id(spelling.core, spelling.number) if spelling else alone, spelling


def decide_around(conn: Connection, setup: Setup, changed: Changed, at: datetime) -> None:
    """Re-decide the companies and the identities that some changed records may concern."""
    settle_companies(conn, changed.spellings, changed.nos)
    identify_around(conn, setup, changed.concerned, at)


def settle_companies(conn: Connection, changed: Collection[int], nos: Collection[int] = ()) -> None:
    """Which company spellings mean, now that some are used more or less; people `nos` follow theirs in any case."""
    found = companies.around(
        dict(_spelt(spellings.uses_of(conn, changed))),
        lambda some: _spelt(spellings.with_cores(conn, {spelling.core for spelling in some} - {""})),
        lambda some: _spelt(spellings.at_domains(conn, {spelling.domain for spelling in some} - {""})),
    )
    news = spellings.set_companies(conn, {(s.core, s.number, s.domain): company for s, company in found.items()})
    spellings.follow(conn, news, nos)


def _spelt(rows: Iterable[tuple[spellings.Triple, int]]) -> list[tuple[Spelling, int]]:
    return [(Spelling(*triple), used) for triple, used in rows]


def identify_around(conn: Connection, setup: Setup, nos: Collection[int], at: datetime) -> None:
    """Re-decide who is who around these records, and remember what is proposed there."""
    near = Near(conn, setup.identity)
    groups = near.groups(nos)
    if not groups:
        return
    filed = {one.person.ref: one for one in near.filed.values()}
    refs = [ref for group in groups for ref in group.records]
    before = {ref: identity for ref in refs if (identity := filed[ref].identity)}
    named = {ref: key for ref in refs if (key := filed[ref].person.key) and not filed[ref].gone}
    gone = {ref for ref in refs if filed[ref].gone}
    ids = keep_ids(groups, before, named, new_id, identities.Taken(conn), gone)
    identities.assign(conn, {filed[ref].no: identity for ref, identity in ids.items()}, at)
    firm = {ref for group in groups for ref in group.firm} | {
        ref for ref in refs if filed[ref].firm and before.get(ref) == ids[ref]
    }
    identities.set_firm(conn, {filed[ref].no: ref in firm for ref in refs if filed[ref].firm is not (ref in firm)})
    withheld = {edge for group in groups for edge in group.withheld}
    proposed = [
        identities.Proposal(filed[e.a].no, filed[e.b].no, e.rule, e.evidence, e.strength, e.guard)
        for e in sorted(withheld, key=lambda e: (e.strength, order(e.a), order(e.b), e.rule, e.guard))
    ]
    identities.put_proposals(conn, {filed[ref].no for ref in refs}, proposed)


class Near:
    """The records around some, as identification sees them; each is loaded once."""

    def __init__(self, conn: Connection, rules: IdentityRules) -> None:
        self._conn = conn
        self._rules = rules
        self._keys: dict[int, Keys] = {}
        self.filed: dict[int, Filed] = {}

    def groups(self, nos: Collection[int]) -> tuple[Group, ...]:
        """The groups that these records belong to, and those that a key ties to them."""
        return reidentify(self.load(nos), self.holders, self._rules, self.decisions)

    def load(self, nos: Collection[int]) -> list[Keys]:
        """The keys of these records.

        One that is gone is tied to its successor and to nothing else. Where a record bears an identity's id as our
        key, the identity's firm records hold that key too: they stay together when somebody gets a new address.
        """
        missing = sorted(set(nos) - self._keys.keys())
        loaded = people.load_filed(self._conn, t.person.c.no, missing)
        borne = identities.borne(self._conn, {one.identity for one in loaded if one.identity})
        joined: dict[int, list[Key]] = defaultdict(list)
        for decision in identities.decisions_about(self._conn, missing):
            if decision.verdict == "same":
                for no in (decision.a, decision.b):
                    joined[no].append(Key("same", f"{decision.a}-{decision.b}"))
        for one in loaded:
            keys = keys_of_filed(one, self._rules)
            ties = [*keys.ties, *joined[one.no], *([Key("was", one.identity)] if one.identity else [])]
            if one.firm and one.identity in borne and not one.gone:
                ties.append(Key("key", str(one.identity)))
            self.filed[one.no] = one
            self._keys[one.no] = replace(keys, ties=tuple(dict.fromkeys(ties)))
        return [self._keys[no] for no in nos if no in self._keys]

    def holders(self, keys: Collection[Key]) -> tuple[list[Keys], set[Key]]:
        """The records that hold one of these keys, and the keys that too many hold."""
        by_kind: dict[Kind, set[str]] = defaultdict(set)
        for key in keys:
            by_kind[key.kind].add(key.value)
        nos = {int(no) for pair in by_kind.pop("same", ()) for no in pair.split("-")}
        named = by_kind.pop("was", set()) | by_kind.get("key", set())
        nos.update(identities.with_identities(self._conn, named))
        found, crowded = people.holders(self._conn, by_kind)
        return self.load(nos | found), {key for key in keys if key in crowded}

    def decisions(self, refs: Collection[Ref]) -> Decisions:
        """What was decided about pairs of loaded records."""
        ref_of = {no: one.person.ref for no, one in self.filed.items()}
        return decided(self._conn, {no: ref for no, ref in ref_of.items() if ref in refs})


def decided(conn: Connection, refs: Mapping[int, Ref]) -> Decisions:
    """What was decided about pairs of these records."""
    found: dict[tuple[Ref, Ref], Verdict] = {}
    for decision in identities.decisions_about(conn, refs.keys()):
        if decision.verdict != "later" and decision.a in refs and decision.b in refs:
            a, b = sorted((refs[decision.a], refs[decision.b]), key=order)
            found[a, b] = decision.verdict
    return found


def keys_of_filed(filed: Filed, rules: IdentityRules) -> Keys:
    """The identity keys of a stored record."""
    if filed.gone:
        ties = [filed.person.ref, *([filed.successor] if filed.successor else [])]
        return Keys(filed.person.ref, tuple(Key("id", str(ref)) for ref in ties))
    return keys_of(filed.person, rules)
