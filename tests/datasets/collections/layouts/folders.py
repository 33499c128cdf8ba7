"""Layouts whose folders are the classes."""

from __future__ import annotations

from pathlib import Path

from tests.datasets.collections.layouts.pictures import put_picture, put_table


def covid19_radiography(folder: Path) -> Path:
    """COVID-19 Radiography Database: images beside masks, a table of sources beside the folders."""
    root = folder / "COVID-19_Radiography_Dataset"
    for label, stem, many in (
        ("COVID", "COVID", 2),
        ("Normal", "Normal", 3),
        ("Lung_Opacity", "Lung_Opacity", 1),
        ("Viral Pneumonia", "Viral Pneumonia", 1),
    ):
        for number in range(1, many + 1):
            put_picture(root / label / "images" / f"{stem}-{number}.png")
            put_picture(root / label / "masks" / f"{stem}-{number}.png")
        (root / f"{label}.metadata.xlsx").write_bytes(b"PK")
    (root / "README.md.txt").write_text("Readme")
    return folder


PAEDIATRIC = (
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/IM-0500-0001-0001.jpeg",
    "train/NORMAL/IM-0500-0001-0002.jpeg",
    "train/NORMAL/NORMAL2-IM-0500-0001.jpeg",
    "train/PNEUMONIA/person1_bacteria_1.jpeg",
    "train/PNEUMONIA/person1_bacteria_2.jpeg",
    "train/PNEUMONIA/person1000_virus_1681.jpeg",
    "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
    "test/PNEUMONIA/person1_virus_6.jpeg",
    "test/PNEUMONIA/person100_bacteria_475.jpeg",
)
"""In the order of the table."""


def paediatric_pneumonia(folder: Path) -> Path:
    """Kermany as people have it: everything twice, remains of a Macintosh, thumbnails' litter."""
    for name in PAEDIATRIC:
        put_picture(folder / "chest_xray" / name)
        put_picture(folder / "chest_xray" / "chest_xray" / name)
        litter = folder / "chest_xray" / "__MACOSX" / name
        litter.parent.mkdir(parents=True, exist_ok=True)
        litter.write_bytes(b"\0\5\x16\7")
    (folder / "chest_xray" / "chest_xray" / "train" / ".DS_Store").write_bytes(b"\0")
    return folder


def paediatric_second(folder: Path) -> Path:
    """Kermany as the publisher's second version names its files."""
    for name in (
        "train/NORMAL/NORMAL-1003233-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-1008087-0001.jpeg",
        "train/PNEUMONIA/BACTERIA-1008087-0002.jpeg",
        "test/PNEUMONIA/VIRUS-1024341-0001.jpeg",
    ):
        put_picture(folder / name)
    return folder


MORTALITY = (
    ("train/covid/A001.png", "p1", 81),
    ("train/covid/A002.png", "p2", 77),
    ("train/non/A003.png", "p3", 40),
    ("train/non/A004.JPG", "p3", 40),
    ("val/covid/A005.png", "p4", 69),
    ("val/non/A006.png", "p5", 33),
)


def covid19_mortality(folder: Path, *, table: bool = True) -> Path:
    """Folders by outcome, and a table of the patients."""
    for name, _, _ in MORTALITY:
        path = folder / name
        put_picture(path.with_suffix(path.suffix.lower()))
        path.with_suffix(path.suffix.lower()).rename(path)
    if table:
        rows = [
            f"{Path(name).stem},{who},{int('/covid/' in name)},{age},38.1"
            for name, who, age in MORTALITY
        ]
        put_table(folder / "clinical.csv", "\n".join(["id,patient,death,age,temperature", *rows]))
    return folder
