"""A system that is gone for good: what it told counts as deleted by it, and what waits for it is never sent.

Each step is repeatable, and what says that the system is known goes last: whatever stops it, it can be done again.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, func, or_, select, true, update

from connector.errors import text
from connector.model import Ref
from connector.store import runs
from connector.store import tables as t
from connector.store.marks import mark_people
from connector.store.measures import WAITING

_LIVING: dict[str, tuple[Table, ColumnElement[bool]]] = {
    "people": (t.person, t.person.c.gone_at.is_(None)),
    "companies": (t.company, t.company.c.gone_at.is_(None)),
    "deals": (t.deal, t.deal.c.gone_at.is_(None)),
    "touchpoints": (t.touchpoint, t.touchpoint.c.gone.is_(False)),
    "entries": (t.member, t.member.c.on_list.is_(True)),
}
_WAITING = t.outbox.c.state.in_(WAITING)
_IN_DOUBT = or_(t.outbox.c.state == "inflight", t.outbox.c.uncertain_until.is_not(None), t.outbox.c.doubtful.is_(True))
_LOOK = text(
    "was sent without an answer before its system was retired: it may have taken effect",
    "連携先を外す前に送信し、応答を得られませんでした。反映済みの可能性があります",
)
_DISMISS = text("look in that system; then dismiss it", "連携先で確認し、その後 --dismiss で対応済みにしてください")


def known(conn: Connection) -> set[str]:
    """The systems that were ever read, or that changes wait for."""
    name = t.meta.c.name
    noted = conn.scalars(select(name).where(name.startswith("read:", autoescape=True)))
    of = (select(t.cursor.c.system).distinct(), select(t.outbox.c.system).where(_WAITING).distinct())
    return {each.removeprefix("read:") for each in noted}.union(*(conn.scalars(query) for query in of))


def living(conn: Connection, system: str) -> dict[str, int]:
    """How much of what a system told counts: people, companies, deals, touchpoints and entries on lists."""
    return {
        what: conn.scalar(select(func.count()).select_from(table).where(table.c.system == system, counts)) or 0
        for what, (table, counts) in _LIVING.items()
    }


def waiting(conn: Connection, system: str) -> tuple[int, int]:
    """How many changes were never sent to a system, and how many were sent without anybody knowing the outcome."""
    here = select(func.count()).select_from(t.outbox).where(t.outbox.c.system == system, _WAITING)
    doubtful = conn.scalar(here.where(_IN_DOUBT)) or 0
    return (conn.scalar(here) or 0) - doubtful, doubtful


def some(conn: Connection, what: str, system: str, size: int) -> list[Ref]:
    """At most `size` living records of a system: `people`, `companies` or `deals`."""
    table, counts = _LIVING[what]
    rows = conn.execute(select(table.c.object, table.c.id).where(table.c.system == system, counts).limit(size))
    return [Ref(system, row.object, row.id) for row in rows]


def take_touchpoints(conn: Connection, system: str, size: int) -> bool:
    """At most `size` touchpoints of a system count no longer; whether there were any."""
    c = t.touchpoint.c
    rows = conn.execute(select(c.no, c.person).where(c.system == system, c.gone.is_(False)).limit(size)).all()
    conn.execute(update(t.touchpoint).where(c.no.in_([row.no for row in rows])).values(gone=True))
    mark_people(conn, {row.person for row in rows})
    return bool(rows)


def withdraw(conn: Connection, system: str) -> None:
    """What was never sent is dropped; what may have taken effect is left to a person, and to nobody's repetition."""
    o = t.outbox.c
    here = (o.system == system, _WAITING)
    look = {"error": str(_LOOK), "error_ja": _LOOK.in_("ja"), "fix": str(_DISMISS), "fix_ja": _DISMISS.in_("ja")}
    conn.execute(
        update(t.outbox)
        .where(*here, _IN_DOUBT)
        .values(state="parked", doubtful=true(), code="retired", job=None, token=None, uncertain_until=None, **look)
    )
    conn.execute(update(t.outbox).where(*here, o.doubtful.is_(False)).values(state="dropped", code="retired"))
    conn.execute(delete(t.job).where(t.job.c.system == system))


def drop_notes(conn: Connection, system: str) -> None:
    """Parts in deals, list entries, owners, unreadable records and notes of a system: it is known no more."""
    conn.execute(update(t.deal_person).where(t.deal_person.c.system == system).values(gone=True, hash=""))
    conn.execute(update(t.member).where(t.member.c.system == system).values(on_list=False))
    for table in (t.owner, t.reject):
        conn.execute(delete(table).where(table.c.system == system))
    name = t.meta.c.name
    conn.execute(delete(t.meta).where(name.in_([f"{what}:{system}" for what in _NOTES])))
    conn.execute(delete(t.meta).where(name.startswith(f"missing:{system}/", autoescape=True)))
    runs.forget_cursors(conn, system)


_NOTES: Sequence[str] = ("read", "probe", "quota", "evidence", "filling", "mapped", "drift")
