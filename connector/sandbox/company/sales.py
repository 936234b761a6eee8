"""A year of sales: deals in every state, who takes part in them, calls with their results, meetings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from connector.sandbox.company.calendar import Calendar, Go
from connector.sandbox.company.firms import Firm
from connector.sandbox.company.people import Human
from connector.sandbox.company.setting import LOST_REASONS, PRODUCTS, RESULTS, Staff
from connector.sandbox.salesforce import SalesforceEmulator

CALLS, MEETINGS = 900, 260
WON, LOST = "Closed Won", "Closed Lost"
_STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Id. Decision Makers",
    "Perception Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
)
_STATES = (None, WON, LOST)
_STATE_WEIGHTS = (0.38, 0.3, 0.32)


def deals(
    org: SalesforceEmulator, firms: Sequence[Firm], count: int, calendar: Calendar, dice: random.Random, go: Go
) -> None:
    """So many deals at firms that sales knows; some without anybody named as taking part."""
    for _ in range(count):
        firm = dice.choice(firms)
        people = dice.sample(firm.contacts, min(len(firm.contacts), dice.choice((0, 1, 1, 1, 2, 3))))
        outcome = dice.choices(_STATES, _STATE_WEIGHTS)[0]
        opened = calendar.moment(500, 20)
        stages = (
            _STAGES[::3] if outcome else _STAGES[dice.randrange(3) : min(dice.randrange(3, 9), dice.randrange(3, 9))]
        )
        deal = open_deal(org, firm, people, dice.choice(PRODUCTS), stages[0], opened, go, dice)
        moves = sorted(calendar.before_now(opened + (calendar.now - opened) * dice.random()) for _ in (*stages, 0))
        for stage, at in zip(stages[1:], moves, strict=False):
            go(at)
            org.update("Opportunity", deal, {"StageName": stage})
        if outcome:
            close_deal(org, deal, outcome, moves[-1], go, dice)


def open_deal(
    org: SalesforceEmulator,
    firm: Firm,
    people: Sequence[str],
    product: str,
    stage: str,
    at: datetime,
    go: Go,
    dice: random.Random,
) -> str:
    """A new deal, with the contacts who take part."""
    go(at)
    deal = org.create(
        "Opportunity",
        {
            "Name": f"{firm.core} {product}",
            "AccountId": firm.account,
            "OwnerId": firm.owner,
            "StageName": stage,
            "CloseDate": (at + timedelta(days=90)).date().isoformat(),
            "Amount": dice.randrange(3, 90) * 100_000,
            "Product__c": product,
        },
        user_id=firm.owner,
    )
    for place, contact in enumerate(people):
        role = "Decision Maker" if place == 0 else "Influencer"
        made = {"OpportunityId": deal, "ContactId": contact, "Role": role, "IsPrimary": place == 0}
        org.create("OpportunityContactRole", made)
    return deal


def close_deal(
    org: SalesforceEmulator, deal: str, outcome: str, at: datetime, go: Go, dice: random.Random, reason: str = ""
) -> None:
    """Won or lost; a reason is not always given."""
    go(at)
    change: dict[str, object] = {"StageName": outcome, "CloseDate": at.date().isoformat()}
    if outcome == LOST:
        chosen = reason or (dice.choices(LOST_REASONS, (4, 4, 3, 2))[0] if dice.random() < 0.85 else "")
        change["Loss_Reason__c"] = chosen or None
    org.update("Opportunity", deal, change)


def calls_and_meetings(
    org: SalesforceEmulator, people: Sequence[Human], staff: Staff, calendar: Calendar, dice: random.Random, go: Go
) -> None:
    """What inside sales and reps wrote down about talking to people."""
    known = [human for human in people if human.record]
    for human in dice.choices(known, k=CALLS):
        result = dice.choices(RESULTS, (12, 45, 15, 15, 13))[0]
        call(org, human.record, result, dice.choice(staff.inside), calendar.moment(), go)
    for human in dice.choices(known, k=MEETINGS):
        start = calendar.moment(365, 1)
        go(start)
        made = {"WhoId": human.record, "Subject": "打ち合わせ", "StartDateTime": start.isoformat()}
        org.create("Event", {**made, "DurationInMinutes": 60, "OwnerId": dice.choice(staff.reps)})


def call(org: SalesforceEmulator, record: str, result: str, owner: str, at: datetime, go: Go) -> str:
    """A call, with what came of it."""
    go(at)
    return org.create(
        "Task",
        {
            "WhoId": record,
            "OwnerId": owner,
            "Subject": "Call",
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "CallDisposition": result,
            "Status": "Completed",
            "ActivityDate": at.date().isoformat(),
        },
    )
