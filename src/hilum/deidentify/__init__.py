"""DICOM files and pictures without what identifies a patient (PS3.15 Annex E)."""

from hilum.deidentify.burned_in import Region, find_text
from hilum.deidentify.header import header
from hilum.deidentify.instance import CleanFile, clean_dicom
from hilum.deidentify.picture import clean_picture
from hilum.deidentify.rules import Rules, make_secret, read_secret
from hilum.deidentify.run import Plan, Summary, deidentify, plan, run

__all__ = [
    "CleanFile",
    "Plan",
    "Region",
    "Rules",
    "Summary",
    "clean_dicom",
    "clean_picture",
    "deidentify",
    "find_text",
    "header",
    "make_secret",
    "plan",
    "read_secret",
    "run",
]
