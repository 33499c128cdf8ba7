"""A page, figures and tables of what is in a label table. See docs/explore.md."""

from hilum.report.explore.folder import ExploreFolder

__all__ = ["ExploreFolder"]
