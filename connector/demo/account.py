"""Every difference between two pictures is owed to a move, or to the clock, or to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connector.demo.eyes import Difference, Eyes, Place
from connector.demo.moves import SCORE, Alert, Effect

FADING = "電話で興味あり"
"""The word of the one score rule whose points fade minute by minute (`half_life`)."""


@dataclass(slots=True)
class Account:
    """Which differences belong to which effect, which are the clock's, and which nobody can explain."""

    owed: dict[str, list[Difference]] = field(default_factory=dict)
    faded: list[Difference] = field(default_factory=list)
    unexplained: list[Difference] = field(default_factory=list)


def account_for(found: Sequence[Difference], effects: Sequence[Effect]) -> Account:
    """Assign every difference; none belongs to two."""
    account = Account({effect.move: [] for effect in effects})
    for difference in found:
        effect = next((effect for effect in effects if _is_owed(difference, effect)), None)
        if effect is not None:
            account.owed[effect.move].append(difference)
        elif _is_faded(difference):
            account.faded.append(difference)
        else:
            account.unexplained.append(difference)
    return account


def _is_owed(difference: Difference, effect: Effect) -> bool:
    if difference.how == "changed":
        allowed = effect.changed.get(difference.place, frozenset())
        return bool(difference.fields) and difference.fields <= allowed
    if difference.how == "gone":
        return difference.place in effect.gone
    return difference.place in effect.new or (effect.alert is not None and _alert_of(difference) == effect.alert)


ALERTS = ("Task", "kintone/alerts", "esales/extension_1")
"""Where alerts stand."""


def _alert_of(difference: Difference) -> Alert | None:
    row = difference.after
    match difference.place.kind:
        case "Task" if row.get("MA_Key__c") and not row["IsClosed"]:
            return Alert(row["OwnerId"], row.get("WhoId", ""), row.get("WhatId"))
        case "kintone/alerts":
            who, what = (str(row[name]).rpartition("=")[2] for name in ("人物", "案件"))
            return Alert(row["担当者"][0], who, what, "kintone")
        case "esales/extension_1":
            owner, who, what = (str(row[name]) for name in ("担当者コード", "紐付(名刺)", "紐付(案件)"))
            return Alert(owner, who, what, "esales")
    return None


def _is_faded(difference: Difference) -> bool:
    """Whether points of an earlier call faded, as they do with time."""
    before, after = difference.before, difference.after
    return (
        difference.place.kind in ("Lead", "Contact")
        and difference.how == "changed"
        and bool(difference.fields)
        and difference.fields <= SCORE
        and FADING in (before.get("MA_Score_Why__c") or "")
        and after.get("MA_Score__c", 0.0) < before.get("MA_Score__c", 0.0)
    )


def holds(effect: Effect, owed: Sequence[Difference], eyes: Eyes) -> bool:
    """Whether all that should follow has followed, each thing once."""
    places = [difference.place for difference in owed if difference.place.kind not in ALERTS]
    alerts = [difference for difference in owed if difference.place.kind in ALERTS]
    wanted: set[Place] = {*effect.changed, *effect.new, *effect.gone}
    return set(places) == wanted and len(alerts) == (effect.alert is not None) and effect.seen(eyes)
