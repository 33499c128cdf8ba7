"""What the server knows: studies, radiographs, readings, what has to be sent, who saw what."""

from hilum.service.store.store import Store

__all__ = ["Store"]
