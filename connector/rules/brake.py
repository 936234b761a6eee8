"""The brake: too much would change at once, so nothing is sent and a person looks at the plan first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from connector.errors import Text, text
from connector.rules.fields import FlipFlop
from connector.spec import Share, Spec


class Guards(Spec):
    """When a run stops before it sends anything."""

    max_changed: Share = 0.2
    """Largest share of a system's records that one run may alter (and, after the first run, create or list)."""
    max_merged: Share = 0.02
    """Largest share of all people whom new facts or rules may join to others between two runs, decisions of `review`
    apart."""
    at_least: int = Field(default=50, ge=0)
    """Fewer changes (or joined people) than this never stop a run."""
    empty_source: Literal["stop", "ignore"] = "stop"
    """What happens when a source that had records suddenly has none."""
    flip_flop: FlipFlop = FlipFlop()
    """When a field that is always changed back is left alone."""


@dataclass(frozen=True, slots=True)
class Load:
    """What would be sent to one system: changes that alter something, others, and the number of its records."""

    alters: int
    adds: int
    records: int


def brake(loads: Mapping[str, Load], guards: Guards, new: Collection[str]) -> Sequence[Text]:
    """Why nothing may be sent, one text per system; empty when all is within bounds.

    Filling the blanks of a `new` system, and making records there, is what everyone waits for and does not count;
    altering what is there counts always.
    """
    found = []
    for system, load in sorted(loads.items()):
        counted = load.alters + (0 if system in new else load.adds)
        if counted >= guards.at_least and counted > guards.max_changed * load.records:
            found.append(
                text(
                    "{system}: {n} {n:change|changes} to {records} {records:record|records}, more than {share:.0%}",
                    "{system}: {records}件のうち{n}件が変更対象で、上限 {share:.0%} を超えています",
                    system=system,
                    n=counted,
                    records=load.records,
                    share=guards.max_changed,
                )
            )
    return found


def joined(merged: int, identities: int, guards: Guards) -> Text | None:
    """Why nothing may be sent: so many people became one with others that the rules, or a source, are to be doubted."""
    if merged < max(1, guards.at_least) or merged <= guards.max_merged * identities:
        return None
    return text(
        "{n} of {total} {total:person was|people were} joined to others since the last run, more than {share:.0%}",
        "前回の実行以降、{total}人のうち{n}人が別の人物と統合され、上限 {share:.0%} を超えています",
        n=merged,
        total=identities,
        share=guards.max_merged,
    )
