"""A page, a figure and tables of what an audit found. See docs/audit.md."""

from hilum.report.audit.page import write

__all__ = ["write"]
