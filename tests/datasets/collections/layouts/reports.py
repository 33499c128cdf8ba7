"""Layouts whose labels were mined from reports."""

from __future__ import annotations

from pathlib import Path

from tests.datasets.collections.layouts.pictures import put_picture, put_table

CHEXPERT_HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
    "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
    "Pleural Effusion,Pleural Other,Fracture,Support Devices"
)

CHEXPERT_TRAIN = (
    "patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0",
    "patient00002/study1/view1_frontal.jpg,Female,83,Frontal,AP,,,,1.0,,,,,,,,,1.0,",
    "patient00002/study1/view2_lateral.jpg,Female,83,Lateral,,,,,1.0,,,,,,,,,1.0,",
    (
        "patient00002/study2/view1_frontal.jpg,Female,83,Frontal,PA,,,-1.0,1.0,,-1.0,-1.0,,-1.0,"
        ",-1.0,,1.0,"
    ),
    "patient00003/study1/view1_frontal.jpg,Unknown,0,Frontal,LL,,,,,,1.0,,,,0.0,,,,",
)
CHEXPERT_VALID = (
    (
        "patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,"
        "0.0,0.0,0.0,0.0,0.0,0.0"
    ),
)


def chexpert(folder: Path, *, small: bool = True) -> Path:
    """CheXpert: the small version in one folder, or the large one in batches."""
    name = "CheXpert-v1.0-small" if small else "CheXpert-v1.0"
    for part, rows in (("train", CHEXPERT_TRAIN), ("valid", CHEXPERT_VALID)):
        home = folder / name if small else folder / "CheXpert-v1.0 batch 1 (validate & csv)"
        lines = [f"{name}/{part}/{row}" for row in rows]
        put_table(home / f"{part}.csv", "\n".join([CHEXPERT_HEADER, *lines, ""]))
        for row in rows:
            picture = row.partition(",")[0]
            if small or part == "valid":
                put_picture(home / part / picture)
            else:
                put_picture(folder / "CheXpert-v1.0 batch 2 (train 1)" / picture)
    return folder


MIMIC = (
    ("02aa804e-bde0afdd-112c0b34-7bc16630-4e384014", "10000032", "50414267", "PA", "train"),
    ("174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962", "10000032", "50414267", "LATERAL", "train"),
    ("2a2277a9-b0ded155-c0de8eb9-c124d10e-82c5caab", "10000032", "53189527", "AP AXIAL", "train"),
    ("68b5c4b1-227d0485-9cc38c3f-7b84ab51-4b472714", "10000764", "57375967", "AP", "validate"),
    ("096052b7-d256dc40-453a102b-fa7d01c6-1b22c6b4", "11000935", "50578979", "", "test"),
)
_STUDY = {
    "50414267": ("21800626", "165500.312"),
    "53189527": ("21800506", "3014.531"),
    "57375967": ("21321015", "104318.218"),
    "50578979": ("21771010", "90000"),
}

MIMIC_LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,"
    "Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)


