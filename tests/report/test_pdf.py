"""The PDF: one page a radiograph, in both languages, the same bytes each time."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from hilum.domain.findings import all_findings
from hilum.errors import ResultError
from hilum.report.dicom.facts import ResultFacts
from hilum.report.pdf_text import lines, runs, width
from hilum.report.pdf_words import FACTS as LABELS
from hilum.report.pdf_words import WORDS

pytest.importorskip("reportlab", reason="needs reportlab: pip install 'hilum[serve]'")

from hilum.report.pdf import PdfPage, pdf

FACTS = ResultFacts("chest14 0.2.0", "ab" * 32, "0.1.0", 1_795_333_075.25, utc_offset_min=480)
PICTURE = np.linspace(0, 1, 120 * 100).reshape(120, 100)
HEADER = {
    "patient_name": "Wang^XiaoDong=王^小東",
    "patient_id": "病歷-1",
    "study_date": "2026-01-02",
    "Ward": "7 <b>East</b>",
}


def prediction(key, probability, decision, **changes):
    return {
        "finding": key, "logit": 0.0, "probability": probability, "operating_point": 0.4,
        "decision": decision, "calibrated": True, **changes,
    }  # fmt: skip


def record(**changes):
    made = {
        "shape": [120, 100],
        "predictions": [
            prediction("effusion", 0.87, "present"),
            prediction("mass", 0.12, "absent", calibrated=False),
            prediction("nodule", 0.41, "abstained"),
        ],
        "notes": [{"code": "a", "message": "The picture is rotated by 4°.", "warning": True}],
        "boxed": ["effusion", "mass"],
        "boxes": [
            {"finding": "effusion", "score": 0.7, "xywh": [10, 20, 30, 40], "origin": "detector",
             "zones": ["right lower"], "in_lungs": 0.8, "size_mm": [30.1, 40.2]}
        ],
    }  # fmt: skip
    return made | changes


def refused():
    reasons = [{"code": "lateral", "message": "This is a lateral view.", "warning": True}]
    return {"stage": "gate", "reasons": reasons, "gate": None}


PAGE = PdfPage(record(), FACTS, PICTURE, HEADER, ("Sources differ",))


def read_pages(data: bytes, folder) -> list[str]:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext: apt install poppler-utils poppler-data")
    (folder / "a.pdf").write_bytes(data)
    done = subprocess.run(
        ["pdftotext", "-layout", folder / "a.pdf", "-"], capture_output=True, check=True
    )
    return done.stdout.decode().split("\f")[:-1]


def test_a_page_in_english(tmp_path):
    (page,) = read_pages(pdf([PAGE]), tmp_path)
    for words in (
        "Chest radiograph – reading by AI", "Research software, no diagnosis",
        "AI, investigational", "Wang XiaoDong (王 小東)", "病歷-1", "Ward 7 <b>East</b>",
        "Present: Pleural effusion 0.87",
        "Not everything has a result", "Nodule – no decision", "0.87", "0.12", "0.40",
        "The picture is rotated by 4°.", "Pleural effusion, score 0.70; right lower; 30 × 40 mm",
        "Looked for and not found: Mass.", "chest14 0.2.0", "ab" * 8, "Hilum 0.1.0",
        "Audit of the bundle fails: Sources differ", "2026-11-22 15:37 UTC+08:00", "1 / 1",
    ):  # fmt: skip
        assert words.replace(" ", "") in "".join(page.split()), words


def test_a_page_in_chinese(tmp_path):
    (page,) = read_pages(pdf([PAGE], language="zh"), tmp_path)
    for words in (
        "胸部 X 光片 – 人工智慧判讀", "研究用軟體，不作診斷。", "並非醫療器材", "姓名", "王 小東",
        "判為存在", "肋膜積液 0.87", "腫塊", "結節 – 不作判定", "右下肺野", "操作點",
        "模型包稽核未通過之處",
    ):  # fmt: skip
        assert words.replace(" ", "") in "".join(page.split()), words


def test_a_refusal_is_no_normal_lung(tmp_path):
    data = pdf([PdfPage(refused(), FACTS, PICTURE), PdfPage(refused(), FACTS)])
    for page in read_pages(data, tmp_path):
        assert "NOT READ" in page
        assert "This is a lateral view." in page
        assert "operating point" not in page


def test_nothing_present_is_not_called_normal(tmp_path):
    told = record(predictions=[prediction("mass", 0.1, "absent")], boxes=[])
    (page,) = read_pages(pdf([replace(PAGE, record=told)]), tmp_path)
    assert "This does not say that the radiograph is normal." in " ".join(page.split())


@pytest.mark.parametrize("language", WORDS)
def test_the_same_input_gives_the_same_bytes(language):
    pages = [PAGE, PdfPage(refused(), FACTS, PICTURE)]
    assert pdf(pages, language=language) == pdf(pages, language=language)
    assert pdf(pages, language=language)[:5] == b"%PDF-"


@pytest.mark.parametrize("count", [1, 30, 170])
@pytest.mark.parametrize("picture", [PICTURE, None, np.zeros((30, 600), np.uint8)])
def test_each_radiograph_takes_one_page(count, picture, tmp_path):
    keys = [row.key for row in all_findings()][:count]
    many = [prediction(key, 0.5, "present") for key in keys]
    notes = [{"code": "n", "message": f"Warning {n} " + "long " * 40, "warning": True}
             for n in range(30)]  # fmt: skip
    boxes = [record()["boxes"][0]] * 20
    told = record(predictions=many, notes=notes, boxes=boxes)
    data = pdf([replace(PAGE, record=told, picture=picture)] * 2)
    pages = read_pages(data, tmp_path)
    assert len(pages) == 2
    assert "and 14 more" in pages[0]  # boxes that had no room


def test_only_what_is_given_is_told(tmp_path):
    (page,) = read_pages(pdf([PdfPage(record(), FACTS)]), tmp_path)
    assert not any(label in page for label in LABELS["en"].values() if label != "View")


def test_all_words_are_in_both_languages():
    for table in (WORDS, LABELS):
        assert list(table["en"]) == list(table["zh"])


@pytest.mark.parametrize(
    ("text", "fonts"),
    [
        ("Nodule", ["Helvetica"]),
        ("氣胸", ["MSung-Light-CNS"]),
        ("习译", ["STSong-Light"]),
        ("さくら", ["HeiseiMin-W3"]),
        ("한국", ["HYSMyeongJo-Medium"]),
        ("\U0001fac1\u0000", ["Helvetica"]),
    ],
)
def test_every_letter_has_a_font(text, fonts):
    found = list(runs(text))
    assert [font for font, _ in found] in (fonts, ["MSung-Light-CNS"])
    assert "".join(piece for _, piece in found) == (text if text.isprintable() else "??")


def test_lines_fit():
    from hilum.report.pdf_text import register

    register()
    text = "一二三四五六七八九十" * 9 + " and some words behind " + "x" * 200
    broken = lines(text, 9, 150)
    assert all(width(line, 9) <= 150 for line in broken)
    assert "".join("".join(broken).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("pages", "language", "why"),
    [
        ([], "en", "at least one"),
        ([PAGE], "fr", "en, zh"),
        ([replace(PAGE, picture=np.zeros((3, 3, 3, 3)))], "en", "picture"),
    ],
)
def test_what_cannot_be(pages, language, why):
    with pytest.raises(ResultError, match=why):
        pdf(pages, language=language)
