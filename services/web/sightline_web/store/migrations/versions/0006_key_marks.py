"""What ties API keys to their owner's proof; those from before keep until their time is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("mark", sa.String(64)))


def downgrade() -> None:
    op.drop_column("api_keys", "mark")
