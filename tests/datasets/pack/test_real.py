"""Real radiographs, where they lie beside the checkout."""

import numpy as np

from hilum.bundles.card import Preprocessing
from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.pack import Pack, PackSpec
from hilum.domain import LabelTable
from hilum.domain.text import text
from hilum.errors import IntakeError
from hilum.imaging import find_files, read
from hilum.transforms.preprocess import LONGEST_PX, prepare
from tests.datasets.pack.drawn import fill

SPEC = PackSpec((320, 320), "squash")


def test_radiographs_of_the_manifest(shared, tmp_path):
    folder = shared / "radiographs"
    columns = Columns(
        image="file",
        patient="patient_id",
        labels="lt20",
        columns={"source": "source", "width_px": "out_w", "height_px": "out_h"},
    )
    table = read_csv(folder / "manifest.csv", columns)
    some = table.rows(np.arange(0, len(table), 60))
    run = fill(tmp_path / "p", some, folder, SPEC)
    assert run.refused == []
    pack = Pack.open(tmp_path / "p")
    assert pack.names.tolist() == some.images.tolist()
    assert pack.table.digest() == some.digest()
    assert pack.index["source_width"].tolist() == some.columns["width_px"].tolist()
    assert pack.index["source_height"].tolist() == some.columns["height_px"].tolist()
    for row in (0, len(pack) // 2, len(pack) - 1):
        pixels = read(folder / str(pack.names[row]), longest_px=LONGEST_PX).pixels
        wanted, _ = prepare(pixels, Preprocessing(size=(320, 320)))
        assert np.array_equal(pack[row], np.rint(wanted[0] * 255))


def test_dicom_files_sound_and_broken(shared, tmp_path):
    folder = shared / "dicom"
    names = [file.name for file in find_files([folder])]
    refused = set()
    for name in names:
        try:
            read(folder / name)
        except IntakeError:
            refused.add(name)
    table = LabelTable(text(names), (), np.zeros((len(names), 0), np.uint8), text(names))
    run = fill(tmp_path / "p", table, folder, SPEC)
    assert {one.name for one in run.refused} == refused
    assert len(Pack.open(tmp_path / "p")) == len(names) - len(refused) > 5
