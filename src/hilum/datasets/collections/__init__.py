"""Published collections, one file each; this is their table of contents."""

from hilum.registry import Registry

COLLECTIONS = Registry(
    "collection",
    [
        ("chestxray14", "hilum.datasets.collections.chestxray14:COLLECTION"),
        ("nih-cxr-lt", "hilum.datasets.collections.nih_cxr_lt:COLLECTION"),
        ("siim-covid19", "hilum.datasets.collections.siim_covid19:COLLECTION"),
        ("covid-chestxray", "hilum.datasets.collections.covid_chestxray:COLLECTION"),
        ("covid19-radiography", "hilum.datasets.collections.covid19_radiography:COLLECTION"),
        ("paediatric-pneumonia", "hilum.datasets.collections.paediatric_pneumonia:COLLECTION"),
        ("covid19-mortality", "hilum.datasets.collections.covid19_mortality:COLLECTION"),
        ("rsna-pneumonia", "hilum.datasets.collections.rsna_pneumonia:COLLECTION"),
        ("vindr-cxr", "hilum.datasets.collections.vindr_cxr:COLLECTION"),
        ("chexpert", "hilum.datasets.collections.chexpert:COLLECTION"),
        ("mimic-cxr-jpg", "hilum.datasets.collections.mimic_cxr_jpg:COLLECTION"),
        ("padchest", "hilum.datasets.collections.padchest:COLLECTION"),
    ],
)
