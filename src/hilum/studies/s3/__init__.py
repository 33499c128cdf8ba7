"""Study S3: COVID-19 first, its trap, and what mends it."""

from __future__ import annotations

from hilum.studies.questions import Inquiry
from hilum.studies.s3 import augmentation, matrices, mending, transfer, trap

STUDY = Inquiry(
    "s3",
    "S3 · COVID-19 first, fourteen findings second",
    "COVID-19 by transfer from fourteen findings; the trap that its excellent number was; what "
    "mends it, asked inside one collection with whole publishers left out.",
    (0, 1, 2),
    tuple(one.QUESTION for one in (matrices, transfer, augmentation, trap, mending)),
    "manifest.csv and the radiographs it names, from nih14, paediatric and ieee8023",
)
