"""Bringing radiographs by drag and drop."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
