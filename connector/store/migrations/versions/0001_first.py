"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "calls",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", "day", name=op.f("pk_calls")),
    )
    op.create_table(
        "company",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), server_default="{}", nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_company")),
    )
    op.create_index(op.f("ix_company_company"), "company", ["company"], unique=False)
    op.create_table(
        "company_domain",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", "company", name=op.f("pk_company_domain")),
    )
    op.create_table(
        "cursor",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True, comment="last time the stream was read to its end"),
        sa.Column("last_count", sa.Integer(), nullable=True, comment="records of the last complete snapshot"),
        sa.PrimaryKeyConstraint("system", "stream", name=op.f("pk_cursor")),
    )
    op.create_table(
        "deal",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("stage_since", sa.BigInteger(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("amount", sa.Float(), nullable=True),
        sa.Column("closes_on", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("lost_reason", sa.Text(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("company_id", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True, comment="our id of the company"),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_deal")),
    )
    op.create_index(op.f("ix_deal_company"), "deal", ["company"], unique=False)
    op.create_table(
        "deal_person",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("deal_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_deal_person")),
    )
    op.create_index("ix_deal_person_system_deal_id", "deal_person", ["system", "deal_id"], unique=False)
    op.create_index("ix_deal_person_system_person_id", "deal_person", ["system", "person_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="values and before-image as sent"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_delivery")),
    )
    op.create_index(op.f("ix_delivery_identity"), "delivery", ["identity"], unique=False)
    op.create_index(op.f("ix_delivery_key"), "delivery", ["key"], unique=False)
    op.create_index(op.f("ix_delivery_run"), "delivery", ["run"], unique=False)
    op.create_table(
        "identity",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column(
            "due_at", sa.BigInteger(), nullable=True, comment="0: has new facts; else when it may change by itself"
        ),
        sa.Column("planned_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "merged_into", sa.Text(), nullable=True, comment="the identity that took over this one's last record"
        ),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_identity")),
        sa.UniqueConstraint("id", name=op.f("uq_identity_id")),
    )
    op.create_index(op.f("ix_identity_company"), "identity", ["company"], unique=False)
    op.create_index(op.f("ix_identity_due_at"), "identity", ["due_at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "member",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("on_list", sa.Boolean(), nullable=False, comment="as last seen or written"),
        sa.Column("ours", sa.Boolean(), server_default=sa.false(), nullable=False, comment="we put it there"),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "list", "person_id", name=op.f("pk_member")),
    )
    op.create_index("ix_member_system_person_id", "member", ["system", "person_id"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "outbox",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="name of the change's class"),
        sa.Column("write_class", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "subject", sa.Text(), server_default="", nullable=False, comment="what an alert's repetition is counted by"
        ),
        sa.Column("alters", sa.Boolean(), nullable=False, comment="replaces or removes something that is there"),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending inflight done parked dropped"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False, comment="not before this time"),
        sa.Column("token", sa.BigInteger(), nullable=True, comment="fencing token of the run that claimed it"),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "uncertain_until",
            sa.BigInteger(),
            nullable=True,
            comment="an attempt without a known result may take effect until then",
        ),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_identity"), "outbox", ["identity"], unique=False)
    op.create_index("ix_outbox_state_next_at", "outbox", ["state", "next_at"], unique=False)
    op.create_index("ix_outbox_subject_rule", "outbox", ["subject", "rule"], unique=False)
    op.create_table(
        "owner",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_owner")),
    )
    op.create_table(
        "reject",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", "place", name=op.f("pk_reject")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False, comment="why the brake was overruled"),
        sa.Column("report", sa.Text(), server_default="{}", nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index(op.f("ix_run_started_at"), "run", ["started_at"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("read", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("parked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ignored", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deferred", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name=op.f("fk_ledger_run")),
        sa.PrimaryKeyConstraint("run", "system", "stream", name=op.f("pk_ledger")),
    )
    op.create_table(
        "person",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identity", sa.BigInteger(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True, comment="our id of the company this record speaks of"),
        sa.Column("company_id", sa.Text(), nullable=True, comment="the system's own id of it"),
        sa.Column("fields", sa.Text(), server_default="{}", nullable=False),
        sa.Column("native", sa.Text(), server_default="{}", nullable=False),
        sa.Column(
            "written", sa.Text(), server_default="{}", nullable=False, comment="what we last wrote into each field"
        ),
        sa.Column("external_key", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("modified_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "known",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="false: only named by others so far",
        ),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("successor", sa.Text(), nullable=True, comment="object/id in the same system that lives on"),
        sa.ForeignKeyConstraint(["identity"], ["identity.no"], name=op.f("fk_person_identity")),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_person")),
        sa.UniqueConstraint("system", "object", "id", name=op.f("uq_person_system_object_id")),
    )
    op.create_index(op.f("ix_person_external_key"), "person", ["external_key"], unique=False)
    op.create_index(op.f("ix_person_identity"), "person", ["identity"], unique=False)
    op.create_index("ix_person_system_company_id", "person", ["system", "company_id"], unique=False)
    op.create_table(
        "score",
        sa.Column("identity", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("band_told", sa.Text(), nullable=False, comment="the band that alerts already know of"),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("hits", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["identity"], ["identity.no"], name=op.f("fk_score_identity")),
        sa.PrimaryKeyConstraint("identity", "name", name=op.f("pk_score")),
    )
    op.create_table(
        "person_key",
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.no"], name=op.f("fk_person_key_person")),
        sa.PrimaryKeyConstraint("person", "kind", "value", name=op.f("pk_person_key")),
    )
    op.create_index("ix_person_key_kind_value", "person_key", ["kind", "value"], unique=False)
    op.create_table(
        "touchpoint",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("campaign", sa.Text(), server_default="", nullable=False),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.no"], name=op.f("fk_touchpoint_person")),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_touchpoint")),
        sa.UniqueConstraint("system", "stream", "id", name=op.f("uq_touchpoint_system_stream_id")),
    )
    op.create_index(
        "ix_touchpoint_person_kind_happened_at", "touchpoint", ["person", "kind", "happened_at"], unique=False
    )
