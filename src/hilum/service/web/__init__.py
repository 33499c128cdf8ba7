"""The process ``web``: pages, API and DICOMweb."""
