"""Words of the PDF, in English and Traditional Chinese."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Chest radiograph – reading by AI",
        "research": "Research software, no diagnosis.",
        "caution": "AI, investigational. Not a medical device. Every result needs a person who can "
        "judge the radiograph; a finding that is not listed may still be there.",
        "finding": "Finding",
        "probability": "Probability",
        "op": "Operating point",
        "present": "present",
        "no_decision": "no decision",
        "none": "No finding reaches its operating point. This does not say that the radiograph is "
        "normal.",
        "none_called": "No finding is called present; of some no decision was made. This does not "
        "say that the radiograph is normal.",
        "bars": "Bars are probabilities; the upright mark is the operating point, from which a "
        "finding is called present. Hatched: not calibrated; it ranks, and says no more.",
        "not_whole": "Not everything has a result; this is not the same as normal.",
        "not_read": "NOT READ",
        "nothing_said": "This radiograph was not judged. Nothing is said of it, neither that it is "
        "normal nor that it is not.",
        "reasons": "Why",
        "boxes": "Boxes",
        "no_boxes": "Looked for and not found: {kinds}.",
        "score": "score",
        "warnings": "Warnings",
        "no_picture": "No picture",
        "bundle": "Bundle",
        "digest": "digest",
        "audit": "Audit of the bundle fails",
        "read_at": "Read",
        "more": "and {n} more",
        "comma": ", ",
        "header": "Of the radiograph's header, not checked",
    },
    "zh": {
        "title": "胸部 X 光片 – 人工智慧判讀",
        "research": "研究用軟體，不作診斷。",
        "caution": "人工智慧，研究用途。並非醫療器材。所有結果都須由能判讀 X 光片的人員確認；"
        "未列出的異常仍可能存在。",
        "finding": "發現",
        "probability": "機率",
        "op": "操作點",
        "present": "判為存在",
        "no_decision": "不作判定",
        "none": "沒有發現達到操作點。這不表示 X 光片正常。",
        "none_called": "沒有發現被判為存在，部分項目不作判定。這不表示 X 光片正常。",
        "bars": "長條為機率；直線標記為操作點，達到即判為存在。斜線長條未經校準：數值可供排序，"
        "但不代表實際頻率。",
        "not_whole": "並非所有項目都有結果：不等於正常。",
        "not_read": "未判讀",
        "nothing_said": "這張 X 光片沒有被判讀。對其狀況一無所知：既不表示正常，也不表示異常。",
        "reasons": "原因",
        "boxes": "標示框",
        "no_boxes": "已尋找而未發現：{kinds}。",
        "score": "分數",
        "warnings": "警示",
        "no_picture": "沒有影像",
        "bundle": "模型包",
        "digest": "摘要碼",
        "audit": "模型包稽核未通過之處",
        "read_at": "判讀時間",
        "more": "另有 {n} 項",
        "comma": "、",
        "header": "取自 X 光片檔頭，未經查核",
    },
}

FACTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "patient_name": "Name",
        "patient_id": "Patient ID",
        "birth_date": "Born",
        "sex": "Sex",
        "age": "Age",
        "study_date": "Date of study",
        "accession": "Accession number",
        "description": "Study",
        "view": "View",
        "device": "Device",
        "institution": "Institution",
        "image": "Image",
    },
    "zh": {
        "patient_name": "姓名",
        "patient_id": "病歷號碼",
        "birth_date": "出生日期",
        "sex": "性別",
        "age": "年齡",
        "study_date": "檢查日期",
        "accession": "檢查單號",
        "description": "檢查項目",
        "view": "投照方向",
        "device": "設備",
        "institution": "機構",
        "image": "影像",
    },
}
"""What a page may tell of patient and study: key → label."""
