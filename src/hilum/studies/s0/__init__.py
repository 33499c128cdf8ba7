"""S0: four appearances of COVID-19 a study, from DICOM to a scored CSV; the leak of its crop."""

from hilum.studies.questions import Inquiry, Question
from hilum.studies.s0 import chain, leak, tables

STUDY = Inquiry(
    name="s0",
    title="S0: COVID-19 detection and localisation",
    about="The two tables of the challenge joined and counted; the whole chain on a drawn tree; "
    "and what cropping to reference boxes gives away.",
    seeds=(0,),
    questions=(
        Question(
            "tables",
            "Two tables, joined",
            "S0 joined two tables by hand and counted; do the counts come out, and what would its "
            "crop alone tell?",
            tables.measure,
            tables.show,
            minutes=0.2,
        ),
        Question(
            "leak",
            "The crop that leaks",
            "S0 cropped to the boxes that readers drew, which negatives have not; what does that "
            "tell where there is nothing to be seen, and what does a crop to the lungs?",
            leak.measure,
            leak.show,
            minutes=3,
        ),
        Question(
            "chain",
            "From DICOM to a scored CSV",
            "S0 converted for hours, trained, and filled the organiser's CSV; does the chain hold?",
            chain.measure,
            chain.show,
            minutes=3,
        ),
    ),
    data="siim_covid19_train_kfold.csv in the folder, or in labels beside it; everything else is "
    "drawn. --weights: mobilenet_edgetpu_100.backbone.fp16.safetensors",
)
