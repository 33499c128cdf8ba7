"""Every label of every collection is mapped into the vocabulary, or listed with a reason."""

import pytest

from hilum.datasets.collection import Collection
from hilum.datasets.collections import COLLECTIONS
from hilum.domain import finding

UNDECIDED: dict[str, set[str]] = {
    "covid-chestxray": {"Unknown", "todo"},
    "padchest": {
        "abscess", "bronchovascular markings", "chronic changes", "cyst", "end on vessel",
        "exclude", "increased density", "lipomatosis", "obesity", "respiratory distress",
        "suboptimal study", "unchanged",
    },
    "siim-covid19": {"none"},
}  # fmt: skip
"""Collection → labels that are mapped to no finding; a change here is a decision."""


@pytest.fixture(params=sorted(COLLECTIONS))
def collection(request: pytest.FixtureRequest) -> Collection:
    return COLLECTIONS.resolve(request.param)


def test_labels_are_mapped_to_findings_that_exist(collection: Collection) -> None:
    assert collection.labels
    for key in filter(None, collection.labels.values()):
        finding(key)


def test_labels_that_are_not_are_listed_with_a_reason(collection: Collection) -> None:
    without = {label for label, key in collection.labels.items() if key is None}
    assert without == set(collection.undecided)
    assert all(reason.endswith(".") for reason in collection.undecided.values())


def test_labels_not_yet_decided(collection: Collection) -> None:
    assert set(collection.undecided) == UNDECIDED.get(collection.name, set())
