"""DICOM as a network speaks it: the listener, what it takes, its guards, and TLS of both ends."""

from pynetdicom import _config

# What pynetdicom logs quotes headers, and it is put together even where nobody listens.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
