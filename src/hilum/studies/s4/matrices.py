"""S4's confusion matrices, and what they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hilum.evaluation import ConfusionTable

CLASSES = ("survived", "died")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the study.

    Attributes:
        lever: what was changed.
        name: of the setting.
        counts: TP, FN, FP, TN of death.
        printed: F1 as the study prints it.
        same: runs of one and the same network and data bear the same mark; "" for others.
    """

    lever: str
    name: str
    counts: tuple[int, int, int, int]
    printed: str
    same: str = ""

    @property
    def table(self) -> ConfusionTable:
        """The matrix, survivors first."""
        return table_of(self.counts)


SAME = "SqueezeNet 1.0"
CLASSIFIER = "SqueezeNet 1.0 with its classifier"

# All numbers of these lines are the study's own.
RUNS = (
    Run("network", "ResNet18", (4, 26, 23, 225), ".14"),
    Run("network", "ResNet34", (9, 21, 34, 214), ".25"),
    Run("network", "ResNet50", (16, 14, 98, 150), ".22"),
    Run("network", "SqueezeNet 1.0", (15, 15, 44, 204), ".33", SAME),
    Run("network", "SqueezeNet 1.1", (6, 24, 46, 202), ".15"),
    Run("normalised", "yes", (13, 17, 38, 210), ".32"),
    Run("normalised", "no", (15, 15, 44, 204), ".33", SAME),
    Run("F1 watched", "macro", (15, 15, 44, 204), ".33", SAME),
    Run("F1 watched", "micro", (19, 11, 45, 203), ".40", SAME),
    Run("F1 watched", "weighted", (15, 15, 40, 208), ".35", SAME),
    Run("F1 watched", "binary", (16, 14, 50, 198), ".33", SAME),
    Run("cut", "−1", (12, 18, 47, 201), ".27", SAME),
    Run("cut", "1", (14, 16, 43, 205), ".32", SAME),
    Run("cut", "2", (8, 22, 29, 219), ".24", CLASSIFIER),
    Run("cut", "20", (9, 21, 29, 219), ".26", CLASSIFIER),
    Run("cut", "none", (19, 11, 45, 203), ".40", SAME),
)


def table_of(counts: tuple[int, int, int, int]) -> ConfusionTable:
    """TP, FN, FP, TN as a table of both classes."""
    tp, fn, fp, tn = counts
    return ConfusionTable(np.array([[tn, fp], [fn, tp]]), CLASSES)


def f1_of(table: ConfusionTable) -> dict[str, float | None]:
    """F1 in four averages: macro, micro and weighted over both classes, binary of death."""
    averages = table.f1_averages
    return {
        "macro": averages.macro.value,
        "micro": averages.micro.value,
        "weighted": averages.weighted.value,
        "binary": table.f1("died").value,
    }
