"""The page docs/findings.md, made from the vocabulary: ``python -m tests.domain.findings_page``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hilum.domain.findings import (
    Finding,
    chestxray14,
    devices,
    infections,
    lung,
    mediastinum,
    pleura,
    verdicts,
    wall,
)

HEAD = """\
# The vocabulary of findings

Every label table of Hilum, whatever its collection calls things, speaks of the findings below. A
key names a column; `hilum.domain.from_label` finds it for the spellings of published tables. A
finding is present whenever one of its kinds is: `parents` names the wider findings. A code is given
only where it means just this finding: SCT is SNOMED CT, DCM is DICOM PS3.16.

<!-- runnable -->
```python
from hilum.domain import finding, from_label
from hilum.domain.findings import wider

assert from_label("Pleural Thickening").key == "pleural_thickening"
assert finding("effusion").name_zh == "肋膜積液"
assert wider("sars") == ("viral_pneumonia", "pneumonia")
```

Names in Chinese are those of radiologists in Taiwan. The sentences describe; they are no criteria
for a diagnosis, and some rows are none that a picture can show: causes of pneumonia, and `death`.

The page is made from `src/hilum/domain/findings/` by `python -m tests.domain.findings_page`.
"""

SECTIONS = (
    ("The fourteen of ChestX-ray14", chestxray14.ROWS),
    ("Of the whole picture or patient", verdicts.ROWS),
    ("Pneumonias by cause, tuberculosis", infections.ROWS),
    ("Lung", lung.ROWS),
    ("Pleura", pleura.ROWS),
    ("Heart, vessels, hila, mediastinum", mediastinum.ROWS),
    ("Bones, soft tissue, diaphragm, abdomen", wall.ROWS),
    ("Devices, and what surgery leaves", devices.ROWS),
)


def page() -> str:
    """The page as it should stand in docs/findings.md."""
    return HEAD + "".join(f"\n## {title}\n\n{_table(rows)}" for title, rows in SECTIONS)


def _table(rows: Iterable[Finding]) -> str:
    lines = ["| key | English | 中文 | code | parents | appearance |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        code = " ".join(row.code) if row.code else ""
        parents = ", ".join(f"`{key}`" for key in row.parents)
        lines.append(f"| `{row.key}` | {row.name} | {row.name_zh} | {code} | {parents} | "
                     f"{row.appearance} |")  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path("docs/findings.md").write_text(page(), encoding="utf-8")
