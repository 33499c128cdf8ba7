"""Jobs with progress: uploads, pulls."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
