from __future__ import annotations


class LaunchError(Exception):
    """The system cannot be started; the message says why and what to do, in a sentence or two."""
