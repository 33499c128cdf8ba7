"""What is said of a whole picture, or of the patient, rather than of a place in it."""

from hilum.domain.findings.definition import Finding

ROWS = (
    Finding("no_finding", "No finding", "無異常發現", "No_Finding", None,
            "None of the findings that the report was searched for; not the same as healthy."),
    Finding("normal", "Normal", "正常", "Normal", None,
            "A reader, or whoever filed the picture, calls the whole radiograph normal; more than "
            "no finding says."),
    Finding("negative_for_pneumonia", "Negative for pneumonia", "無肺炎表現",
            "Negative_for_Pneumonia", None,
            "No lung opacity; the patient may have COVID-19 all the same.",
            ("Negative for Pneumonia", "Negative")),
    Finding("typical_appearance", "Typical appearance of COVID-19", "新冠肺炎典型表現",
            "Typical_Appearance", None,
            "Peripheral opacities on both sides, rounded or mostly in the lower zones, as COVID-19 "
            "commonly makes them.", ("Typical",)),
    Finding("indeterminate_appearance", "Indeterminate appearance for COVID-19",
            "新冠肺炎不確定表現", "Indeterminate_Appearance", None,
            "Neither typical nor atypical: opacities on one side, or central, or in the upper "
            "zones.", ("Indeterminate",)),
    Finding("atypical_appearance", "Atypical appearance for COVID-19", "新冠肺炎非典型表現",
            "Atypical_Appearance", None,
            "Something else stands out: pneumothorax, effusion, oedema, one lobe consolidated, a "
            "nodule or mass, tiny nodules, a cavity.", ("Atypical",)),
    Finding("death", "Death", "死亡", "Death", ("SCT", "419099009"),
            "An outcome of the patient, which no picture shows; its time limit is the "
            "collection's.", ("Dead", "Deceased", "Died")),
    Finding("covid_19", "COVID-19", "新冠肺炎", "Covid-19", ("SCT", "840539006"),
            "Infection by SARS-CoV-2, known from a test: often patchy peripheral densities low on "
            "both sides; many patients have a normal radiograph.", ("COVID", "COVID19")),
)  # fmt: skip
