"""What readers say: accept, correct, reject; the table of it."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
