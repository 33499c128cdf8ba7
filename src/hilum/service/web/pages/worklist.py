"""The worklist: studies by urgency, filters, search."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
