"""Gate → network → calibration → heatmaps: from a radiograph to a reading."""

from hilum.reading.gate import Gate
from hilum.reading.many import read_many
from hilum.reading.reader import Reader
from hilum.reading.scale import Scale

__all__ = ["Gate", "Reader", "Scale", "read_many"]
