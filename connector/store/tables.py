"""Every table of the store. Times are integers: microseconds since 1970 in UTC. JSON is text written by us.

The schema itself is made by the migrations; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite makes only INTEGER (not BIGINT) primary keys its row id.
Serial = BigInteger().with_variant(Integer, "sqlite")
Time = BigInteger

# --- facts ------------------------------------------------------------------------------------------------------------

identity = Table(
    "identity",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("company", Text, index=True),
    Column("due_at", Time, index=True, comment="0: has new facts; else when it may change by itself"),
    Column("planned_at", Time),
    Column("merged_into", Text, comment="the identity that took over this one's last record"),
)

person = Table(
    "person",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("system", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("identity", BigInteger, ForeignKey("identity.no"), index=True),
    Column("firm", Boolean, nullable=False, server_default=false(), comment="tied to its identity by more than a name"),
    Column("company", Text, index=True, comment="our id of the company this record speaks of"),
    Column("company_id", Text, comment="the system's own id of it"),
    Column("spelling", BigInteger, index=True, comment="what it says of its company"),
    Column("fields", Text, nullable=False, server_default="{}"),
    Column("native", Text, nullable=False, server_default="{}"),
    Column("written", Text, nullable=False, server_default="{}", comment="what we last wrote into each field"),
    Column("external_key", Text, index=True),
    Column("owner_id", Text),
    Column("created_at", Time),
    Column("modified_at", Time),
    Column("seen_at", Time, nullable=False),
    Column("hash", Text, nullable=False, server_default=""),
    Column("known", Boolean, nullable=False, server_default=false(), comment="false: only named by others so far"),
    Column("gone_at", Time),
    Column("successor", Text, comment="object/id in the same system that lives on"),
    UniqueConstraint("system", "object", "id"),
    Index("ix_person_system_company_id", "system", "company_id"),
)

person_key = Table(
    "person_key",
    metadata,
    Column("person", BigInteger, ForeignKey("person.no"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("person", "kind", "value"),
    Index("ix_person_key_kind_value", "kind", "value"),
)

company = Table(
    "company",
    metadata,
    Column("system", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("company", Text, index=True),
    Column("spelling", BigInteger, index=True),
    Column("name", Text, nullable=False),
    Column("owner_id", Text),
    Column("data", Text, nullable=False, server_default="{}"),
    Column("hash", Text, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("gone_at", Time),
    PrimaryKeyConstraint("system", "id"),
)

spelling = Table(
    "spelling",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("core", Text, nullable=False, comment="of the name; empty where nothing is said"),
    Column("number", Text, nullable=False, comment="法人番号"),
    Column("domain", Text, nullable=False),
    Column("used", Integer, nullable=False, server_default=text("0"), comment="by so many records"),
    Column("company", Text, comment="our id of the company it means"),
    UniqueConstraint("core", "number", "domain"),
    Index("ix_spelling_domain", "domain"),
)

proposal = Table(
    "proposal",
    metadata,
    Column("a", BigInteger, ForeignKey("person.no"), nullable=False),
    Column("b", BigInteger, ForeignKey("person.no"), nullable=False, index=True),
    Column("rule", Text, nullable=False),
    Column("evidence", Text, nullable=False, comment="the kind of key that both have"),
    Column("strength", Integer, nullable=False),
    Column("guard", Text, nullable=False, comment="why it was not joined"),
    PrimaryKeyConstraint("a", "b"),
)

decision = Table(
    "decision",
    metadata,
    Column("a", BigInteger, ForeignKey("person.no"), nullable=False),
    Column("b", BigInteger, ForeignKey("person.no"), nullable=False, index=True),
    Column("verdict", Text, nullable=False, comment="same different later"),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("asked", Text, nullable=False, server_default="", comment="rule and guard"),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("a", "b"),
)

identity_event = Table(
    "identity_event",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("kind", Text, nullable=False, comment="merged split"),
    Column("identity", Text, nullable=False, index=True),
    Column("other", Text, nullable=False, index=True, comment="the identity that the records came from"),
    Column("records", Text, nullable=False),
    Column("at", Time, nullable=False),
)

owner = Table(
    "owner",
    metadata,
    Column("system", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("system", "id"),
)

deal = Table(
    "deal",
    metadata,
    Column("system", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("stage_since", Time),
    Column("probability", Float),
    Column("amount", Float),
    Column("closes_on", Text),
    Column("closed_at", Time),
    Column("lost_reason", Text),
    Column("product", Text),
    Column("owner_id", Text),
    Column("company_id", Text),
    Column("company", Text, index=True, comment="our id of the company"),
    Column("hash", Text, nullable=False),
    Column("modified_at", Time),
    Column("seen_at", Time, nullable=False),
    Column("gone_at", Time),
    PrimaryKeyConstraint("system", "id"),
)

deal_person = Table(
    "deal_person",
    metadata,
    Column("system", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("deal_id", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("gone", Boolean, nullable=False),
    PrimaryKeyConstraint("system", "id"),
    Index("ix_deal_person_system_deal_id", "system", "deal_id"),
    Index("ix_deal_person_system_person_id", "system", "person_id"),
)

touchpoint = Table(
    "touchpoint",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("person", BigInteger, ForeignKey("person.no"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("happened_at", Time, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("url", Text, nullable=False, server_default=""),
    Column("campaign", Text, nullable=False, server_default=""),
    Column("result", Text, nullable=False, server_default=""),
    Column("gone", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("system", "stream", "id"),
    Index("ix_touchpoint_person_kind_happened_at", "person", "kind", "happened_at"),
)

member = Table(
    "member",
    metadata,
    Column("system", Text, nullable=False),
    Column("list", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("on_list", Boolean, nullable=False, comment="as last seen or written"),
    Column("ours", Boolean, nullable=False, server_default=false(), comment="we put it there"),
    Column("seen_at", Time, nullable=False),
    PrimaryKeyConstraint("system", "list", "person_id"),
    Index("ix_member_system_person_id", "system", "person_id"),
)

score = Table(
    "score",
    metadata,
    Column("identity", BigInteger, ForeignKey("identity.no"), nullable=False),
    Column("name", Text, nullable=False),
    Column("points", Float, nullable=False),
    Column("band", Text, nullable=False),
    Column("band_told", Text, nullable=False, comment="the band that alerts already know of"),
    Column("why", Text, nullable=False),
    Column("hits", Text, nullable=False),
    Column("as_of", Time, nullable=False),
    PrimaryKeyConstraint("identity", "name"),
)

# --- work -------------------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False, comment="name of the change's class"),
    Column("write_class", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("identity", Text, nullable=False, index=True),
    Column("rule", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default="", comment="what an alert's repetition is counted by"),
    Column("alters", Boolean, nullable=False, comment="replaces or removes something that is there"),
    Column("payload", Text, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("state", Text, nullable=False, comment="pending inflight done parked dropped"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", Time, nullable=False, comment="not before this time"),
    Column("token", BigInteger, comment="fencing token of the run that claimed it"),
    Column("run", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("sent_at", Time),
    Column("uncertain_until", Time, comment="an attempt without a known result may take effect until then"),
    Column("done_at", Time),
    Column("remote_id", Text),
    Column("code", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("error_ja", Text, nullable=False, server_default="", comment="empty where only English was kept"),
    Column("fix", Text, nullable=False, server_default="", comment="what to do"),
    Column("fix_ja", Text, nullable=False, server_default=""),
    Column("said", Text, nullable=False, server_default="", comment="the vendor's own words; may quote the record"),
    Column("doubtful", Boolean, nullable=False, server_default=false(), comment="may have been done: never by itself"),
    Column("job", Text, index=True, comment="handle of the job it travels in: claimed until that has ended"),
    Index("ix_outbox_state_next_at", "state", "next_at"),
    Index("ix_outbox_subject_rule", "subject", "rule"),
)

job = Table(
    "job",
    metadata,
    Column("system", Text, nullable=False),
    Column("handle", Text, nullable=False, comment="how the system finds it"),
    Column("opened_at", Time, nullable=False),
    PrimaryKeyConstraint("system", "handle"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("no", Serial, primary_key=True),
    Column("run", Text, nullable=False, index=True),
    Column("key", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("identity", Text, nullable=False, index=True),
    Column("payload", Text, nullable=False, comment="values and before-image as sent"),
    Column("status", Text, nullable=False),
    Column("remote_id", Text),
    Column("code", Text, nullable=False, server_default=""),
    Column("at", Time, nullable=False),
    Column("trail", BigInteger, comment="the row of the audit trail that speaks of it"),
    Index("ix_delivery_trail", "trail", unique=True),
)

trail = Table(
    "trail",
    metadata,
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Time, nullable=False),
    Column("run", Text, nullable=False, index=True, comment="empty where no run did it"),
    Column("what", Text, nullable=False),
    Column("about", Text, nullable=False, comment="nothing personal"),
    Column("seal", Text, nullable=False, comment="keyed hash of what the row speaks of"),
    Column("chain", Text, nullable=False, comment="keyed hash of the row and of the chain before it"),
)

cursor = Table(
    "cursor",
    metadata,
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("moved_at", Time, nullable=False),
    Column("read_at", Time, comment="last time the stream was read to its end"),
    Column("last_count", Integer, comment="records of the last complete snapshot"),
    PrimaryKeyConstraint("system", "stream"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires", Time, nullable=False),
    Column("heartbeat", Time, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", Time, nullable=False, index=True),
    Column("ended_at", Time),
    Column("as_of", Time, nullable=False),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default="", comment="why the brake was overruled"),
    Column("report", Text, nullable=False, server_default="{}"),
    Column("token", BigInteger),
)

ledger = Table(
    "ledger",
    metadata,
    Column("run", Text, ForeignKey("run.id"), nullable=False),
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("read", Integer, nullable=False, server_default=text("0")),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("unchanged", Integer, nullable=False, server_default=text("0")),
    Column("parked", Integer, nullable=False, server_default=text("0")),
    Column("ignored", Integer, nullable=False, server_default=text("0")),
    Column("deferred", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("run", "system", "stream"),
)

reject = Table(
    "reject",
    metadata,
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("what_ja", Text, nullable=False, server_default=""),
    Column("run", Text, nullable=False),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("system", "stream", "place"),
)

calls = Table(
    "calls",
    metadata,
    Column("system", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("count", Integer, nullable=False),
    PrimaryKeyConstraint("system", "day"),
)

tally = Table(
    "tally",
    metadata,
    Column("name", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "system", "label"),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("hash", Text, primary_key=True, comment="keyed: of a record or an address of somebody who was erased"),
    Column("at", Time, nullable=False),
)
