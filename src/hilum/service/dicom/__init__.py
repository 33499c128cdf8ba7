"""The process ``dicom``: C-STORE and C-ECHO; and how other DICOM systems are asked."""
