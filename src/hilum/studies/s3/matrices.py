"""Every confusion matrix that S3 printed, computed again, beside always saying no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hilum.evaluation import Confusion, wilson
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.s3.printed import ALWAYS_NO, RUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

SHARES = ("accuracy", "ppv", "sensitivity", "specificity", "f1", "balanced_accuracy", "mcc")
NAMES = {"ppv": "precision", "sensitivity": "recall", "f1": "F1", "mcc": "MCC",
         "balanced_accuracy": "balanced accuracy"}  # fmt: skip


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """The shares of every matrix; nothing of chance in them."""
    return {"runs": [_run(one.counted) for one in RUNS]}


def _run(c: Confusion) -> dict[str, Any]:
    negatives, positives = c.fp + c.tn, c.tp + c.fn
    right = wilson(c.tp + c.tn, positives + negatives)
    recalled = wilson(c.tp, positives)
    return {
        "counts": [c.tp, c.fp, c.fn, c.tn],
        "shares": {name: getattr(c, name).value for name in SHARES},
        "always_no": max(negatives, positives) / (negatives + positives),
        "accuracy": [right.low, right.high],
        "sensitivity": [recalled.low, recalled.high],
    }


def show(numbers: Numbers) -> Shown:
    """Their numbers and ours in one table; then the sweep."""
    runs: list[dict[str, Any]] = numbers["runs"]
    first, printed = runs[0], RUNS[0].printed
    rows = [
        (NAMES.get(name) or name, printed.get(name, "–"), f"{value:.4f}")
        for name, value in first["shares"].items()
    ]
    rows.append(("accuracy of always saying no", ALWAYS_NO, f"{first['always_no']:.4f}"))
    caption = (
        f"Its network with ChestX-ray14 among the negatives: {_words(first['counts'])}. Accuracy "
        f"{_share(first, 'accuracy')}, recall {_share(first, 'sensitivity')}; Wilson's 95 % "
        "intervals, which take images for independent: patients are not told."
    )
    above = sum(run["accuracy"][0] > run["always_no"] for run in runs)
    said = (
        f"The interval of the accuracy lies above always saying no in {above} of {len(runs)} runs."
    )
    return Shown(
        (
            Table(("", "printed by S3", "from its counts"), tuple(rows), caption),
            Table(
                ("COVID-19 / normal / ChestX-ray14", "batch", "TP / FP / FN / TN", "accuracy",
                 "always no", "recall", "specificity", "F1"),
                tuple(_line(at, run) for at, run in enumerate(runs)),
                "Its sweep of images and batch, from its counts:",
            ),
        ),
        {"accuracy": lambda: _figure(runs)},
        (said,),
    )  # fmt: skip


def _line(at: int, run: dict[str, Any]) -> tuple[str, ...]:
    shares = run["shares"]
    return (
        " / ".join(map(str, RUNS[at].images)),
        str(RUNS[at].batch),
        " / ".join(map(str, run["counts"])),
        _share(run, "accuracy"),
        f"{run['always_no']:.4f}",
        _share(run, "sensitivity"),
        f"{shares['specificity']:.4f}",
        f"{shares['f1']:.4f}",
    )


def _words(counts: Sequence[int]) -> str:
    return ", ".join(f"{n} {c}" for n, c in zip(("TP", "FP", "FN", "TN"), counts, strict=True))


def _share(run: dict[str, Any], name: str) -> str:
    low, high = run[name]
    return f"{run['shares'][name]:.4f} ({low:.3f} to {high:.3f})"


def _figure(runs: list[dict[str, Any]]) -> Figure:
    from hilum.report.style import BLUE, ORANGE, sheet

    labels = [f"{'/'.join(map(str, one.images))}, batch {one.batch}" for one in RUNS]
    figure, ax = sheet(0.3 * len(runs) + 1.1, left=1.9, top=0.35)
    for at, run in enumerate(runs):
        value, (low, high) = run["shares"]["accuracy"], run["accuracy"]
        ax.plot([low, high], [at, at], color=BLUE, linewidth=1.5)
        ax.plot([value], [at], "o", color=BLUE, label="accuracy" if at == 0 else None)
        ax.plot([run["always_no"]], [at], "x", color=ORANGE,
                label="always saying no" if at == 0 else None)  # fmt: skip
    ax.set_yticks(range(len(runs)), labels)
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.set_xlabel("accuracy (lines: 95 % intervals)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


QUESTION = Question(
    "matrices",
    "What S3 printed, computed again",
    "Its confusion matrices are exact: is what follows from them more than always saying no?",
    measure,
    show,
    0.0,
)
