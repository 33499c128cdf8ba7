"""The server: a page, an API and DICOM around :mod:`hilum.reading`.

``hilum serve`` starts four processes (:mod:`hilum.service.supervisor`) that share a database
(:mod:`hilum.service.store`) and a folder of files (:mod:`hilum.service.files`), and nothing else:

    web     pages, API, DICOMweb                accepts radiographs
    dicom   C-STORE, C-ECHO                     accepts radiographs
    read    gate, network, boxes, heatmaps      takes what waits, keeps readings
    send    results, webhooks, pulls, keeping   takes what is due, brings it where it should go
"""

SUPERVISOR = "HILUM_SUPERVISOR"
"""Environment variable of a process: its supervisor, with which it ends."""
