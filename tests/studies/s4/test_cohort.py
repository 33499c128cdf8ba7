import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import LabelError
from hilum.studies.s4.arms import columns_of
from hilum.studies.s4.cohort import INNER, OUTER, divide, fold_of, read_cohort, references
from tests.studies.s4.conftest import write_manifest

pytestmark = pytest.mark.train


def test_what_the_manifest_says(drawn):
    cohort = read_cohort(drawn)
    assert len(cohort.died) == 36
    assert (cohort.count, int(cohort.patients_died.sum())) == (24, 10)
    assert set(cohort.source.tolist()) == {"one.example", "CC BY"}
    assert np.nanmin(cohort.age[cohort.died]) > np.nanmax(cohort.age[~cohort.died])
    assert np.isnan(cohort.age).any()
    assert set(cohort.care["intubated"][cohort.died]) == {1.0}  # what follows ; is a remark
    assert np.isnan(cohort.care["in_icu"]).all()
    assert cohort.days.max() == 23
    assert not cohort.covid.all()


def test_folds_hold_patients_together_and_use_every_row_once(drawn):
    cohort = read_cohort(drawn)
    folds = divide(cohort)
    every = np.arange(len(cohort.died))
    assert len(folds) == OUTER
    assert np.array_equal(np.sort(np.concatenate([one.held for one in folds])), every)
    for fold in folds:
        assert not set(cohort.patients[fold.held]) & set(cohort.patients[fold.rest])
        assert len(np.unique(cohort.patients[fold.held[cohort.died[fold.held]]])) == 2
        assert len(fold.inner) == INNER
        chosen = np.concatenate([choose for _, choose in fold.inner])
        assert np.array_equal(np.sort(chosen), fold.rest)
        for learn, choose in fold.inner:
            assert not set(cohort.patients[learn]) & set(cohort.patients[choose])
            assert not set(learn) & set(fold.held)
            assert cohort.died[learn].any()
            assert cohort.died[choose].any()
    assert not np.array_equal(fold_of(folds, 36), fold_of(divide(cohort, 1), 36))


def test_means_of_patients(drawn):
    cohort = read_cohort(drawn)
    values = np.random.default_rng(0).normal(size=(2, 3, 36))
    means = cohort.means(values)
    assert means.shape == (2, 3, 24)
    assert means[1, 2, 5] == pytest.approx(values[1, 2, cohort.patients == 5].mean())
    images, patients = references(cohort, divide(cohort))
    assert images.groups == patients.groups == 24


def test_columns(drawn):
    cohort = read_cohort(drawn)
    assert columns_of(cohort, ("age", "male", "days")).shape == (36, 3)
    assert columns_of(cohort, ("source",)).sum(1).tolist() == [1.0] * 36
    assert set(columns_of(cohort, ("unknown",)).ravel()) == {0.0, 1.0}


def test_another_cohort_has_another_digest(drawn, tmp_path):
    one, other = read_cohort(drawn), read_cohort(write_manifest(tmp_path, alive=15))
    assert one.digest == read_cohort(drawn).digest != other.digest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dead": 9}, "of 9 patients who died and 14 who did not, there must be 10"),
        ({"alive": 8}, "8 who did not"),
        ({"mixed": True}, "1 patients are said to have died and to have survived"),
    ],
)
def test_a_cohort_that_cannot_be_divided_is_refused(tmp_path, options, said):
    if options.get("mixed"):  # the first patient needs two images
        folder = write_manifest(tmp_path, **options)
        text = (folder / "manifest.csv").read_text(encoding="utf-8")
        (folder / "manifest.csv").write_text(text.replace(",p2,", ",p0,"), encoding="utf-8")
    else:
        folder = write_manifest(tmp_path, **options)
    with pytest.raises(LabelError, match=said):
        read_cohort(folder)


def test_no_manifest(tmp_path):
    with pytest.raises(LabelError, match=r"manifest\.csv"):
        read_cohort(tmp_path)
