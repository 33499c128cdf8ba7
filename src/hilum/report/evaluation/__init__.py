"""A page, figures, tables and words of how good a model is. See docs/evaluate.md."""

from hilum.report.evaluation.page import write
from hilum.report.evaluation.terminal import summary

__all__ = ["summary", "write"]
