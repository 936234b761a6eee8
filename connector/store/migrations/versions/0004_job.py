"""Jobs: work that a system does in its own time, and which changes travel in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of jobs, and let the outbox say which job a change is in."""
    op.create_table(
        "job",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False, comment="how the system finds it"),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "handle", name=op.f("pk_job")),
    )
    travels = "handle of the job it travels in: claimed until that has ended"
    op.add_column("outbox", sa.Column("job", sa.Text(), nullable=True, comment=travels))
    op.create_index(op.f("ix_outbox_job"), "outbox", ["job"])
