"""Gate → network → calibration → heatmaps: from a radiograph to a reading."""

from hilum.reading.cascade import CascadeReader, CascadeReading, CascadeRefusal
from hilum.reading.gate import Gate
from hilum.reading.many import read_many
from hilum.reading.reader import Reader
from hilum.reading.scale import Scale

__all__ = [
    "CascadeReader",
    "CascadeReading",
    "CascadeRefusal",
    "Gate",
    "Reader",
    "Scale",
    "read_many",
]
