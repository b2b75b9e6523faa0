from __future__ import annotations


class EmbeddedServerError(Exception):
    """An embedded server cannot be used; the message says why and what to do, in one sentence or two."""
