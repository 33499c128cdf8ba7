"""Study localise: does a box or a heatmap lie where the finding is, and how far to trust it?"""

from __future__ import annotations

from hilum.studies.localise import drawn_lesions, faithful, real_boxes, severity
from hilum.studies.questions import Inquiry

STUDY = Inquiry(
    "localise",
    "Localise: boxes and heatmaps",
    "Whether boxes and heatmaps lie where readers say that the finding is, and whether they show "
    "what the network goes by.",
    (0, 1, 2),
    tuple(one.QUESTION for one in (real_boxes, faithful, drawn_lesions, severity)),
    "manifest.csv, boxes.csv and the radiographs they name; BBox_List_2017.csv and the other "
    "tables of ChestX-ray14 in the folder, or in labels beside it",
)
