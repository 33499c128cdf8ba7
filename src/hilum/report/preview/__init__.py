"""A sheet of augmented radiographs: what a network would be shown, before it is trained."""

from hilum.report.preview.sheet import Example, Sheet, preview, sheet

__all__ = ["Example", "Sheet", "preview", "sheet"]
