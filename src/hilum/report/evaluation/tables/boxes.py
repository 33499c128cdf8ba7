"""Boxes of the model against those of readers."""

from __future__ import annotations

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation.tables.table import Table, cells, columns, made


def localisation(a: Appraisal) -> Table:
    """Average precision, FROC, pointing game."""
    header = ["finding", "images", "boxes", "predicted", "elsewhere"]
    for name in ("ap_coco", "ap_voc2010", "froc_mean", "pointing", "pointing_by_chance"):
        header += columns(name)
    rows = [
        [one.finding, one.images, one.boxes, one.predicted, one.elsewhere,
         *cells(one.ap_coco), *cells(one.ap_voc2010), *cells(one.froc.mean),
         *cells(one.pointing), *cells(one.pointing_by_chance)]
        for one in (a.localisation.each if a.localisation is not None else ())
    ]  # fmt: skip
    return made(header, rows, "Boxes, finding by finding.")


def overlaps(a: Appraisal) -> Table:
    """Boxes found at each overlap."""
    rows = [
        [one.finding, row.overlap, row.threshold, *cells(row.found), *cells(row.false_boxes)]
        for one in (a.localisation.each if a.localisation is not None else ())
        for row in (*one.iobb, *one.iou)
    ]
    header = ["finding", "overlap", "threshold", *columns("found"), *columns("false_boxes")]
    return made(header, rows, "Boxes found at each overlap, and false boxes an image.")
