"""A sheet a finding: best and worst heatmaps beside readers' boxes, right and wrong decisions."""

from hilum.report.evaluation.sheets.looking import Looker
from hilum.report.evaluation.sheets.making import FOLDER, make_sheets

__all__ = ["FOLDER", "Looker", "make_sheets"]
