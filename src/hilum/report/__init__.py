"""Draws what the rooms below return: tables, JSON, pictures, pages. See docs/report.md."""
