"""Sentences about an appraisal that are true of it: for the methods paragraph and checklists."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation.numbers import plain, point_name, share

_NAMES = re.compile(r": '[^']*'(?:, '[^']*')*(?: and [\d,]+ more)?(?=\.|$)")

_SENTENCES = re.compile(r"(?<=\.) (?=[A-Z0-9-])")
_ADVICE = re.compile(r"(^|[ (])--[a-z]")

_MISSING = re.compile(r"left out|no prediction|missing|mention|uncertain|unknown|not in the")


def count(number: int, one: str, many: str = "") -> str:
    """A number with its word.

    Example:
        >>> count(1, "patient"), count(1200, "patient"), count(2, "AUROC", "AUROCs")
        ('1 patient', '1,200 patients', '2 AUROCs')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str], most: int = 8) -> str:
    """Words in a row with an "and".

    Example:
        >>> listed(["age", "sex", "view"]), listed(["age"])
        ('age, sex and view', 'age')
    """
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def tested(a: Appraisal) -> str:
    """What was measured on whom."""
    classes = "classes of which one holds" if a.task == "one-of" else "findings"
    kind = classes if len(a.findings) != 1 else "finding"
    return (
        f"{a.title} was evaluated on {count(a.images, 'radiograph')} of "
        f"{count(a.patients, 'patient')}, for {len(a.findings):,} {kind}."
    )


def split(a: Appraisal) -> str:
    """Which rows were tested and tuned on."""
    s = a.split
    said = f"{_capital(s.how)}."
    if s.tune_images:
        said += (
            f" The {count(s.tune_images, 'tuning radiograph')} of "
            f"{count(s.tune_patients, 'patient')} "
        )
        said += (
            "share no patient with those that were tested."
            if not s.shared_patients
            else f"share {count(s.shared_patients, 'patient')} with those that were tested."
        )
    if s.most_images > 1:
        said += f" A patient had up to {s.most_images:,} tested radiographs."
    elif s.test_patients == s.test_images:
        said += " Every patient had one tested radiograph."
    return said


def has_intervals(a: Appraisal) -> bool:
    """Whether any number has an interval by patient."""
    return any(m.low is not None and m.samples > 0 for f in a.findings
               for m in (f.auroc, f.average_precision, f.prevalence))  # fmt: skip


def intervals(a: Appraisal) -> str:
    """How intervals were made; empty where none is stated."""
    if not has_intervals(a):
        return ""
    said = (
        f"Unless said otherwise, intervals are {share(a.level)} percentile intervals of "
        f"{a.samples:,} bootstrap samples that draw patients with all their radiographs (seed "
        f"{a.seed})."
    )
    if any(f.ece.low is not None for f in a.findings):
        said += " Those of the expected calibration error begin at 0 where chance gives as much."
    shares = (m for f in a.findings for p in f.points for m in p.shares.values())
    if any("Wilson" in m.reason for m in shares):
        said += " A share that no sample changes has Wilson's interval over its patients."
    return said


def discrimination(a: Appraisal) -> str:
    """Which numbers say how well findings are told apart."""
    said = (
        "Discrimination is told by the area under the receiver operating characteristic curve "
        "(AUROC) and by average precision, to be read beside the prevalence"
    )
    if a.strata_name:
        said += (
            f"; AUROC was computed within {a.strata_name} as well, where only pairs of radiographs "
            f"of the same {a.strata_name} are compared"
        )
    said += "."
    if any(f.auroc_delong is not None and f.auroc_delong.value is not None for f in a.findings):
        said += " As every patient had one radiograph, DeLong's intervals stand beside."
    return said


def points(a: Appraisal) -> str:
    """Where thresholds come from; empty without."""
    names = point_names(a)
    if not names:
        return ""
    words = {
        "tune": "on the tuning radiographs",
        "bundle card": "beforehand on the bundle's card",
        "given": "by hand",
    }
    used = {p.fixed_on for f in a.findings for p in f.points if p.threshold is not None}
    where = listed([told for key, told in words.items() if key in used])
    named = listed([point_name(name) for name in names])
    said = f"Operating points ({named}) were fixed {where}"
    if "given" in used:
        return f"{said}; how those given by hand were chosen is for a person to say."
    if a.split.shared_patients:
        return f"{said}."
    return f"{said}, none on the radiographs that were tested."


