"""Studies, of two kinds, and what they write.

Arms: trainings that differ in one lever each; a folder here with ``study.toml`` and files of arms
(docs/studies/levers.md). Questions: each measures something; a folder here whose ``__init__``
offers a ``STUDY`` (docs/studies/s4.md).
"""

from hilum.registry import Registry

INQUIRIES = Registry(
    "study",
    [(name, f"hilum.studies.{name}:STUDY") for name in ("localise", "s0", "s1", "s2", "s3", "s4")],
)
"""Studies that are made of questions: name → their :class:`hilum.studies.questions.Inquiry`."""
