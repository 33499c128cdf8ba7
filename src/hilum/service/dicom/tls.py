"""TLS of DICOM associations (PS3.15 B.9: TLS 1.2 or later)."""

from __future__ import annotations

import ssl

from hilum.errors import ServiceError
from hilum.service.settings import Tls


def listening(tls: Tls) -> ssl.SSLContext:
    """What the listener shows; with ``both`` the other side must show a certificate too.

    Raises:
        ServiceError: a file is missing or no PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, tls)
    if tls.both:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def calling(tls: Tls) -> ssl.SSLContext:
    """What a caller shows, and whom it believes; the other side's name is checked.

    Raises:
        ServiceError: a file is missing or no PEM.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, tls)
    return context


def _load(context: ssl.SSLContext, tls: Tls) -> None:
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        if tls.authority is not None:
            context.load_verify_locations(tls.authority)
        elif tls.both:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    except (OSError, ssl.SSLError) as error:
        raise ServiceError(
            f"The certificate {tls.certificate}, its key or the authority cannot be read: "
            f"{error.strerror or type(error).__name__}. All three are PEM files."
        ) from None
