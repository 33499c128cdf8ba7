"""A study: its radiographs, findings, heatmaps and boxes; downloads."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
