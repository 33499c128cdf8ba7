"""Facts of the server itself; radiographs found by their file, and parts of jobs by radiograph."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "facts",
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_instances_digest", "instances", ["digest"])
    op.create_index("ix_job_parts_instance_id", "job_parts", ["instance_id"])
