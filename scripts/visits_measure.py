"""Measure how much a bundle's predictions differ between visits, and how well visits are laid.

    python -m scripts.visits_measure BUNDLE RUN SHARED/radiographs/manifest.csv --source WORDS
    python -m scripts.visits_measure --registration SHARED/radiographs

The first writes ``src/hilum/reading/visits/spreads/BUNDLE.toml``. RUN is the folder of the training
that BUNDLE came from, with folds divided by patient: it holds ``out-of-fold.npz``. Files are taken
in the order of their names within a patient. Both write their tables into docs/visits.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import load
from hilum.datasets.source import read_columns
from hilum.domain import Affine, Radiograph, Refusal, Source, State
from hilum.phantoms import draw_chest
from hilum.reading.lungs import LungReader
from hilum.reading.visits import Registration, VisitPicture, register
from hilum.reading.visits.measuring import (
    Judged,
    as_toml,
    measure,
    pairs_of,
    predictions_of,
    visit_of,
)
from hilum.reading.visits.spread import SHIPPED, read_spread, scores_digest
from scripts.visits_tables import registration_rows, spread_rows, within

PAGE = Path("docs/visits.md")
OTHERS = 200
"""Pairs of two persons that are laid on each other."""

DRAWN = 30
SIDE_PX = 512


def main() -> None:
    """Measure one of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", type=Path, nargs="*")
    parser.add_argument("--source", default="")
    parser.add_argument("--registration", type=Path)
    given = parser.parse_args()
    if given.registration:
        _registrations(given.registration)
    else:
        bundle, run, manifest = given.what
        _spread(str(bundle), run, manifest, given.source)


def _spread(name: str, run: Path, manifest: Path, source: str) -> None:
    held = np.load(run / "out-of-fold.npz", allow_pickle=False)
    bundle = load(name)
    cells = read_columns(manifest, ["file", "patient_id", "view"])
    row = {file: at for at, file in enumerate(cells["file"].tolist())}
    rows = [row[str(image)] for image in held["images"]]
    by_name = sorted(
        range(len(rows)),
        key=lambda at: (cells["patient_id"][rows[at]], _after_number(cells["file"][rows[at]])),
    )
    findings = bundle.card.findings
    line = held["logits"] * [f.calibration.slope for f in findings]
    line = line + [f.calibration.intercept for f in findings]
    if any(f.calibration.beta or f.calibration.steps for f in findings):
        raise SystemExit("This bundle is calibrated by a curve; the script knows lines alone.")
    chance = 1 / (1 + np.exp(-line.astype(np.float64)))
    points = [f.operating_point.threshold for f in findings]
    states = np.where(
        held["mask"],
        np.where(held["targets"] > 0.5, State.PRESENT, State.ABSENT),
        State.UNMENTIONED,
    )
    facts = (str(bundle), bundle.digest)
    visits = [
        visit_of(
            facts,
            predictions_of(bundle.card.keys, chance[at].tolist(), points),
            str(cells["view"][rows[at]]),
        )
        for at in by_name
    ]
    patients = [str(cells["patient_id"][rows[at]]) for at in by_name]
    judged = Judged(visits, patients, states[by_name].astype(np.uint8))
    path = SHIPPED / f"{name}.toml"
    path.write_text(as_toml(measure(judged, scores_digest(bundle), source=source, seed=0)), "utf-8")
    said = spread_rows(read_spread(path))
    PAGE.write_text(within(PAGE.read_text("utf-8"), name, said), "utf-8")
    print(said)


def _after_number(file: str) -> str:
    """``nih14/0001_00000075_000.jpg`` without the number that the file begins with."""
    return file.rsplit("/", 1)[-1].split("_", 1)[-1]


def _registrations(folder: Path) -> None:
    cells = read_columns(folder / "manifest.csv", ["file", "patient_id"], where={"source": "nih14"})
    order = sorted(
        range(len(cells["file"])),
        key=lambda at: (cells["patient_id"][at], _after_number(cells["file"][at])),
    )
    files = [str(cells["file"][at]) for at in order]
    patients = [str(cells["patient_id"][at]) for at in order]
    pairs = pairs_of(patients)
    lungs, kept = LungReader.of("lungs"), dict[int, VisitPicture]()
    for at in sorted({int(at) for at in pairs.ravel()}):
        found = lungs.read(folder / files[at])
        if not isinstance(found, Refusal):
            kept[at] = VisitPicture.of(found)
    rng = np.random.default_rng(0)
    some = list(kept)
    strangers = [(int(a), int(b)) for a, b in rng.choice(some, (2 * OTHERS, 2))]
    strangers = [(a, b) for a, b in strangers if patients[a] != patients[b]][:OTHERS]
    rows: list[tuple[str, int, list[Registration]]] = []
    both = [(int(a), int(b)) for a, b in pairs if int(a) in kept and int(b) in kept]
    for name, asked in (("of one patient, visit after visit", both), ("of two persons", strangers)):
        laid = [register(kept[a], kept[b]) for a, b in asked]
        rows.append((name, len(asked), [one for one in laid if isinstance(one, Registration)]))
    said = registration_rows(rows, _drawn(lungs))
    PAGE.write_text(within(PAGE.read_text("utf-8"), "registration", said), "utf-8")
    print(said)


def _drawn(lungs: LungReader) -> list[float]:
    """Root mean square error on the lungs of drawn chests that a known map moved, of the side."""
    errors: list[float] = []
    for seed in range(DRAWN):
        rng = np.random.default_rng(seed)
        phantom = draw_chest(rng, size=(SIDE_PX, SIDE_PX))
        true = _some_map(rng)
        half = Affine.shift(0.5, 0.5)
        matrix = np.asarray(half.then(true).then(half.inverse()).matrix)
        there = cv2.warpAffine(phantom.pixels, matrix, (SIDE_PX, SIDE_PX))
        noisy = there ** rng.uniform(0.8, 1.25) + rng.normal(0, 0.02, there.shape)
        both = [lungs(_radiograph(pixels)) for pixels in (phantom.pixels, np.clip(noisy, 0, 1))]
        found = register(*(VisitPicture.of(one) for one in both if not isinstance(one, Refusal)))
        if not isinstance(found, Registration):
            raise SystemExit(f"A drawn chest was not laid: {found.reasons[0].message}")
        inside = phantom.masks["lung_right"] | phantom.masks["lung_left"]
        points = np.argwhere(inside)[::100, ::-1] + 0.5
        off = ((found.affine(points) - true(points)) ** 2).sum(1).mean()
        errors.append(float(np.sqrt(off)) / SIDE_PX)
    return errors


def _some_map(rng: np.random.Generator) -> Affine:
    """Up to 8° of rotation, 15 % of zoom, 5 % of stretch, 6 % of shift."""
    centre = SIDE_PX / 2
    turn = cv2.getRotationMatrix2D((centre, centre), rng.uniform(-8, 8), rng.uniform(0.88, 1.15))
    (a, b, x), (c, d, y) = turn.tolist()
    shift = rng.uniform(-0.06, 0.06, 2) * SIDE_PX
    stretched = Affine(((a, b, x), (c, d, y))).then(Affine.scale(rng.uniform(0.95, 1.05), 1))
    return stretched.then(Affine.shift(*shift.tolist()))


def _radiograph(pixels: NDArray[np.floating]) -> Radiograph:
    return Radiograph(pixels.astype(np.float32), Source("drawn", "png", (SIDE_PX, SIDE_PX)))


if __name__ == "__main__":
    main()
