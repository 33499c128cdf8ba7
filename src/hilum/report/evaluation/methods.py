"""A paragraph for a paper's methods, made from the run: what it says happened."""

from __future__ import annotations

import textwrap

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation import statements as say

_REFERENCES = {
    "bootstrap": "Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall, 1993.",
    "delong": "DeLong ER, DeLong DM, Clarke-Pearson DL. Comparing the areas under two or more "
    "correlated receiver operating characteristic curves. Biometrics 1988;44:837-845. Computed "
    "as in Sun X, Xu W. IEEE Signal Processing Letters 2014;21:1389-1393.",
    "youden": "Youden WJ. Index for rating diagnostic tests. Cancer 1950;3:32-35.",
    "wilson": "Wilson EB. Probable inference, the law of succession, and statistical inference. "
    "Journal of the American Statistical Association 1927;22:209-212.",
    "decision": "Vickers AJ, Elkin EB. Decision curve analysis. Medical Decision Making "
    "2006;26:565-574.",
    "holm": "Holm S. A simple sequentially rejective multiple test procedure. Scandinavian "
    "Journal of Statistics 1979;6:65-70.",
    "km": "Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. Journal of "
    "the American Statistical Association 1958;53:457-481.",
}


def paragraphs(a: Appraisal) -> list[str]:
    """What was done, in an order that a methods section has; every sentence is true of the run."""
    parts = [
        f"{say.tested(a)} {say.split(a)}",
        f"{say.discrimination(a)} {say.intervals(a)}".strip(),
        f"{say.points(a)} {_shares(a)}",
        say.calibration(a),
        f"{say.subgroups(a)} {say.baselines(a)} {say.comparison(a)}",
        f"{_survival(a)} {_localisation(a)}",
        f"{say.undefined(a)} {say.left_out(a)}",
        f"Limits: {say.limits(a)}" if say.limits(a) else "",
        f"All numbers were computed with Hilum {a.version}." if a.version else "",
    ]
    return [part.strip() for part in parts if part.strip()]


def references(a: Appraisal) -> list[str]:
    """Sources of the methods that this run used."""
    used = {
        "bootstrap": say.has_intervals(a),
        "delong": any(f.auroc_delong is not None for f in a.findings)
        or any(c.delong for c in a.comparisons),
        "youden": any("youden" in name.casefold() for name in say.point_names(a)),
        "wilson": any(f.reliability is not None for f in a.findings)
        or any(p.exact for f in a.findings for p in f.points),
        "decision": any(f.decision_curve is not None for f in a.findings),
        "holm": bool(a.subgroups or a.comparisons),
        "km": a.survival is not None,
    }
    return [_REFERENCES[key] for key, is_used in used.items() if is_used]


def as_text(a: Appraisal, *, width: int = 96) -> str:
    """``methods.txt``."""
    lines = ["Methods", "", *_wrapped(paragraphs(a), width)]
    sources = references(a)
    if sources:
        lines += ["References", ""]
        lines += [
            textwrap.fill(one, width, initial_indent="- ", subsequent_indent="  ")
            for one in sources
        ]
    lines += [
        "",
        textwrap.fill(
            "Written from the run. What it cannot know (who the patients are, how the reference "
            "was made, how the model was trained) is a person's to add: see checklist.csv.",
            width,
        ),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(parts: list[str], width: int) -> list[str]:
    return [line for part in parts for line in (textwrap.fill(part, width), "")]


def _shares(a: Appraisal) -> str:
    if not say.point_names(a):
        return ""
    said = (
        "At each, sensitivity, specificity, predictive values, F1, balanced accuracy, Matthews' "
        "correlation and likelihood ratios were counted."
    )
    if any(p.ppv_at for f in a.findings for p in f.points):
        said += " Predictive values were restated for named prevalences by Bayes' rule."
    return said


def _survival(a: Appraisal) -> str:
    s = a.survival
    if s is None:
        return ""
    return (
        f"Survival was estimated by Kaplan and Meier's method in {len(s.groups)} groups of the "
        f"score of {s.finding}, on {say.count(s.patients, 'patient')} with "
        f"{say.count(s.events, 'event')}. {s.words}"
    )


def _localisation(a: Appraisal) -> str:
    if a.localisation is None:
        return ""
    return "Localisation was measured against boxes of readers."
