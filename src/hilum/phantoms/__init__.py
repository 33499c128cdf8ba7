"""Radiographs drawn by code: for tests, demonstrations and pre-training, never for claims."""

from hilum.phantoms.chest import draw_chest
from hilum.phantoms.demo import DemoFile, demo_study
from hilum.phantoms.lesions import Lesion
from hilum.phantoms.other import draw_blank, draw_hand, draw_lateral
from hilum.phantoms.phantom import Phantom

__all__ = [
    "DemoFile",
    "Lesion",
    "Phantom",
    "demo_study",
    "draw_blank",
    "draw_chest",
    "draw_hand",
    "draw_lateral",
]
