"""What study S3 printed: its numbers, as they stand there."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.evaluation import Confusion


@dataclass(frozen=True, slots=True)
class Run:
    """One of its COVID-19 networks.

    Attributes:
        images: with COVID-19, normal, and of ChestX-ray14.
        batch: images a step.
        counted: its decisions on the test images.
        printed: share → as it was printed; empty where it printed the counts alone.
    """

    images: tuple[int, int, int]
    batch: int
    counted: Confusion
    printed: dict[str, str]


def _counted(tp: int, fp: int, fn: int, tn: int) -> Confusion:
    return Confusion(tp=tp, fp=fp, fn=fn, tn=tn)


RUNS = (
    Run(
        (485, 750, 750), 8, _counted(44, 16, 53, 284),
        {"accuracy": ".8262", "ppv": ".7333", "sensitivity": ".4536", "f1": ".5605",
         "specificity": ".9467"},
    ),
    Run((485, 250, 250), 16, _counted(41, 17, 54, 80), {}),
    Run((485, 750, 750), 16, _counted(30, 20, 62, 272), {}),
    Run((485, 750, 750), 16, _counted(34, 20, 58, 272), {}),
    Run((485, 450, 450), 8, _counted(54, 23, 43, 181), {}),
    Run((485, 750, 750), 4, _counted(40, 24, 57, 276), {}),
)  # fmt: skip
"""Its network with ChestX-ray14 among the negatives, then its sweep of images and batch."""

ALWAYS_NO = ".7557"
"""What it printed for always saying no, beside the first run."""

BEST, FROM_SCRATCH, SALT, TRAPPED = ".9875", ".548", ".894", ".4214"
"""Printed as mean AUROC, how it was computed is not stated: the best of ten augmentations by
transfer, from scratch, with salt and pepper noise, and the best one with images of ChestX-ray14
among the negatives."""
