"""Zones are the patient's: on mirrored pictures as well; turned ones have none."""

import numpy as np
import pytest

from hilum.domain import Acquisition, FoundBox, Radiograph, Reading, Source
from hilum.imaging import read, write_dicom
from hilum.phantoms import Lesion, draw_chest
from hilum.reading import Reader
from hilum.reading.boxes.placing import placed
from hilum.reading.extent import of_boxes, of_mask
from hilum.reading.lungs import STRUCTURES, LungReader

TURNS = {
    ("L", "F"): lambda plane: plane,
    ("R", "F"): lambda plane: plane[:, ::-1],
    ("R", "H"): lambda plane: plane[::-1, ::-1],
    ("L", "H"): lambda plane: plane[::-1],
    ("F", "R"): np.rot90,
}
"""How a picture is stored whose header says so."""

UPRIGHT = [("L", "F"), ("R", "F")]
TURNED = [said for said in TURNS if said not in UPRIGHT]


@pytest.fixture(scope="module")
def lungs():
    return LungReader.of("lungs")


@pytest.fixture(scope="module")
def chest():
    lesion = Lesion("nodule", "right", 0.9)
    phantom = draw_chest(np.random.default_rng(3), size=(384, 384), lesions=[lesion])
    assert (phantom.masks["nodule"] & phantom.masks["lung_right"]).any()
    return phantom


@pytest.fixture
def stored(chest, tmp_path):
    """A DICOM file with a header that tells how it is stored."""

    def store(said):
        file = tmp_path / "chest.dcm"
        grey = np.rint(TURNS[said](chest.pixels) * 4095).astype(np.uint16)
        facts = {"modality": "DX", "body_part": "CHEST", "view": "PA", "orientation": said}
        write_dicom(file, grey, **facts)
        return file

    return store


def box_on(plane):
    """The nodule, as a detector would draw it."""
    y, x = np.nonzero(plane)
    xywh = (float(x.min()), float(y.min()), float(np.ptp(x) + 1), float(np.ptp(y) + 1))
    return FoundBox("nodule", 0.5, xywh, "detector")


@pytest.mark.parametrize("said", UPRIGHT)
def test_sides_are_the_patients_however_the_picture_is_stored(lungs, chest, stored, said):
    film = read(stored(said))
    assert ("mirrored" in {note.code for note in film.notes}) is film.acquisition.mirrored
    fields = lungs(film)
    assert fields.plausible
    nodule = TURNS[said](chest.masks["nodule"])
    for name, mask in zip(STRUCTURES, fields.masks, strict=True):
        truth = TURNS[said](chest.masks[name])
        assert (mask & truth).sum() > 0.8 * truth.sum()
    (found,) = placed([box_on(nodule)], film, fields)
    assert found.zones == ("right middle",)
    for extent in (of_boxes([box_on(nodule)], fields), of_mask(nodule, fields)):
        assert extent.right > 0
        assert extent.left == 0
        assert extent.zones["right middle"] > 0
    right, left = fields.shape.area
    assert right == pytest.approx(float(fields.masks[0].mean()), abs=0.01)
    assert left == pytest.approx(float(fields.masks[1].mean()), abs=0.01)


@pytest.mark.parametrize("said", TURNED)
def test_lungs_of_a_turned_picture_are_not_believed(lungs, chest, stored, said):
    film = read(stored(said))
    fields = lungs(film)
    assert "turned" in {note.code for note in fields.concerns}
    (found,) = placed([box_on(TURNS[said](chest.masks["nodule"]))], film, fields)
    assert (found.zones, found.in_lungs) == ((), None)
    with pytest.raises(ValueError, match="not plausible"):
        of_mask(np.zeros(film.shape, np.bool_), fields)


def test_a_header_that_says_turned_is_believed_of_a_picture_that_looks_upright(lungs, chest):
    source = Source("a", "dicom", chest.pixels.shape)
    fields = lungs(Radiograph(chest.pixels, source, Acquisition(patient_orientation=("RA", "H"))))
    (note,) = fields.concerns
    assert (note.code, note.warning) == ("turned", True)
    assert note.message.startswith("Patient Orientation RA\\H: ")


@pytest.mark.parametrize(
    ("said", "mirrored", "turned"),
    [
        ((), False, False),
        (("L", "F"), False, False),
        (("LP", "FA"), False, False),
        (("R", "F"), True, False),
        (("RA", "F"), True, False),
        (("R",), False, False),
        (("R", "H"), False, True),
        (("L", "H"), False, True),
        (("H", "L"), False, True),
        (("F", "R"), False, True),
        (("A", "F"), False, False),  # a lateral view: the gate's matter
    ],
)
def test_what_patient_orientation_says(said, mirrored, turned):
    facts = Acquisition(patient_orientation=said)
    assert (facts.mirrored, facts.turned) == (mirrored, turned)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_boxes_on_a_turned_picture_have_no_zones_and_a_note_says_why(boxed_bundle, chest, quarters):
    pixels = np.ascontiguousarray(np.rot90(chest.pixels, quarters))
    film = Radiograph(pixels, Source("a", "png", pixels.shape))
    reading = Reader.of(boxed_bundle([[8, 8, 56, 56, 0.9, 0]]), boxes=True)(film)
    assert isinstance(reading, Reading)
    assert "turned" in {note.code for note in reading.gate.flags}
    (box,) = reading.boxes
    assert (box.zones, box.in_lungs) == ((), None)
    (note,) = [note for note in reading.notes if note.code == "no-zones"]
    why = "The picture may be turned" if quarters == 2 else "The lungs were not found"
    assert note.message.startswith(f"{why}, so boxes have no zones. ")


def test_a_turned_picture_is_not_cropped_to_lungs(boxed_bundle, lungs, chest):
    bundle = boxed_bundle([[0, 0, 64, 64, 0.9, 0]], crop="lungs", crop_by=lungs.bundle.digest)
    pixels = np.ascontiguousarray(chest.pixels[::-1, ::-1])
    film = Radiograph(pixels, Source("a", "png", pixels.shape))
    reading = Reader.of(bundle, boxes=True)(film)
    assert isinstance(reading, Reading)
    (note,) = [note for note in reading.notes if note.code == "lungs-not-cropped"]
    assert note.message.startswith(
        "The picture may be turned, so the network, which learnt from crops"
    )
    (box,) = reading.boxes
    assert box.xywh == pytest.approx((0, 0, 384, 384))
    assert box.zones == ()
