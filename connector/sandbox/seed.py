"""Fills emulated systems with a small Japanese company's year: about 2,000 people, 30,000 touchpoints, 300 deals.

The same seed, relative to the same `now`, gives the same year. Rows are stamped when they happened. As in life, the
two systems overlap and differ: companies and names in several spellings, the same person twice, mailboxes of the
house, addresses in full width, people who said no to mail on either side, deals without people, users who left.
"""

from __future__ import annotations

import random
from datetime import datetime

from connector.sandbox.company import history, people, sales
from connector.sandbox.company.calendar import Calendar, Go, back_then
from connector.sandbox.company.cast import Cast, Casting, Character
from connector.sandbox.company.firms import Firm, some_firms
from connector.sandbox.company.people import Human
from connector.sandbox.company.setting import Staff, list_ids, set_up
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

__all__ = ["Cast", "Character", "seed"]

FIRMS, PEOPLE, DEALS, SHARED_MAILBOXES = 420, 1950, 290, 14


def seed(org: SalesforceEmulator, smp: ShanonEmulator, now: datetime, seed: int) -> Cast:
    """Fill two fresh systems with what happened until `now`."""
    dice = random.Random(seed)  # noqa: S311  repeatable, not secret
    calendar = Calendar(now, dice)
    with smp.backdated(), back_then(org) as go:
        go(calendar.ago(720))
        staff = set_up(org, smp)
        firms = some_firms(FIRMS, dice)
        humans = people.some_people(PEOPLE, firms, calendar, dice)
        known = _sales(org, firms, humans, staff, go, dice)
        _marketing(smp, firms, humans, calendar, dice)
        campaigns = history.a_year(smp, humans, calendar, dice)
        sales.deals(org, known, DEALS, calendar, dice, go)
        sales.calls_and_meetings(org, humans, staff, calendar, dice, go)
        newsletter = list_ids(smp)["メールマガジン"]
        for human in dice.sample(humans, 900):
            for visitor in human.visitors[:1]:
                smp.add_member(newsletter, visitor)
        casting = Casting(org, smp, staff, calendar, dice, go)
        cast = casting.cast(campaigns.coming, campaigns.past[0][0], newsletter, humans)
        go(calendar.ago(40))
        org.deactivate_user(staff.left)
    return cast


def _sales(
    org: SalesforceEmulator, firms: list[Firm], humans: list[Human], staff: Staff, go: Go, dice: random.Random
) -> list[Firm]:
    """Accounts for half of the firms, contacts and leads; gives the firms that sales knows."""
    for firm in firms:
        if dice.random() < 0.55:
            people.open_account(org, firm, staff, dice)
    for human in humans:
        employer = human.firm
        if employer is not None and employer.account is not None and dice.random() < 0.55:
            people.add_contact(org, human, employer, go, dice)
            if dice.random() < 0.04:
                people.add_lead(org, human, staff, go, dice)
        elif dice.random() < 0.16:
            people.add_lead(org, human, staff, go, dice)
    return [firm for firm in firms if firm.account is not None]


def _marketing(
    smp: ShanonEmulator, firms: list[Firm], humans: list[Human], calendar: Calendar, dice: random.Random
) -> None:
    """Leads in SMP: everybody sales does not know, and most of those it knows."""
    for human in humans:
        if not human.record or dice.random() < 0.85:
            people.register(smp, human, dice)
            if dice.random() < 0.025:
                people.register_again(smp, human, calendar, dice)
    for firm in dice.sample(firms, SHARED_MAILBOXES):
        people.shared_mailbox(smp, firm, calendar, dice)
    people.oddities(smp, calendar)
