"""Why a change is parked: in both languages, what to do apart from it, the vendor's words, and whether it may be done.

What was parked before keeps its English sentence, which holds both.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the columns; creations and comments that may have been done are marked."""
    for name, comment in (
        ("error_ja", "empty where only English was kept"),
        ("fix", "what to do"),
        ("fix_ja", None),
        ("said", "the vendor's own words; may quote the record"),
    ):
        op.add_column("outbox", sa.Column(name, sa.Text(), server_default="", nullable=False, comment=comment))
    may_be = "may have been done: never by itself"
    op.add_column(
        "outbox", sa.Column("doubtful", sa.Boolean(), server_default=sa.false(), nullable=False, comment=may_be)
    )
    op.add_column("reject", sa.Column("what_ja", sa.Text(), server_default="", nullable=False))
    outbox = sa.table("outbox", sa.column("state"), sa.column("code"), sa.column("doubtful"))
    unknown = (outbox.c.state == "parked") & outbox.c.code.in_(("HELD", "OUTCOME_UNKNOWN"))
    op.execute(outbox.update().where(unknown).values(doubtful=sa.true()))
