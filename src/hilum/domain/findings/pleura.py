"""Findings of the pleura."""

from hilum.domain.findings.definition import Finding

ROWS = (
    Finding("pleural_other", "Other pleural finding", "其他肋膜異常", "Pleural_Other", None,
            "Something of the pleura that is neither effusion nor pneumothorax.",
            ("Pleural Other",)),
    Finding("costophrenic_blunting", "Blunted costophrenic angle", "肋膈角變鈍",
            "Costophrenic_Blunting", None,
            "The sharp angle between ribs and diaphragm rounded off, by a little fluid or a scar.",
            ("Costophrenic angle blunting",)),
    Finding("loculated_effusion", "Loculated effusion", "包囊性肋膜積液", "Loculated_Effusion",
            None, "Fluid shut in: a lens on the chest wall that does not run when the patient "
            "turns.", ("Loculated pleural effusion",), ("effusion",)),
    Finding("fissural_effusion", "Loculated effusion of a fissure", "肺裂積液",
            "Fissural_Effusion", None, "A spindle of fluid in a fissure, like a tumour that "
            "vanishes.", ("Loculated fissural effusion",), ("loculated_effusion",)),
    Finding("empyema", "Empyema", "膿胸", "Empyema", None,
            "Pus in the pleural space; looks like a loculated effusion.", (), ("effusion",)),
    Finding("haemothorax", "Haemothorax", "血胸", "Hemothorax", ("SCT", "31892009"),
            "Blood in the pleural space; looks like an effusion.", ("Hemothorax",), ("effusion",)),
    Finding("hydropneumothorax", "Hydropneumothorax", "水氣胸", "Hydropneumothorax", None,
            "Air above fluid in the pleural space, with a level line between.",
            (), ("effusion", "pneumothorax")),
    Finding("apical_pleural_thickening", "Apical pleural thickening", "肺尖肋膜增厚",
            "Apical_Pleural_Thickening", None, "A dense cap over the apex.",
            (), ("pleural_thickening",)),
    Finding("calcified_pleural_thickening", "Calcified pleural thickening", "肋膜增厚鈣化",
            "Calcified_Pleural_Thickening", None, "A rim along the chest wall as dense as bone.",
            (), ("pleural_thickening",)),
    Finding("pleural_plaque", "Pleural plaques", "肋膜斑", "Pleural_Plaques", None,
            "Flat sharp-edged densities along ribs or diaphragm, mostly from asbestos.",
            ("Pleural plaque",)),
    Finding("calcified_pleural_plaque", "Calcified pleural plaques", "鈣化肋膜斑",
            "Calcified_Pleural_Plaques", None, "Pleural plaques as dense as bone.",
            ("Calcified pleural plaque",), ("pleural_plaque",)),
    Finding("pleural_mass", "Pleural mass", "肋膜腫塊", "Pleural_Mass", None,
            "A mass whose border meets the chest wall at an open angle."),
    Finding("fissure_thickening", "Thickened fissure", "肺裂增厚", "Fissure_Thickening", None,
            "A fissure thicker than a hair line."),
    Finding("minor_fissure_thickening", "Thickened minor fissure", "小肺裂增厚",
            "Minor_Fissure_Thickening", None, "The level fissure of the right lung thickened.",
            (), ("fissure_thickening",)),
    Finding("major_fissure_thickening", "Thickened major fissure", "大肺裂增厚",
            "Major_Fissure_Thickening", None, "An oblique fissure thickened, seen on lateral "
            "views.", (), ("fissure_thickening",)),
)  # fmt: skip
