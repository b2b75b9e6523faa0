"""Python's collector of cycles, kept from holding up requests.

A full round walks through every object that is alive. Those of code, models and compiled templates stay until the
process ends; walking them takes a tenth of a second, and falls on some request in a few dozen.
"""

from __future__ import annotations

import gc


def leave_alone() -> None:
    """Let the collector never again look at what is alive now: call it when a process has loaded what it works with."""
    gc.collect()
    gc.freeze()
