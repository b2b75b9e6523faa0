"""Named places at which a test may kill the process, to prove that nothing is lost or doubled there.

`CRASH_AT=name:nth` in the environment kills the process, as `kill -9` would, the nth time it passes that
place. Without it a crash point does nothing.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_names: set[str] = set()
_passed: Counter[str] = Counter()


def declare(*names: str) -> None:
    """Name crash points, so that a test can walk all of them."""
    _names.update(names)


def declared(prefix: str = "") -> list[str]:
    """Every crash point whose name begins with `prefix`."""
    return sorted(name for name in _names if name.startswith(prefix))


def crashpoint(name: str) -> None:
    """Die here if the environment says so. Raises LookupError for a name nobody declared."""
    if name not in _names:
        raise LookupError(
            f"The crash point {name!r} is not declared. Call crashpoints.declare() beside its use."
        )
    wanted, _, nth = os.environ.get("CRASH_AT", "").partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
