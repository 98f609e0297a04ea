"""Pinned conversations, and removed ones that can come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("pinned_ms", sa.BigInteger))
    op.add_column("conversations", sa.Column("removed_ms", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("conversations", "removed_ms")
    op.drop_column("conversations", "pinned_ms")
