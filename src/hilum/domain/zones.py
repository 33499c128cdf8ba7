"""Zones of the lungs, in words."""

from __future__ import annotations

ZONES: dict[str, str] = {
    "right upper": "右上肺野",
    "right middle": "右中肺野",
    "right lower": "右下肺野",
    "left upper": "左上肺野",
    "left middle": "左中肺野",
    "left lower": "左下肺野",
}
"""A third of the height of each lung, from the top: name → name in Traditional Chinese. Sides are
the patient's: the right lung lies on the picture's left."""
