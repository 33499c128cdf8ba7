"""Layouts with boxes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.datasets.collections.layouts.pictures import put_picture, put_table

RSNA = {
    "0004cfab-14fd-4e49-80ba-63a80b6bddd6": ("No Lung Opacity / Not Normal", ()),
    "003d8fa0-6bf1-40ed-b54c-ac657f8495c5": ("Normal", ()),
    "00436515-870c-4b36-a041-de91049b9ab4": (
        "Lung Opacity",
        ((264.0, 152.0, 213.0, 379.0), (562.0, 152.0, 256.0, 453.0)),
    ),
}


def rsna_pneumonia(folder: Path, *, mapping: bool = True) -> Path:
    """RSNA stage 2: a row a box in both tables, one test image without labels."""
    labels, classes = ["patientId,x,y,width,height,Target"], ["patientId,class"]
    for image, (kind, boxes) in RSNA.items():
        for box in boxes or [()]:
            corners = ",".join(str(number) for number in box) or ",,,"
            labels.append(f"{image},{corners},{int(bool(box))}")
            classes.append(f"{image},{kind}")
        put_picture(folder / "stage_2_train_images" / f"{image}.dcm")
    put_picture(folder / "stage_2_test_images" / "0000a175-0e68-4ca4-b1af-167204a7e0bc.dcm")
    put_table(folder / "stage_2_train_labels.csv", "\n".join([*labels, ""]))
    put_table(folder / "stage_2_detailed_class_info.csv", "\n".join([*classes, ""]))
    if mapping:
        names = ("00000013_005.png", "00000013_009.png", "00000032_012.png")
        entries = [
            {"subset_img_id": image, "img_id": name, "SOPInstanceUID": "1.2.276.0.7230010"}
            for image, name in zip(RSNA, names, strict=True)
        ]
        path = folder / "pneumonia-challenge-dataset-mappings_2018.json"
        path.write_text(json.dumps(entries))
    return folder


VINDR_LABELS = (
    "Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Clavicle fracture,Consolidation,"
    "Edema,Emphysema,Enlarged PA,ILD,Infiltration,Lung Opacity,Lung cavity,Lung cyst,"
    "Mediastinal shift,Nodule/Mass,Pleural effusion,Pleural thickening,Pneumothorax,"
    "Pulmonary fibrosis,Rib fracture,Other lesion,COPD,Lung tumor,Pneumonia,Tuberculosis,"
    "Other diseases,No finding"
)

QUIET = "000434271f63a053c4128a0ba6352c7f"
SPLIT = "0005e8e3701dfb1dd93d53e2ff537b6e"
TESTED = "002a34c58c5b758217ed1f584ccbcfe9"

VINDR_TRAIN = {
    (QUIET, "R6"): ("No finding",),
    (QUIET, "R2"): ("No finding",),
    (QUIET, "R3"): ("No finding",),
    (SPLIT, "R10"): ("Infiltration", "Lung Opacity", "Pneumonia"),
    (SPLIT, "R8"): ("Consolidation", "Lung Opacity", "Pneumonia"),
    (SPLIT, "R9"): ("Infiltration", "Lung Opacity", "Nodule/Mass", "Other diseases"),
}
"""Reads in the order of the file, which is not that of the readers."""

VINDR_BOXES = (
    (QUIET, "R6", "No finding", None),
    (QUIET, "R2", "No finding", None),
    (QUIET, "R3", "No finding", None),
    (SPLIT, "R10", "Infiltration", (900.95, 587.8, 1205.36, 888.71)),
    (SPLIT, "R10", "Lung Opacity", (900.95, 587.8, 1205.36, 888.71)),
    (SPLIT, "R8", "Consolidation", (932.46, 567.78, 1197.77, 896.4)),
    (SPLIT, "R8", "Lung Opacity", (932.46, 567.78, 1197.77, 896.4)),
    (SPLIT, "R9", "Infiltration", (900.0, 580.0, 1200.0, 880.0)),
    (SPLIT, "R9", "Lung Opacity", (900.0, 580.0, 1200.0, 880.0)),
    (SPLIT, "R9", "Nodule/Mass", (100.0, 200.0, 100.0, 260.0)),
)
"""The last box has no width."""


def vindr_cxr(folder: Path, *, train: bool = True, test: bool = True) -> Path:
    """VinDr-CXR: reads and boxes of train and test, DICOM files with the ending .dicom."""
    names, notes = VINDR_LABELS.split(","), folder / "annotations"
    if train:
        rows = [
            f"{image},{reader}," + ",".join(str(int(name in said)) for name in names)
            for (image, reader), said in VINDR_TRAIN.items()
        ]
        put_table(notes / "image_labels_train.csv",
                  "\n".join([f"image_id,rad_id,{VINDR_LABELS}", *rows, ""]))  # fmt: skip
        put_table(notes / "annotations_train.csv",
                  "\n".join(["image_id,rad_id,class_name,x_min,y_min,x_max,y_max", *(
                      f"{image},{reader},{name},{_corners(box)}"
                      for image, reader, name, box in VINDR_BOXES), ""]))  # fmt: skip
        for image in (QUIET, SPLIT):
            put_picture(folder / "train" / f"{image}.dicom")
    if test:
        said = ("Cardiomegaly", "Other diseases")
        # the test table writes "Other disease"
        header = VINDR_LABELS.replace("Other diseases", "Other disease")
        row = f"{TESTED}," + ",".join(str(int(name in said)) for name in names)
        put_table(notes / "image_labels_test.csv", f"image_id,{header}\n{row}\n")
        put_table(notes / "annotations_test.csv",
                  "image_id,class_name,x_min,y_min,x_max,y_max\n"
                  f"{TESTED},Cardiomegaly,691,1375,1653,1831\n")  # fmt: skip
        put_picture(folder / "test" / f"{TESTED}.dicom")
    return folder


def vindr_kaggle(folder: Path) -> Path:
    """The competition's table of the same reads."""
    numbers = {"Consolidation": 4, "Infiltration": 6, "Lung Opacity": 7, "Nodule/Mass": 8,
               "No finding": 14}  # fmt: skip
    rows = [
        f"{image},{name},{numbers[name]},{reader},{_corners(box)}"
        for image, reader, name, box in VINDR_BOXES
    ]
    put_table(folder / "train.csv",
              "\n".join(["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max", *rows,
                         ""]))  # fmt: skip
    for image in (QUIET, SPLIT):
        put_picture(folder / "train" / f"{image}.dicom")
    return folder


def _corners(box: tuple[float, ...] | None) -> str:
    return ",,," if box is None else ",".join(str(number) for number in box)
