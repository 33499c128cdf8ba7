import numpy as np
import pytest

from hilum.datasets.kinds import with_kinds
from hilum.domain import State

A, P, M = State.ABSENT, State.PRESENT, State.UNMENTIONED
KEYS = ("pneumonia", "viral_pneumonia", "covid_19", "bacterial_pneumonia", "mass")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ((A, A, A, A, P), (A, A, A, A, P)),
        ((P, A, A, A, A), (P, M, M, M, A)),  # pneumonia leaves its cause open
        ((A, P, A, A, A), (P, P, M, A, A)),  # viral pneumonia is pneumonia, and not bacterial
        ((A, A, P, A, A), (M, M, P, A, A)),  # COVID-19 is the patient's: is it on the image?
        ((P, A, P, A, A), (P, M, P, M, A)),
        ((A, P, P, A, A), (P, P, P, A, A)),
        ((P, A, A, P, A), (P, M, M, P, A)),
        ((M, M, M, M, M), (M, M, M, M, M)),
    ],
)
def test_kinds_do_not_contradict_each_other(named, told):
    assert with_kinds(KEYS, np.array([named], np.uint8)).tolist() == [list(told)]
