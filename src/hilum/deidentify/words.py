"""Words of descriptions that name nobody: what is kept of free text (PS3.15 E.3.5)."""

from __future__ import annotations

import re
from functools import cache

_HARMLESS = """
abdomen above acute after anterior ap apex apical arm axial axillary base basal bed bedside below
bilateral body bone bones both bronchus bucky carotid catheter central cervical chest child clavicle
comparison computed contrast cr ct decubitus detector diaphragm digital direct drain dx elbow
emergency end enhanced erect examination exam expiration expiratory exposure extremity female film
first foot for frontal full grid hand head heart high hip humerus image images inspiration
inspiratory intubation knee lao lat lateral left leg line lordotic low lower lumbar lung lungs male
mediastinum mobile neck oblique of pa pediatric paediatric pelvis pleura pleural portable post
posterior pre presentation prone projection radiograph radiography rao rays research ribs right
scapula seated second sequence series shoulder side single sitting skeleton skull soft spine
standard standing sternum stomach study supine thoracic thorax tissue trachea tube two unit upper
upright view views vertical with without wrist xray
thorakal lunge lungen aufnahme stehend liegend seitlich torax radiografia rontgen poumon poumons
face profil debout couche 胸 胸部 正位 側位 侧位
"""

_WORD = re.compile(r"[^\W\d_]+")


@cache
def harmless() -> frozenset[str]:
    """The words, in lower case."""
    return frozenset(_HARMLESS.split())


def cleaned(text: str) -> str:
    """The harmless words of a text, in their order and spelling; "" where it has none.

    Example:
        >>> cleaned("Chest PA portable, Mr. Miller, room 12")
        'Chest PA portable'
    """
    return " ".join(word for word in _WORD.findall(text) if word.casefold() in harmless())
