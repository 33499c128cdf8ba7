from dataclasses import replace

import pytest

from hilum.evaluation import Measure
from hilum.report.evaluation.methods import as_text, paragraphs, references
from hilum.report.evaluation.statements import left_out


@pytest.fixture(scope="module")
def whole(appraisal):
    return " ".join(paragraphs(appraisal))


def test_what_was_done_is_said(whole):
    for said in (
        "evaluated on 240 radiographs of 220 patients, for 3 findings",
        "200 bootstrap samples that draw patients with all their radiographs (seed 7)",
        "within road as well",
        "(Youden's index and sensitivity ≥ 0.9) were fixed on the tuning radiographs",
        "none on the radiographs that were tested",
        "paired by patient, p-values corrected by Holm's method",
        "60 patients with",
        "The AUROC is undefined for Hiatal hernia (no positive).",
        "computed with Hilum 0.1.0",
    ):
        assert said in whole


def bare(a):
    none = Measure(None, "one class")
    found = tuple(
        replace(f, points=(), brier=none, ece=none, line=None, reliability=None,
                decision_curve=None, risk_coverage=None, conformal=(), auroc_delong=None)
        for f in a.findings
    )  # fmt: skip
    return replace(a, findings=found, strata_name="", subgroups=(), baselines=(), comparisons=(),
                   survival=None, localisation=None, version="")  # fmt: skip


def test_what_was_not_done_is_not_said(appraisal):
    text = as_text(bare(appraisal))
    for absent in (
        "within", "DeLong", "Youden", "Operating", "Calibration", "decision curve", "Wilson",
        "Holm", "Kaplan", "Baselines", "Localisation", "Matthews", "Hilum 0", "conformal",
    ):  # fmt: skip
        assert absent not in text
    assert references(bare(appraisal))[0].startswith("Efron")
    assert len(references(bare(appraisal))) == 1


@pytest.mark.parametrize(
    ("changes", "said", "not_said"),
    [
        ({"shared_patients": 2}, "share 2 patients with those that were tested", "share no"),
        ({"tune_images": 0}, "", "tuning radiographs of"),
        ({"most_images": 1}, "", "had up to"),
        ({"most_images": 1, "test_images": 220}, "Every patient had one", "had up to"),
    ],
)
def test_the_split_is_told_as_it_is(appraisal, changes, said, not_said):
    whole = " ".join(paragraphs(replace(appraisal, split=replace(appraisal.split, **changes))))
    assert said in whole
    assert not_said not in whole


def test_points_of_patients_in_both_parts_are_not_called_untouched(appraisal):
    split = replace(appraisal.split, shared_patients=2)
    whole = " ".join(paragraphs(replace(appraisal, split=split)))
    assert "none on the radiographs that were tested" not in whole


def test_points_from_elsewhere(appraisal):
    found = tuple(
        replace(f, points=tuple(replace(p, fixed_on="bundle card") for p in f.points))
        for f in appraisal.findings
    )
    whole = " ".join(paragraphs(replace(appraisal, findings=found)))
    assert "were fixed beforehand on the bundle's card" in whole


def test_points_given_by_hand_are_a_persons_to_explain(appraisal):
    found = tuple(
        replace(f, points=tuple(replace(p, fixed_on="given") for p in f.points))
        for f in appraisal.findings
    )
    whole = " ".join(paragraphs(replace(appraisal, findings=found)))
    assert "how those given by hand were chosen is for a person to say" in whole
    assert "none on the radiographs that were tested" not in whole


def test_the_file_is_wrapped(appraisal):
    text = as_text(appraisal)
    assert max(map(len, text.splitlines())) <= 96
    assert text.endswith("checklist.csv.\n")
    assert "Biometrics 1988" in text


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("3 images have no prediction: 'a b/1.png', '2.png' and 1,200 more.",
         "3 images have no prediction."),
        ("One image is named twice: 'x.png'.", "One image is named twice."),
        ("No threshold was fixed: name tune rows (--tune) or give one.", ""),
        ("Cells left out: mass 3.", "Cells left out: mass 3."),
        ("Half of the rows trained it. --test test measures the others.",
         "Half of the rows trained it."),
    ],
)  # fmt: skip
def test_notes_are_told_without_names_of_images_and_options(appraisal, note, said):
    assert left_out(replace(appraisal, notes=(note,))) == said


def test_limits_are_told(appraisal):
    assert "\nLimits: The scores follow the road.\n" in as_text(appraisal)
    warned = replace(appraisal, warnings=("Undefined, with one class alone: Hernia.",))
    assert "Limits" not in as_text(warned)


def test_intervals_that_are_not_stated_are_not_told(appraisal):
    few = tuple(
        replace(f, **{name: replace(getattr(f, name), low=None, high=None, reason="no interval")
                      for name in ("auroc", "average_precision", "prevalence")})
        for f in appraisal.findings
    )  # fmt: skip
    text = as_text(replace(appraisal, findings=few))
    assert "bootstrap" not in text.casefold()
    assert "ntervals are 95" not in text


def test_how_boxes_were_measured_is_told_with_its_sources(appraisal):
    said = " ".join(paragraphs(appraisal))
    for told in (
        "intersection over union (IoU) of .5", "of COCO (", "of VOC 2010 (",
        "at 0.125, 0.25, 0.5, 1, 2, 4 and 8 false boxes a radiograph",
        "the middle of the model's surest box",
        f"on {appraisal.localisation.images} radiographs of",
        "readers looked and drew no box counted",
        "on those without a box of the model every box of the readers was missed",
    ):  # fmt: skip
        assert told in said
    sources = " ".join(references(appraisal))
    for source in ("Lin TY", "Everingham M", "Bunch PC", "Setio", "Zhang J", "Wang X"):
        assert source in sources
    only = replace(appraisal.localisation, counted="boxed")
    alone = " ".join(paragraphs(replace(appraisal, localisation=only)))
    assert "on the radiographs with a box of it alone" in alone
    assert "drew no box counted" not in alone
