"""S1: fourteen findings from few labels."""

from hilum.studies.questions import Inquiry, Question
from hilum.studies.s1 import alone, crops, few, together

STUDY = Inquiry(
    name="s1",
    title="S1: fourteen findings from few labels",
    about="How much a tenth of the labels gives, what crops cost in memory and give in AUROC, one "
    "network a finding against one for all, and which findings stand together.",
    seeds=(0, 1, 2),
    questions=(
        Question(
            "few",
            "A tenth of the labels",
            "S1 had 10,002 labelled images and tens of thousands without labels; what does a "
            "tenth, a quarter and half of the patients' labels give?",
            few.measure,
            few.show,
            minutes=4,
        ),
        Question(
            "crops",
            "Crops against batches",
            "S1 traded crops for batches, 600 × 800 with 4 images came out best; what does memory "
            "hold, and what is a crop worth?",
            crops.measure,
            crops.show,
            minutes=8,
        ),
        Question(
            "alone",
            "One network a finding, Seed & Proportional, rates",
            "S1 tried fourteen networks of one finding, and its sampler; what does each do?",
            alone.measure,
            alone.show,
            minutes=0.1,
        ),
        Question(
            "together",
            "Which findings stand together",
            "S1 explored P(B | A); infiltration given consolidation was 18.3 % in its sample.",
            together.measure,
            together.show,
            minutes=0.2,
        ),
    ),
    data="the folder with manifest.csv of the recipe chest14; --weights: "
    "mobilenet_edgetpu_100.backbone.fp16.safetensors; Data_Entry_2017_v2020.csv in it or in labels "
    "beside it; levers.json of the study levers",
)
