"""The fourteen findings of ChestX-ray14, in that collection's order."""

from hilum.domain.findings.definition import Finding

ROWS = (
    Finding("atelectasis", "Atelectasis", "肺塌陷", "Atelectasis", ("SCT", "46621007"),
            "A part of the lung with too little air: a band or wedge of density that pulls "
            "fissures, diaphragm or mediastinum towards it.", (), ("opacity",)),
    Finding("cardiomegaly", "Cardiomegaly", "心臟肥大", "Cardiomegaly", ("SCT", "8186001"),
            "A heart wider than half of the chest on a PA view; AP views enlarge it falsely.",
            (), ("enlarged_cardiomediastinum",)),
    Finding("effusion", "Pleural effusion", "肋膜積液", "Effusion", ("SCT", "60046008"),
            "Fluid that blunts the costophrenic angle and rises along the chest wall, or veils the "
            "whole lung when the patient lies.", ("Pleural Effusion",)),
    Finding("infiltration", "Infiltration", "浸潤", "Infiltration", ("DCM", "112121"),
            "A poorly defined density in the lung; a word of old reports that covers pneumonia, "
            "oedema and more.", ("Infiltrate",), ("opacity",)),
    Finding("mass", "Mass", "腫塊", "Mass", ("SCT", "4147007"),
            "A rounded density of more than 3 cm.", (), ("nodule_or_mass",)),
    Finding("nodule", "Nodule", "結節", "Nodule", ("SCT", "27925004"),
            "A rounded density of at most 3 cm.", (), ("nodule_or_mass",)),
    Finding("pneumonia", "Pneumonia", "肺炎", "Pneumonia", ("SCT", "233604007"),
            "Infection of the lung: patchy or lobar density, often with air bronchograms; a "
            "diagnosis that the picture alone cannot make."),
    Finding("pneumothorax", "Pneumothorax", "氣胸", "Pneumothorax", ("SCT", "36118008"),
            "Air between lung and chest wall: a thin pleural line without markings beyond it."),
    Finding("consolidation", "Consolidation", "實質化", "Consolidation", ("SCT", "95436008"),
            "Air spaces filled so that vessels vanish and bronchi may stand out as dark branches.",
            (), ("airspace_opacity",)),
    Finding("edema", "Pulmonary oedema", "肺水腫", "Edema", ("SCT", "19242006"),
            "Fluid in the lung: wide hila, septal lines, haze around the hila on both sides.",
            ("Oedema", "Pulmonary Edema", "Pulmonary Oedema"), ("opacity",)),
    Finding("emphysema", "Emphysema", "肺氣腫", "Emphysema", ("SCT", "87433001"),
            "Destroyed air spaces: dark, large lungs with few vessels and flat diaphragms."),
    Finding("fibrosis", "Fibrosis", "肺纖維化", "Fibrosis", ("SCT", "51615001"),
            "Scarred lung: a net of lines, lost volume, pulled hila or trachea.",
            ("Pulmonary Fibrosis",)),
    Finding("pleural_thickening", "Pleural thickening", "肋膜增厚", "Pleural_Thickening",
            None,
            "A dense rim along the chest wall or over the apex that does not move like fluid."),
    Finding("hernia", "Hiatal hernia", "橫膈裂孔疝氣", "Hernia", ("SCT", "84089009"),
            "Stomach above the diaphragm: a rounded density behind the heart, often with an air "
            "fluid level.", ("Hiatal Hernia", "Hiatus Hernia")),
)  # fmt: skip
