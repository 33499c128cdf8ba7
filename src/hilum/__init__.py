"""Hilum reads chest radiographs: from DICOM, PNG, JPEG or TIFF to findings."""

__version__ = "0.1.0"
