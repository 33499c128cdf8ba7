"""How much of an AUROC is left when the lungs are hidden, or the border alone is kept.

Source: Maguolo and Nanni 2021, A critic evaluation of methods for COVID-19 automatic detection from
X-ray images; DeGrave, Janizek and Lee 2021, AI for radiographic COVID-19 detection selects
shortcuts over signal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.audit.columns import Asked, Column, difference, measure
from hilum.audit.limits import JUDGED_FROM, LEFT_FAILS, LEFT_WARNS
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Table, Verdict, worst
from hilum.domain.text import first_few
from hilum.evaluation import Measure


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one finding.

    Attributes:
        finding: key.
        whole: AUROC with everything to be seen, on the images that ``less`` is on.
        less: AUROC with something hidden.
        change: less − whole, paired.
    """

    finding: str
    whole: Measure
    less: Measure
    change: Measure

    @property
    def share(self) -> float | None:
        """(less − ½) / (whole − ½), at least 0; None where the whole is no better than ½."""
        if self.whole.value is None or self.less.value is None or self.whole.value <= 0.5:
            return None
        return max(0.0, (self.less.value - 0.5) / (self.whole.value - 0.5))

    @property
    def judged(self) -> bool:
        """Whether there was enough to hide."""
        return (self.whole.low or 0.0) >= JUDGED_FROM and self.share is not None


def left(case: Case, key: str, whole: Column, less: Column) -> Left:
    """Both AUROCs of a finding on the same images, and how far they lie apart."""
    rows = case.rows(key, whole, less)
    asked = Asked(rows, case.target(key)[rows], case.patients[rows])
    options = case.options
    how = {"samples": options.samples, "level": options.level}
    return Left(
        key,
        measure(asked, whole, rng=options.rng(), **how),
        measure(asked, less, rng=options.rng(), **how),
        difference(asked, less, whole, rng=options.rng(), **how),
    )


def check(case: Case, own: Mapping[str, tuple[Column, Column]]) -> Checked:
    """Lungs hidden, and the border alone.

    Args:
        case: what is audited.
        own: key → the model's own scores, whole and with the lungs hidden.
    """
    looks = case.subject.looks
    by_probe = [left(case, key, case.whole[key], case.hidden[key])
                for key in case.findings if key in case.whole and key in case.hidden]  # fmt: skip
    by_model = [left(case, key, *columns) for key, columns in own.items() if key in case.findings]
    against = case.model or case.whole
    by_border = [left(case, key, against[key], case.border[key])
                 for key in case.findings if key in against and key in case.border]  # fmt: skip
    reached = 0.0 if looks is None or not looks.lungs.any() else float(
        looks.reach[looks.lungs].mean()
    )  # fmt: skip
    lines = (
        _lungs(case, by_probe, by_model),
        _verdict(
            "border-alone", _BORDER, by_border,
            f"A probe on the outer frame of a thumbnail, 9 % of the side, against "
            f"{'the model' if case.model else 'a probe on the whole pictures'}"
            + (f"; lungs reach into {reached:.0%} of that frame" if reached else "") + ". ",
            "No pictures were given: name their folder with --data."
            if looks is None else "No scores or features to compare with: name a bundle.",
        ),
    )  # fmt: skip
    ends = [f"{x}{end}" for x in ("whole", "less", "change") for end in ("", "_low", "_high")]
    header = ("view", "by", "finding", "images", "positives", *ends, "share_left")
    rows = [
        (view, by, x.finding, x.less.images, x.less.positives, *_ends(x.whole), *_ends(x.less),
         *_ends(x.change), x.share)
        for view, by, found in (
            ("lungs hidden", "probe", by_probe),
            ("lungs hidden", "model", by_model),
            ("border alone", "probe", by_border),
        )
        for x in found
    ]  # fmt: skip
    about = "AUROC with everything to be seen, and with the lungs hidden or the border alone."
    return Checked(lines, (Table("hidden", about, header, tuple(rows)),) * bool(rows))


_LUNGS = "What is left when the lungs are hidden?"
_BORDER = "What does the border of the picture alone tell?"


def _ends(m: Measure) -> tuple[float | None, float | None, float | None]:
    return m.value, m.low, m.high


def _lungs(case: Case, by_probe: Sequence[Left], by_model: Sequence[Left]) -> Verdict:
    looks = case.subject.looks
    if looks is None:
        missing = "No pictures were given: name their folder with --data."
    elif looks.hidden_features is None and looks.hidden_scores is None:
        missing = "No network looked at the pictures, or no lungs were found: name a bundle."
    else:
        missing = "No finding can be judged on pictures whose lungs were found."
    words = "The box around both lungs is covered with grey, and a probe learns anew from that. "
    if looks is not None and looks.lungs.size and not looks.lungs.all():
        words += (
            f"{int((~looks.lungs).sum()):,} of {len(looks.lungs):,} pictures are left out, their "
            f"lungs were not found. "
        )
    own = [x for x in by_model if x.judged]
    if own:
        most = max(own, key=lambda x: x.share or 0.0)
        words += (
            f"Of the bundle's own scores, unchanged, {_percent(most)} is left for "
            f"{name_of(most.finding)} "
            f"({most.whole.value:.3f} → {most.less.value:.3f}). "
        )
    return _verdict("lungs-hidden", _LUNGS, by_probe or by_model, words, missing)


def _percent(x: Left) -> str:
    return f"{x.share or 0.0:.0%} of what lies above chance"


def _verdict(code: str, title: str, found: Sequence[Left], words: str, missing: str) -> Verdict:
    if not found:
        return Verdict(code, title, "not asked", missing)
    judged = sorted((x for x in found if x.judged), key=lambda x: -(x.share or 0.0))
    if not judged:
        return Verdict(
            code, title, "not asked",
            words + f"No finding is told well enough from whole pictures (the interval of its "
            f"AUROC must lie above {JUDGED_FROM}) for hiding something to prove anything.",
        )  # fmt: skip
    outcome = worst([_outcome(x) for x in judged])
    most = judged[0]
    told = [f"{name_of(x.finding)} {x.whole.value:.2f} → {x.less.value:.2f}" for x in judged]
    words += (
        f"Most is left of {name_of(most.finding)}: {_percent(most)} "
        f"({most.whole.value:.3f} → {most.less.value:.3f}). {first_few(told, quoted=False)}."
    )
    advice = {
        "fails": "What answers here is no finding of the lungs. Do not believe the AUROC: take "
        "both classes from the same places, and audit again.",
        "warns": "Part of the answer lies outside the lungs: age, posture, devices and projection "
        "do too. Compare with the baseline of age, sex and view.",
    }.get(outcome, "")
    unit = f"AUROC left, {name_of(most.finding)}"
    return Verdict(code, title, outcome, words, advice, most.less, unit)


def _outcome(x: Left) -> Outcome:
    share, low = x.share or 0.0, x.less.low or 0.0
    if share >= LEFT_FAILS and low > 0.5:
        return "fails"
    return "warns" if share >= LEFT_WARNS and low > 0.5 else "passes"
