"""The audit trail: begins with what is done from now on; deliveries of before are in no row of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, and let a delivery say which row speaks of it."""
    op.create_table(
        "trail",
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False, comment="empty where no run did it"),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False, comment="nothing personal"),
        sa.Column("seal", sa.Text(), nullable=False, comment="keyed hash of what the row speaks of"),
        sa.Column("chain", sa.Text(), nullable=False, comment="keyed hash of the row and of the chain before it"),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_trail")),
    )
    op.create_index(op.f("ix_trail_run"), "trail", ["run"])
    speaks = "the row of the audit trail that speaks of it"
    op.add_column("delivery", sa.Column("trail", sa.BigInteger(), nullable=True, comment=speaks))
    op.create_index(op.f("ix_delivery_trail"), "delivery", ["trail"], unique=True)
