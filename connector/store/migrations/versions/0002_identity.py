"""Who is who: spellings of companies, proposals, decisions, and what became of identities.

Systems that have companies are read again from the beginning: until now nobody kept the domains of their websites.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables and columns; the table of domains goes."""
    op.create_table(
        "spelling",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("core", sa.Text(), nullable=False, comment="of the name; empty where nothing is said"),
        sa.Column("number", sa.Text(), nullable=False, comment="法人番号"),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("used", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="by so many records"),
        sa.Column("company", sa.Text(), nullable=True, comment="our id of the company it means"),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_spelling")),
        sa.UniqueConstraint("core", "number", "domain", name=op.f("uq_spelling_core_number_domain")),
    )
    op.create_index("ix_spelling_domain", "spelling", ["domain"])
    op.create_table(
        "proposal",
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False, comment="the kind of key that both have"),
        sa.Column("strength", sa.Integer(), nullable=False),
        sa.Column("guard", sa.Text(), nullable=False, comment="why it was not joined"),
        sa.ForeignKeyConstraint(["a"], ["person.no"], name=op.f("fk_proposal_a")),
        sa.ForeignKeyConstraint(["b"], ["person.no"], name=op.f("fk_proposal_b")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_proposal")),
    )
    op.create_index(op.f("ix_proposal_b"), "proposal", ["b"])
    op.create_table(
        "decision",
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False, comment="same different later"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("asked", sa.Text(), server_default="", nullable=False, comment="rule and guard"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["a"], ["person.no"], name=op.f("fk_decision_a")),
        sa.ForeignKeyConstraint(["b"], ["person.no"], name=op.f("fk_decision_b")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_b"), "decision", ["b"])
    op.create_table(
        "identity_event",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="merged split"),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False, comment="the identity that the records came from"),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_identity_event")),
    )
    op.create_index(op.f("ix_identity_event_identity"), "identity_event", ["identity"])
    op.create_index(op.f("ix_identity_event_other"), "identity_event", ["other"])
    tied = "tied to its identity by more than a name"
    op.add_column("person", sa.Column("firm", sa.Boolean(), server_default=sa.false(), nullable=False, comment=tied))
    said = "what it says of its company"
    op.add_column("person", sa.Column("spelling", sa.BigInteger(), nullable=True, comment=said))
    op.create_index(op.f("ix_person_spelling"), "person", ["spelling"])
    op.create_index(op.f("ix_person_company"), "person", ["company"])
    op.add_column("company", sa.Column("spelling", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_company_spelling"), "company", ["spelling"])
    op.drop_table("company_domain")
    op.execute("DELETE FROM cursor WHERE system IN (SELECT system FROM company)")
    op.execute("UPDATE company SET hash = ''")
    op.execute("DELETE FROM meta WHERE name = 'domains'")
