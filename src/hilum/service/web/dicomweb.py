"""STOW-RS: radiographs over DICOMweb (PS3.18 10.5)."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter()
