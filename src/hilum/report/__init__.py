"""Draws what the rooms below return: tables, JSON, pictures, pages. See docs/report.md."""

from hilum.report.folder import OutputFolder

__all__ = ["OutputFolder"]
