"""What the server does: processes, what waits, what was turned away or given up."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
