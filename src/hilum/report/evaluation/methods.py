"""A paragraph for a paper's methods, made from the run: what it says happened."""

from __future__ import annotations

import textwrap

from hilum.domain import finding
from hilum.evaluation.appraisal.results import Appraisal
from hilum.evaluation.localisation.predicted import MOST
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
    "coco": "Lin TY, Maire M, Belongie S, et al. Microsoft COCO: common objects in context. "
    "European Conference on Computer Vision 2014:740-755.",
    "voc": "Everingham M, Van Gool L, Williams CKI, Winn J, Zisserman A. The PASCAL visual object "
    "classes (VOC) challenge. International Journal of Computer Vision 2010;88:303-338.",
    "froc": "Bunch PC, Hamilton JF, Sanderson GK, Simmons AH. A free response approach to the "
    "measurement and characterization of radiographic observer performance. Proceedings of SPIE "
    "1977;127:124-135.",
    "luna16": "Setio AAA, Traverso A, de Bel T, et al. Validation, comparison, and combination of "
    "algorithms for automatic detection of pulmonary nodules in computed tomography images: the "
    "LUNA16 challenge. Medical Image Analysis 2017;42:1-13.",
    "pointing": "Zhang J, Bargal SA, Lin Z, Brandt J, Shen X, Sclaroff S. Top-down neural "
    "attention by excitation backprop. International Journal of Computer Vision "
    "2018;126:1084-1102.",
    "overlap": "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: hospital-scale "
    "chest X-ray database and benchmarks on weakly-supervised classification and localization of "
    "common thorax diseases. IEEE Conference on Computer Vision and Pattern Recognition "
    "2017:3462-3471.",
}
_OF_BOXES = ("coco", "voc", "froc", "luna16", "pointing", "overlap")


def paragraphs(a: Appraisal) -> list[str]:
    """What was done, in an order that a methods section has; every sentence is true of the run."""
    parts = [
        f"{say.tested(a)} {say.split(a)}",
        f"{say.discrimination(a)} {say.intervals(a)}".strip(),
        f"{say.points(a)} {_shares(a)}",
        say.calibration(a),
        f"{say.subgroups(a)} {say.baselines(a)} {say.comparison(a)}",
        _survival(a),
        _localisation(a),
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
        **dict.fromkeys(_OF_BOXES, a.localisation is not None),
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
    found = a.localisation
    if found is None or not found.each:
        return ""
    first = found.each[0]
    counts = [f"{finding(one.finding).name} {one.boxes:,} on {one.images:,}" for one in found.each]
    whole = (
        f"Localisation was measured against boxes that readers drew, each finding on its own "
        f"(boxes, on radiographs that count for it: {say.listed(counts, len(counts))}), on "
        f"{say.count(found.images, 'radiograph')} of {say.count(found.patients, 'patient')} on "
        f"which readers looked for boxes."
    )
    said = [whole]
    if found.counted == "boxed":
        said.append(
            "As readers drew boxes only where they knew a finding to be, each finding was measured "
            "on the radiographs with a box of it alone: false boxes on others did not count."
        )
    else:
        said.append(
            "Radiographs on which readers looked and drew no box counted, and any box of the model "
            "on them was false."
        )
    said.append(
        "Radiographs on which nobody looked were left out; on those without a box of the model "
        "every box of the readers was missed. Average precision is told at an intersection over "
        "union (IoU) of .5 in two conventions: of COCO (each box of the model, the surest first, "
        "takes the free box of the readers that it overlaps most, by .5 or more; precision "
        f"interpolated at 101 recalls; at most {MOST} boxes a radiograph and finding) and of VOC "
        "2010 (the box that it overlaps most, by more than .5, a second one on it being false; "
        "area under the curve at every recall); its mean is over findings with a box of readers."
    )
    rates = say.listed([f"{rate:g}" for rate in first.froc.rates])
    said.append(
        f"Sensitivity by the free-response ROC curve (FROC) is that at {rates} false boxes a "
        f"radiograph, boxes matched at an IoU of .5 as by COCO, without interpolation between "
        f"points, and their mean. In the pointing game, on radiographs with a box of the readers, "
        f"the middle of the model's surest box of the finding had to lie in one of them; where the "
        f"model drew none it missed."
    )
    if first.pointing_by_chance.defined:
        said.append("By chance it does so by the share of the radiograph that such boxes cover.")
    over = [
        f"{name} above {say.listed([f'{row.threshold:g}' for row in rows])}"
        for name, rows in (("intersection over the model's box", first.iobb), ("IoU", first.iou))
    ]
    said.append(f"Boxes found whatever their score are told by {say.listed(over)}.")
    return " ".join(said)
