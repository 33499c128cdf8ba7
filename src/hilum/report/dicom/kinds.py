"""The kinds of objects that a reading becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hilum.errors import UnknownName
from hilum.registry import unknown


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    Attributes:
        key: short name, for options and addresses.
        name: in English.
        name_zh: in Traditional Chinese.
        about: what it holds, a sentence.
        about_zh: the same in Traditional Chinese.
        modality: Modality (0008,0060) of its series.
        sop_class_uid: SOP Class of a grey radiograph's object.
        series_number: Series Number; high, so that it stands behind the images.
        function: name of what makes it, in :mod:`hilum.report.dicom`.
    """

    key: str
    name: str
    name_zh: str
    about: str
    about_zh: str
    modality: str
    sop_class_uid: str
    series_number: int
    function: str


_STORAGE = "1.2.840.10008.5.1.4.1.1"
_ROWS = (
    Kind("sr", "Structured report", "結構化報告",
         "Every finding with its code, probability, operating point and decision; boxes as "
         "coordinates; warnings; or why the radiograph was not read.",
         "每項發現的代碼、機率、判定閾值與判定結果；以座標表示的方框；警示；或未判讀的原因。",
         "SR", f"{_STORAGE}.88.33", 9101, "structured_report"),
    Kind("gsps", "Presentation state", "顯示狀態",
         "Boxes and words that a viewer lays over the radiograph, with its own window.",
         "檢視器疊加於 X 光片上的方框與文字，沿用原影像的視窗設定。",
         "PR", f"{_STORAGE}.11.1", 9102, "presentation_state"),
    Kind("seg-lungs", "Segmentation of the lungs", "肺部分割",
         "Right and left lung, pixel for pixel.", "左、右肺的逐像素遮罩。",
         "SEG", f"{_STORAGE}.66.4", 9103, "lung_segmentation"),
    Kind("seg-heatmaps", "Heatmaps as a segmentation", "熱圖分割",
         "How strongly each place speaks for a finding, from 0 to 1; no outline, no probability.",
         "各位置支持某項發現的強度（0 至 1）；並非輪廓，亦非機率。",
         "SEG", f"{_STORAGE}.66.4", 9104, "heatmap_segmentation"),
    Kind("sc", "Secondary capture", "二次擷取影像",
         "A picture with boxes and words burned in, for viewers that show nothing else.",
         "已燒錄方框與文字的影像，供無法顯示其他物件的檢視器使用。",
         "OT", f"{_STORAGE}.7", 9105, "secondary_capture"),
)  # fmt: skip

KINDS: Mapping[str, Kind] = MappingProxyType({row.key: row for row in _ROWS})
"""Key → kind, in the order of a table."""


def describe(kind: str) -> Kind:
    """What an object of that kind is.

    Raises:
        UnknownName: no such kind; the message lists near matches.

    Example:
        >>> describe("sr").modality
        'SR'
    """
    if kind not in KINDS:
        raise UnknownName(unknown("kind of DICOM object", kind, KINDS))
    return KINDS[kind]
