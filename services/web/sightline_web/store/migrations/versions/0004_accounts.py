"""Accounts, their sessions, and their API keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_accounts()
    _create_sessions()
    _create_api_keys()


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("owner_id", sa.String(64), primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_operator", sa.Boolean, nullable=False),
        sa.Column("signed_in_ms", sa.BigInteger, nullable=False),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(64), primary_key=True),
        _owner_column(),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_by_owner", "sessions", ["owner_id"])
    op.create_index("sessions_by_expiry", "sessions", ["expires_ms"])


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("token", sa.String(64), nullable=False, unique=True),
        _owner_column(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("ending", sa.String(8), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger),
    )
    op.create_index("api_keys_by_owner", "api_keys", ["owner_id", "created_ms"])


def _owner_column() -> sa.Column[str]:
    accounts = sa.ForeignKey("accounts.owner_id", ondelete="CASCADE")
    return sa.Column("owner_id", sa.String(64), accounts, nullable=False)


def downgrade() -> None:
    for table in ("api_keys", "sessions", "accounts"):
        op.drop_table(table)
