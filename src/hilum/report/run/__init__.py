"""The page of a training run and its summary for a terminal. See docs/train.md."""

from hilum.report.run.page import write_run_page
from hilum.report.run.terminal import summary

__all__ = ["summary", "write_run_page"]
