"""Prior beside current, and findings over visits."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
