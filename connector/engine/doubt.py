"""Which pairs of records may be one person, as far as a person can tell better than the rules can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from connector.engine.suggest import RULE as SUGGESTED
from connector.model import Ref
from connector.rules.compare import Level, compare
from connector.rules.identify import name_of
from connector.rules.resolve import order
from connector.store import identities, people
from connector.store import tables as t
from connector.store.identities import Decision, Proposal
from connector.store.people import Filed

LATER = timedelta(days=30)
"""How long a pair that was put off is not asked again, unless something else speaks for it by then."""

# How many of such pairs were one person in the made-up data of docs/identity.md: what is likely is asked first.
_LIKELY: Mapping[tuple[str, str], float] = {
    ("E4", "name"): 0.87, ("E5", "name"): 0.87, ("E4", "company"): 0.87, ("E3", "ambiguous"): 0.85,
    ("E3", "nameless"): 0.8, ("E4", "ambiguous"): 0.65, ("E5", "ambiguous"): 0.65, ("E1", "nameless"): 0.6,
    ("E4", "reading"): 0.5, ("E5", "reading"): 0.5, ("E4", "department"): 0.4, ("E1", "ambiguous"): 0.35,
    ("E3", "name"): 0.3, ("E4", "mail"): 0.25, ("E5", "mail"): 0.25, ("E4", "phone"): 0.25, ("E1", "name"): 0.15,
}  # fmt: skip


def may_be(conn: Connection, persons: Collection[str]) -> Mapping[str, Mapping[str, tuple[Ref, ...]]]:
    """Those who may be one of these people, by person, with their records; a pair that was put off is in doubt, too."""
    own = set(identities.with_identities(conn, persons))
    proposed = identities.proposed_for(conn, own)
    if not proposed:
        return {}
    near = filed_as(conn, {no for p in proposed for no in (p.a, p.b)})
    theirs = people.load_filed(conn, t.person.c.identity, sorted({n for f in near.values() if (n := f.identity_no)}))
    said = identities.decisions_about(conn, {one.no for one in theirs})
    filed = near | filed_as(conn, {no for d in said for no in (d.a, d.b)})
    records = living(theirs)
    found: dict[str, dict[str, tuple[Ref, ...]]] = defaultdict(dict)
    for pair in worth_asking(proposed, said, filed):
        for mine, other in ((pair.a, pair.b), (pair.b, pair.a)):
            if mine in own:
                them = str(filed[other].identity)
                found[str(filed[mine].identity)][them] = records.get(them, ())
    return found


def living(filed: Iterable[Filed]) -> dict[str, tuple[Ref, ...]]:
    """The records that are there, by identity."""
    found: dict[str, list[Ref]] = defaultdict(list)
    for one in filed:
        if one.known and not one.gone:
            found[str(one.identity)].append(one.person.ref)
    return {identity: tuple(sorted(refs, key=order)) for identity, refs in found.items()}


def filed_as(conn: Connection, nos: Collection[int]) -> dict[int, Filed]:
    """Records as they are stored, by their row numbers."""
    return {one.no: one for one in people.load_filed(conn, t.person.c.no, sorted(nos))}


def worth_asking(
    proposed: Sequence[Proposal],
    decided: Sequence[Decision],
    filed: Mapping[int, Filed],
    now: datetime | None = None,
) -> list[Proposal]:
    """Not what is decided, hopeless, or put off as of `now`; of several about the same two identities the likeliest."""
    whose = {no: one.identity for no, one in filed.items()}
    settled = {frozenset((whose[d.a], whose[d.b])) for d in decided if d.verdict != "later"}
    put_off = {(d.a, d.b): d for d in decided if d.verdict == "later"}
    best: dict[frozenset[str | None], Proposal] = {}
    for one in sorted(proposed, key=lambda p: (-_likelihood(p), -p.strength, p.a, p.b)):
        a, b = filed[one.a], filed[one.b]
        two = frozenset((a.identity, b.identity))
        off = put_off.get((one.a, one.b))
        waits = off is not None and off.asked == asked_of(one) and now is not None and now - off.at < LATER
        living = a.known and b.known and not a.gone and not b.gone
        if len(two) == 2 and living and two not in settled and not waits and not _hopeless(one, a, b):
            best.setdefault(two, one)
    return list(best.values())


def asked_of(proposal: Proposal) -> str:
    """What is asked about, in short: when something else speaks for a pair, it is asked about again."""
    return f"{proposal.rule}:{proposal.guard}"


def _likelihood(proposal: Proposal) -> float:
    if proposal.rule == SUGGESTED:
        return proposal.strength / 1000 * (0.8 if proposal.guard == "" else 0.3)
    return _LIKELY.get((proposal.rule, proposal.guard), 0.5 if proposal.guard == "off" else 0.1)


def _hopeless(proposal: Proposal, a: Filed, b: Filed) -> bool:
    """Too many already, or another name with nothing but a number in common: a family, a firm's telephone."""
    if proposal.guard in ("size", "decided"):
        return True
    if proposal.rule == SUGGESTED:
        return False  # what is hopeless was not suggested
    return proposal.evidence not in ("email", "key") and compare(name_of(a.person), name_of(b.person)) is Level.CONFLICT
