"""The database's tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("head_id", String(32)),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("pinned_ms", BigInteger),
    Column("removed_ms", BigInteger),
    Index("conversations_by_owner", "owner_id", "updated_ms"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column(
        "conversation_id",
        String(32),
        ForeignKey("conversations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("parent_id", String(32), ForeignKey("messages.id", ondelete="CASCADE")),
    Column("role", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("reasoning", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("stats", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("messages_by_conversation", "conversation_id"),
    Index("messages_by_parent", "parent_id"),
    Index("messages_by_status", "status"),
)

shares = Table(
    "shares",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column(
        "conversation_id",
        String(32),
        ForeignKey("conversations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("head_id", String(32), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("shares_by_conversation", "conversation_id"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("owner_id", String(64), primary_key=True),
    Column("digest", String(71), primary_key=True),
    Column("mime", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("byte_count", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

message_attachments = Table(
    "message_attachments",
    metadata,
    Column(
        "message_id",
        String(32),
        ForeignKey("messages.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("position", Integer, primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column("digest", String(71), nullable=False),
    ForeignKeyConstraint(["owner_id", "digest"], ["attachments.owner_id", "attachments.digest"]),
    Index("message_attachments_by_digest", "owner_id", "digest"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("owner_id", String(64), primary_key=True),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_operator", Boolean, nullable=False),
    Column("signed_in_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),
    Column(
        "owner_id",
        String(64),
        ForeignKey("accounts.owner_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("mark", String(64), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("sessions_by_owner", "owner_id"),
    Index("sessions_by_expiry", "expires_ms"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    Column(
        "owner_id",
        String(64),
        ForeignKey("accounts.owner_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", Text, nullable=False),
    Column("ending", String(8), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("mark", String(64)),
    Index("api_keys_by_owner", "owner_id", "created_ms"),
)

presets = Table(
    "presets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("presets_by_owner", "owner_id", "created_ms"),
)
