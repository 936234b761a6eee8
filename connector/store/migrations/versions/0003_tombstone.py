"""People who were erased stay out: keyed hashes of their records and addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "tombstone",
        sa.Column(
            "hash", sa.Text(), nullable=False, comment="keyed: of a record or an address of somebody who was erased"
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tombstone")),
    )