def calibration(a: Appraisal) -> str:
    """How calibration was measured; empty where scores are no probabilities."""
    if not a.probabilities:
        return ""
    said = []
    if any(f.brier.defined for f in a.findings):
        said.append("the Brier score")
    if any(f.line is not None and f.line.slope.defined for f in a.findings):
        said.append("slope and intercept of a logistic line on the log-odds")
    if any(f.ece.defined for f in a.findings):
        said.append("the expected calibration error in bins of equal counts")
    more = []
    if any(f.decision_curve is not None for f in a.findings):
        more.append("Net benefit is shown as a decision curve.")
    if any(f.risk_coverage is not None for f in a.findings):
        more.append("Abstention is shown as errors against the share of radiographs answered.")
    if any(f.conformal for f in a.findings):
        more.append("Split-conformal sets of answers were fixed on the tuning radiographs.")
    wilson = {
        "of shares in reliability diagrams": any(f.reliability for f in a.findings),
        "of conformal coverage": any(f.conformal for f in a.findings),
    }
    told = [words for words, is_told in wilson.items() if is_told]
    if told:
        more.append(f"Intervals {listed(told)} are Wilson's, with radiographs as independent.")
    text = f"Calibration is told by {listed(said)}." if said else ""
    return " ".join(one for one in (text, *more) if one)


def subgroups(a: Appraisal) -> str:
    """Which groups were compared; empty without."""
    if not a.subgroups:
        return ""
    attributes = listed([s.attribute for s in a.subgroups])
    return (
        f"Groups of {attributes} were each compared with all other radiographs whose group is "
        f"known; intervals and p-values of gaps rest on a variance that is summed by patient, and "
        f"p-values are corrected by Holm's method."
    )


def baselines(a: Appraisal) -> str:
    """What the model was held against; empty without."""
    if not a.baselines:
        return ""
    names = listed([b.name for b in a.baselines])
    return f"Baselines that see no picture stand beside the results: {names}."


def comparison(a: Appraisal) -> str:
    """Which other model was compared; empty without."""
    if not a.comparisons:
        return ""
    others = listed(list(dict.fromkeys(c.other for c in a.comparisons)))
    metrics = listed(list(dict.fromkeys(c.metric for c in a.comparisons)))
    said = (
        f"The model was compared with {others} by {metrics} on the same radiographs, paired by "
        f"patient, p-values corrected by Holm's method over the findings."
    )
    if any(c.delong for c in a.comparisons):
        said += " DeLong's paired test stands beside."
    return said


def undefined(a: Appraisal) -> str:
    """Findings whose AUROC is undefined, and why; empty without."""
    out = [f"{f.name} ({f.auroc.reason})" for f in a.findings if not f.auroc.defined]
    return f"The AUROC is undefined for {listed(out)}." if out else ""


def left_out(a: Appraisal) -> str:
    """Everything left out, without names of images and without advice on options."""
    return _facts(a.notes)


def missing(a: Appraisal) -> str:
    """What became of rows, labels and predictions that are missing or unknown; empty where none."""
    return _facts([line for line in (*a.warnings, *a.notes) if _MISSING.search(line)])


def limits(a: Appraisal) -> str:
    """What makes numbers of this run misleading; empty where nothing is known to."""
    return _facts([line for line in a.warnings if not line.startswith("Undefined")])


def results(a: Appraisal) -> str:
    """The headline numbers."""
    said = f"Macro AUROC {plain(a.means.auroc.macro)}"
    if a.means.auroc_within is not None:
        said += f", within {a.strata_name} {plain(a.means.auroc_within)}"
    return f"{said}; macro average precision {plain(a.means.average_precision.macro)}."


def _facts(notes: Sequence[str]) -> str:
    sentences = (one for note in notes for one in _SENTENCES.split(_NAMES.sub("", note)))
    return " ".join(one for one in sentences if not _ADVICE.search(one))


def point_names(a: Appraisal) -> list[str]:
    """Operating points with a threshold in any finding, in their order."""
    return list(
        dict.fromkeys(p.name for f in a.findings for p in f.points if p.threshold is not None)
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")
