"""S3's augmentation study: how steps are chosen, on features of a frozen network."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Column
from hilum.audit.probes import logistic, reduced
from hilum.errors import Stopped
from hilum.recipes import SHIPPED
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.studies.s3.cohort import Cohort, load_cohort
from hilum.studies.s3.fitting import auroc_of, by_patient, gain_of, joined, told
from hilum.studies.s3.printed import BEST, SALT
from hilum.transforms.augmentation import Picture, augmented

if TYPE_CHECKING:
    from hilum.studies.running import Bench
    from hilum.training.recipe.augmentation import Augmentation

ACROSS = "nih14"
SIDE = 96
VIEWS = 2
"""Augmented views of each radiograph, learnt from beside the plain one."""
WORDS = {
    "none": "none",
    "some-of": "S3's best: some of 1 to 3 of its six steps",
    "sequential": "all six, one after the other",
    "one-of": "one of the six",
    "salt-and-pepper": "salt and pepper, 5 % of pixels",
    "default": "Hilum's own: warp, exposure, grain",
}
PRINTED = {"some-of": BEST, "salt-and-pepper": SALT}


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Every policy out of fold: its views are drawn with the first seed, folds dealt with every.

    Raises:
        LabelError, RecipeError: the data or weights are not what is needed.
        Stopped: it was asked to; the same call goes on.
    """
    from hilum.studies.s3.pictures import small_pictures

    cohort = load_cohort(bench.data)
    use = cohort.inside | cohort.of(ACROSS)
    covid, other, across = cohort.covid & use, cohort.pneumonia & use, cohort.of(ACROSS) & use
    pictures = small_pictures(bench, cohort, SIDE)
    columns: dict[str, Column] = {}
    found: dict[str, Any] = {}
    for name in WORDS:
        seen = _features(name, bench, pictures, seed=seeds[0])
        plain = seen if name == "none" else _features("none", bench, pictures, seed=seeds[0])
        views = np.concatenate([plain, seen]) if name != "none" else plain
        columns[name] = joined(
            [_scores(cohort, plain[0], views, covid | across, use, seed) for seed in seeds]
        )
        found[name] = {
            "across": auroc_of(cohort, columns[name], covid, across),
            "inside": auroc_of(cohort, columns[name], covid, other),
            "gain": gain_of(cohort, columns[name], columns["none"], covid, other),
        }
    return {
        "covid": cohort.counted(covid), "across": cohort.counted(across),
        "other": cohort.counted(other), "policies": found,
    }  # fmt: skip


def policy_of(name: str) -> Augmentation:
    """One of the policies.

    Args:
        name: of :data:`WORDS`, but "none".
    """
    from hilum.training.recipe.augmentation import Augmentation

    if name == "default":
        return Augmentation()
    if name == "salt-and-pepper":
        return Augmentation.model_validate({"steps": [{"do": name, "share": 0.05}]})
    text = (SHIPPED / "augmentation" / "s3.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)["augmentation"]
    if name != "some-of":
        raw = {"policy": name, "steps": raw["steps"]}
    return Augmentation.model_validate(raw)


def _features(
    name: str, bench: Bench, pictures: NDArray[np.uint8], *, seed: int
) -> NDArray[np.float32]:
    """Features of views, [views, images, width]; computed once."""
    from hilum.studies.s3.networks import Frozen
    from hilum.studies.s3.pictures import grey_of

    file = bench.out / f"{name}-{seed}.npy"
    if file.exists():
        return np.load(file)
    network = Frozen("chest14", bench.weights, SIDE)
    policy = None if name == "none" else policy_of(name).build()
    out = []
    for view in range(1 if policy is None else VIEWS):
        parts = []
        for start in range(0, len(pictures), 32):
            if why := bench.stop():
                raise Stopped(f"{why} What is done is kept: the same command goes on.")
            grey = grey_of(pictures[start : start + 32])
            if policy is not None:
                grey = np.stack(
                    [
                        augmented(
                            Picture(one), policy, np.random.default_rng([seed, view, start + at])
                        ).grey
                        for at, one in enumerate(grey)
                    ]
                )
            parts.append(network(grey))
        out.append(np.concatenate(parts))
    found = np.stack(out)
    partial = file.with_name(f"partial-{file.name}")
    np.save(partial, found)
    partial.replace(file)
    return found


def _scores(
    cohort: Cohort,
    plain: NDArray[np.float32],
    views: NDArray[np.float32],
    learnt: NDArray[np.bool_],
    use: NDArray[np.bool_],
    seed: int,
) -> Column:
    """Log-odds of plain radiographs; views are learnt from."""
    fold = by_patient(cohort, use, seed)
    values = np.zeros((len(use), 1))
    for number in np.unique(fold[use]).tolist():
        test, rest = use & (fold == number), learnt & (fold != number)
        shown = views[:, rest].reshape(-1, views.shape[2])
        inside, outside = reduced(shown, plain[test])
        truth = np.tile(cohort.covid[rest], len(views))
        values[test, 0] = logistic(inside, truth, outside)
    return Column(values, use)


def show(numbers: Numbers) -> Shown:
    """A row a policy."""
    caption = (
        f"AUROC for COVID-19, {numbers['covid']}, learnt and asked against `{ACROSS}`, "
        f"{numbers['across']}; the same asked inside `ieee8023`, against {numbers['other']}. "
        f"Logistic regression on the frozen features of `chest14` at {SIDE} px, of each radiograph "
        f"plain and in {VIEWS} augmented views; asked plain, out of fold, intervals by patient."
    )
    rows = tuple(
        (WORDS[name], PRINTED.get(name, "–"), told(one["across"]), told(one["inside"]),
         told(None if name == "none" else one["gain"], signed=True))
        for name, one in numbers["policies"].items()
    )  # fmt: skip
    head = ("augmentation", "printed by S3", f"against {ACROSS}", "inside", "gain inside on none")
    return Shown((Table(head, rows, caption),))


QUESTION = Question(
    "augmentation",
    "Which augmentation",
    "S3 compared ways to choose among steps. What do they do inside one collection?",
    measure,
    show,
    3.0,
)