def mimic_cxr_jpg(folder: Path, *, pictures: bool = True) -> Path:
    """MIMIC-CXR-JPG: four compressed tables, labels of one study missing, pictures in a tree."""
    metadata = [
        (
            "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
            "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
            "PatientOrientationCodeSequence_CodeMeaning"
        )
    ]
    split = ["dicom_id,study_id,subject_id,split"]
    for image, subject, study, view, part in MIMIC:
        day, time = _STUDY[study]
        metadata.append(
            f"{image},{subject},{study},CHEST (PA AND LAT),{view},3056,2544,{day},{time},"
            "CHEST (PA AND LAT),postero-anterior,Erect"
        )
        split.append(f"{image},{study},{subject},{part}")
        if pictures:
            home = folder / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}"
            put_picture(home / f"{image}.jpg")
    head = f"subject_id,study_id,{MIMIC_LABELS}"
    chexpert_rows = (
        "10000032,50414267,,,,,,,,,1.0,,,,,",
        "10000032,53189527,,,,-1.0,,,,1.0,,0.0,,,,",
        "10000764,57375967,,,1.0,,,,,,,,,-1.0,,",
    )
    negbio_rows = (
        "10000032,50414267,,,,,,,,,1.0,,,,,",
        "10000032,53189527,,,,1.0,,,,1.0,,0.0,,,,",
        "10000764,57375967,,,1.0,,,,,,,,,-1.0,,",
    )
    for name, rows in (
        ("metadata", metadata),
        ("split", split),
        ("chexpert", [head, *chexpert_rows]),
        ("negbio", [head, *negbio_rows]),
    ):
        put_table(folder / f"mimic-cxr-2.0.0-{name}.csv.gz", "\n".join([*rows, ""]))
    # the table of 2.1.0 has no column subject_id, and another order
    test = [("study_id,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Lesion,Lung Opacity,"
            "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,"
            "Fracture,Support Devices"), "50578979,,,1.0,,,,,,,0.0,,,,1.0"]  # fmt: skip
    put_table(folder / "mimic-cxr-2.1.0-test-set-labeled.csv", "\n".join([*test, ""]))
    return folder


PADCHEST_HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,"
    "ViewPosition_DICOM,Projection,MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,"
    "PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,"
    "Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,labelCUIS,LocalizationsCUIS"
)

DAMAGED = "216840111366964012819207061112010307142602253_04-014-084.png"

PADCHEST = (
    ("20536686640136348236148891891455886468_k6ga29.png", 0, "20140915", "s1", "p1", "1930.0", "F",
     "PA", "Physician", "['pulmonary fibrosis', 'chronic changes', 'kyphosis']"),
    ("20536686640136348236148891891455886468_7vnwa7.png", 0, "20140915", "s1", "p1", "1930.0", "F",
     "L", "Physician", "['pulmonary fibrosis', 'chronic changes', 'kyphosis']"),
    ("135803415504923515076821959678074435083_fzis7d.png", 1, "20150914", "s2", "p1", "1930.0",
     "F", "AP_horizontal", "RNN_model", "['unchanged', ' NSG tube', '']"),
    ("216840111366964013829543166512013353113303615_02-092-190.png", 1, "20131219", "s3", "p2",
     "", "None", "PA", "RNN_model", "['normal']"),
    (DAMAGED, 54, "20100307", "s4", "p3", "2011.0", "M", "COSTAL", "RNN_model", "['exclude']"),
    ("313572750430997347502932654319389875966_1a2b3c.png", 54, "20160101", "s5", "p4", "1950.0",
     "M", "PA", "RNN_model", ""),
)  # fmt: skip


def padchest(folder: Path) -> Path:
    """PadChest: lists in Python's writing, a report in quotes, pictures of 16 bits in folders."""
    lines = [PADCHEST_HEADER]
    for number, row in enumerate(PADCHEST):
        image, place, day, study, patient, birth, sex, view, method, labels = row
        cells = {
            "": str(number), "ImageID": image, "ImageDir": str(place), "StudyDate_DICOM": day,
            "StudyID": study, "PatientID": patient, "PatientBirth": birth,
            "PatientSex_DICOM": sex, "Projection": view, "Pediatric": "No",
            "Manufacturer_DICOM": "ImagingDynamicsCompanyLtd", "Rows_DICOM": "2048.0",
            "Columns_DICOM": "1536.0" if number else "", "MethodLabel": method,
            "Report": '"patron ""intersticial"", sin cambios"', "Labels": f'"{labels}"',
        }  # fmt: skip
        lines.append(",".join(cells.get(name, "") for name in PADCHEST_HEADER.split(",")))
        put_picture(folder / str(place) / image, deep=True)
    put_table(folder / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz",
              "\n".join([*lines, ""]))  # fmt: skip
    return folder
