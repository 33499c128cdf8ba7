"""The output folder: its files, its journal, and what stops and goes on."""

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import cv2
import jsonschema
import numpy as np
import pytest

from hilum.domain import CHEST14, Acquisition, GateVerdict, Note, Prediction, Reading, Refusal
from hilum.errors import RunError
from hilum.report.folder import OutputFolder
from hilum.report.names import uncell

ROTATED = Note("rotated", "The chest is rotated by 12°.")


def table(path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_files_of_a_run(make, tmp_path):
    out = tmp_path / "deep" / "out"
    damaged = Refusal("c.dcm", "intake", (Note("damaged", "It ends, early."),))
    page = make.fill(
        out,
        [
            make.reading("b/2.png", (0.3, 0.9, 0.01)),
            make.reading("a.png", (0.1, 0.1, 0.01)),
            make.refusal("hand.dcm"),
            damaged,
        ],
    )
    assert page == out / "report.html"
    assert (out / "readings.csv").read_text() == (
        "Image Index,Predict label\na.png,\nb/2.png,Cardiomegaly Effusion\n"
    )
    assert table(out / "refused.csv") == [
        ["image", "stage", "code", "reason"],
        ["c.dcm", "intake", "damaged", "It ends, early."],
        ["hand.dcm", "gate", "not-a-chest", "This is no chest: BodyPartExamined is HAND."],
    ]
    findings = table(out / "findings.csv")
    head = ["image", "finding", "probability", "operating_point", "decision", "calibrated"]
    assert findings[0] == head
    assert findings[1] == ["a.png", "cardiomegaly", "0.1", "0.2", "absent", "yes"]
    assert findings[5] == ["b/2.png", "effusion", "0.9", "0.4", "present", "yes"]
    assert findings[6] == ["b/2.png", "hernia", "0.01", "0.05", "absent", "no"]
    assert sorted(p.name for p in (out / "heatmaps").iterdir()) == [
        "a.png.cardiomegaly.jpg",
        "b__2.png.cardiomegaly.jpg",
        "b__2.png.effusion.jpg",
    ]
    assert sorted(p.name for p in (out / "previews").iterdir()) == [
        "a.png.jpg",
        "b__2.png.jpg",
        "hand.dcm.jpg",
    ]
    assert not list(out.rglob("tmp"))


def test_labels_are_written_without_spaces(make, tmp_path):
    predictions = tuple(Prediction(key, 0.0, 0.5, 0.5) for key in CHEST14)
    picture = make.radiograph("x.png")
    reading = Reading(
        picture.source,
        Acquisition(),
        "b 1.0.0",
        "d",
        predictions,
        GateVerdict(),
        radiograph=picture,
    )
    make.fill(tmp_path, [reading])
    labels = table(tmp_path / "readings.csv")[1][1].split(" ")
    assert len(labels) == 14
    assert "Pleural_Thickening" in labels
    assert not list((tmp_path / "heatmaps").iterdir())  # this bundle draws none


def test_readings_json_keeps_to_its_schema_and_holds_no_patient(make, tmp_path):
    note = Note("read-as", "8 bits.", warning=False)
    whole = make.reading("a.png", notes=(ROTATED, note))
    lateral = Refusal(
        "l.dcm",
        "gate",
        (Note("lateral", "Lateral."),),
        acquisition=Acquisition(
            modality="CR", patient_orientation=("L", "F"), spacing_mm=(0.1, 0.1), frames=2, kvp=90.0
        ),
        gate=GateVerdict(reasons=(Note("lateral", "Lateral."),), distance=float("nan"), limit=2.0),
    )
    make.fill(tmp_path, [whole, lateral, make.refusal()], title="T", prevalence="0.02")
    data = json.loads((tmp_path / "readings.json").read_text("utf-8"))
    schema = json.loads(
        (files("hilum.report") / "schema" / "readings.schema.json").read_text("utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema, jsonschema.Draft202012Validator)
    (reading,) = data["readings"]
    assert data["bundle"] == {"name": "drawn3", "version": "1.0.0", "digest": "ab" * 32}
    assert data["prevalence"] == "0.02"
    assert data["counts"] == {"read": 1, "refused": 2, "passed_over": 0}
    assert reading["predictions"][1]["probability"] == 0.9
    assert reading["predictions"][1]["decision"] == "present"
    assert (tmp_path / reading["preview"]).is_file()
    assert (tmp_path / reading["heatmaps"]["effusion"]).is_file()
    assert [n["code"] for n in reading["notes"]] == ["rotated", "read-as"]
    text = json.dumps(data)
    assert "63" not in text  # the age in the fixture's header
    assert "sex" not in text
    assert data["refusals"][1]["gate"]["distance"] is None  # NaN is no JSON


def test_an_empty_run_has_whole_files(make, tmp_path):
    make.fill(tmp_path, [])
    assert (tmp_path / "readings.csv").read_text() == "Image Index,Predict label\n"
    data = json.loads((tmp_path / "readings.json").read_text("utf-8"))
    assert (data["readings"], data["refusals"]) == ([], [])


@pytest.mark.parametrize(
    "name",
    ["../../evil.png", "=cmd|' /C calc'!A0.png", "a\nb.png", "\udcff.png", "x" * 400, '<b>".png'],
)
def test_a_hostile_name_stays_inside_and_comes_back(make, tmp_path, name):
    out = tmp_path / "out"
    make.fill(out, [make.reading(name), make.refusal("-" + name)])
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    given = uncell(table(out / "readings.csv")[1][0])
    assert given == name.encode("utf-8", "backslashreplace").decode()
    assert json.loads((out / "readings.json").read_text("utf-8"))["readings"][0]["image"] == name
    assert table(out / "refused.csv")[1][0].startswith("'-")
    for folder, count in (("previews", 2), ("heatmaps", 1)):
        assert len(list((out / folder).iterdir())) == count


def test_pictures_can_be_looked_at(make, tmp_path):
    make.fill(tmp_path, [make.reading("a.png", shape=(1600, 1200))])
    grey = cv2.imread(str(tmp_path / "previews" / "a.png.jpg"), cv2.IMREAD_UNCHANGED)
    lit = cv2.imread(str(tmp_path / "heatmaps" / "a.png.effusion.jpg"))
    assert grey.shape == (768, 576)
    assert lit.shape == (768, 576, 3)
    red = lit[..., 2].astype(int) - lit[..., 0]
    y, x = np.unravel_index(red.argmax(), red.shape)
    assert 4 / 7 < y / 768 < 6 / 7  # the fixture's evidence: rows 4 and 5, columns 1 and 2
    assert 1 / 7 < x / 576 < 3 / 7


def test_drawing_in_threads_gives_the_same_files_in_any_order(make, tmp_path):
    items = [make.reading(f"{i:02d}.png", (0.01 + i / 40, 0.5, 0.01)) for i in range(20)]
    make.fill(tmp_path / "one", items)
    folder = OutputFolder.open(tmp_path / "two", bundle=make.bundle())
    with ThreadPoolExecutor(4) as pool:
        for drawn in pool.map(folder.draw, reversed(items)):
            folder.add(drawn)
    folder.finish()
    same = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.[cj][sp][vg]")]
    assert len(same) > 40  # three tables, a preview and at least one heatmap each
    for name in same:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_drawn_image_holds_no_pixels(make, tmp_path):
    folder = OutputFolder.open(tmp_path, bundle=make.bundle())
    drawn = folder.draw(make.reading(shape=(900, 900)))
    assert len(json.dumps([drawn.record, drawn.grids])) < 4000


def test_a_reading_without_its_picture_cannot_be_drawn(make, tmp_path):
    folder = OutputFolder.open(tmp_path, bundle=make.bundle())
    with pytest.raises(ValueError, match=r"a\.png: draw needs the reading's radiograph"):
        folder.draw(make.reading(with_picture=False))


def test_a_name_is_added_once(make, tmp_path):
    folder = OutputFolder.open(tmp_path, bundle=make.bundle())
    folder.add(folder.draw(make.reading("a.png")))
    with pytest.raises(RunError, match=r"'a\.png' was added twice"):
        folder.add(folder.draw(make.refusal("a.png")))


def test_a_killed_run_goes_on_where_it_stopped(make, tmp_path):
    items = [make.reading("a.png"), make.refusal("b.dcm"), make.reading("c.png")]
    make.fill(tmp_path / "whole", items)
    out = tmp_path / "out"
    first = OutputFolder.open(out, bundle=make.bundle())
    for item in items[:2]:
        first.add(first.draw(item))
    journal = out / ".hilum" / "journal.jsonl"
    first.close()  # no finish: the process is gone, and its lock with it
    with journal.open("ab") as file:
        file.write(b'{"kind":"reading","rec')
    again = OutputFolder.open(out, bundle=make.bundle(), resume=True)
    assert again.done == {"a.png", "b.dcm"}
    again.add(again.draw(items[2]))
    again.finish()
    for name in ("readings.csv", "refused.csv", "findings.csv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    data = json.loads((out / "readings.json").read_text("utf-8"))
    assert data["started"] == first._facts["started"]


def test_a_finished_run_can_be_continued_with_more_files(make, tmp_path):
    make.fill(tmp_path, [make.reading("a.png")])
    make.fill(tmp_path, [make.reading("b.png")], resume=True)
    assert [row[0] for row in table(tmp_path / "readings.csv")[1:]] == ["a.png", "b.png"]


def test_resume_of_a_folder_without_results_begins(make, tmp_path):
    with OutputFolder.open(tmp_path / "new", bundle=make.bundle(), resume=True) as folder:
        assert folder.done == set()
    # opened and killed before the first image: no results, so nothing is lost by beginning anew
    with OutputFolder.open(tmp_path / "new", bundle=make.bundle()) as folder:
        assert folder.done == set()


def test_one_run_at_a_time(make, tmp_path):
    text = (
        "import sys, pathlib, time; from hilum.lock import hold\n"
        "p = pathlib.Path(sys.argv[1]); hold(p, p.parent); print(flush=True); time.sleep(60)"
    )
    (tmp_path / ".hilum").mkdir()
    lock = tmp_path / ".hilum" / "lock"
    with subprocess.Popen([sys.executable, "-c", text, lock], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(RunError, match=rf"Another run \(process {other.pid}\) writes into"):
            OutputFolder.open(tmp_path, bundle=make.bundle())
        other.kill()
    with OutputFolder.open(tmp_path, bundle=make.bundle()) as folder:  # no lock is left behind
        with pytest.raises(RunError, match="wait for it, or choose another folder"):
            OutputFolder.open(tmp_path, bundle=make.bundle())
        folder.finish()


def test_pictures_that_a_power_cut_took_are_drawn_again(make, tmp_path):
    items = [make.reading("a.png"), make.reading("b.png"), make.refusal("c.dcm")]
    make.fill(tmp_path, items)
    (tmp_path / "previews" / "a.png.jpg").write_bytes(b"")
    (tmp_path / "previews" / "c.dcm.jpg").unlink()
    with OutputFolder.open(tmp_path, bundle=make.bundle(), resume=True) as folder:
        assert folder.done == {"b.png"}
        folder.add(folder.draw(items[0]))
        folder.add(folder.draw(make.reading("c.dcm")))  # the gate has changed its mind
    with OutputFolder.open(tmp_path, bundle=make.bundle(), resume=True) as folder:
        assert folder.done == {"a.png", "b.png", "c.dcm"}
        assert folder.refused() == {}
        folder.finish()
    assert len(table(tmp_path / "readings.csv")) == 4
    assert len(table(tmp_path / "refused.csv")) == 1


def test_a_run_stopped_early_says_so(make, tmp_path):
    folder = OutputFolder.open(tmp_path, bundle=make.bundle())
    folder.add(folder.draw(make.reading()))
    page = folder.finish(complete=False)
    assert "stopped before every file had its turn" in page.read_text("utf-8")
    assert json.loads((tmp_path / "readings.json").read_text("utf-8"))["complete"] is False


def test_foreign_files_are_left_alone(make, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for resume in (False, True):
        with pytest.raises(RunError, match="holds files that are not results of an earlier"):
            OutputFolder.open(tmp_path, bundle=make.bundle(), resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_earlier_results_are_not_overwritten(make, tmp_path):
    make.fill(tmp_path, [make.reading()])
    with pytest.raises(RunError, match="go on with --resume, or choose another folder"):
        OutputFolder.open(tmp_path, bundle=make.bundle())


def test_resume_needs_the_same_bundle_and_prevalence(make, tmp_path):
    make.fill(tmp_path, [make.reading()])
    with pytest.raises(RunError, match=r"made with bundle drawn3 1\.0\.0 \(abab.*cdcd"):
        OutputFolder.open(tmp_path, bundle=make.bundle("cd" * 32), resume=True)
    with pytest.raises(RunError, match=r"prevalence 'training', and this run has '0\.01'"):
        OutputFolder.open(tmp_path, bundle=make.bundle(), resume=True, prevalence="0.01")


def test_a_file_is_no_folder(make, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(RunError, match="is a file, and results need a folder"):
        OutputFolder.open(tmp_path / "out", bundle=make.bundle())


def test_a_damaged_run_file_is_named(make, tmp_path):
    make.fill(tmp_path, [make.reading()])
    (tmp_path / ".hilum" / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        OutputFolder.open(tmp_path, bundle=make.bundle(), resume=True)


def test_a_disk_that_refuses_is_a_run_error(make, tmp_path):
    folder = OutputFolder.open(tmp_path, bundle=make.bundle())
    (tmp_path / "previews" / "a.png.jpg").mkdir()  # stands in the way of the picture
    with pytest.raises(RunError, match=r"previews/a\.png\.jpg could not be written"):
        folder.draw(make.reading("a.png"))
    (tmp_path / "blocked").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        OutputFolder.open(tmp_path / "blocked" / "out", bundle=make.bundle())
