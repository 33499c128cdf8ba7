"""Look-up tables of grey levels and palettes, no longer than they announce."""

from __future__ import annotations

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue

from hilum.imaging.elements import every

TABLES = {
    0x00283006: "LUTDescriptor",
    0x00281201: "RedPaletteColorLookupTableDescriptor",
    0x00281202: "GreenPaletteColorLookupTableDescriptor",
    0x00281203: "BluePaletteColorLookupTableDescriptor",
}
"""Tag of a table's data → keyword of what describes it (PS3.3 C.7.6.3.1.5, C.11.1.1.1)."""


def within_announced(element: DataElement, dataset: Dataset) -> DataElement:
    """Cut off what stands behind the last entry of a table; other elements come back as they are.

    Args:
        element: of ``dataset``.
        dataset: that holds the table's descriptor as well.
    """
    keyword = TABLES.get(int(element.tag))
    if keyword is None:
        return element
    descriptor = every(dataset, keyword)
    entries = (int(descriptor[0]) & 0xFFFF or 65536) if descriptor else 0
    value = element.value
    if isinstance(value, bytes):
        value = value[: 2 * entries]
    elif isinstance(value, MultiValue | list):
        value = list(value)[:entries]
    return DataElement(element.tag, element.VR, value)
