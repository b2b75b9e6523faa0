"""Resolve pyproject's dependencies into requirements/*.lock, with hashes, for every supported platform.

Needs an index that holds every platform's files (uv's own settings say which): a mirror of one machine's files would
leave out the hashes of the others.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCKS = CHECKOUT / "requirements"
#: What each lock holds beside the runtime dependencies.
GROUPS = {"base": [], "embedded": ["embedded"], "dev": ["embedded", "dev"]}
_WHERE = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host|file://|https?://")


def compile_lock(name: str, source: Path, options: list[str]) -> None:
    """One lock. It names packages and hashes only: where they come from is the machine's business."""
    target = LOCKS / f"{name}.lock"
    target.unlink(missing_ok=True)  # uv would keep the hashes it finds
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", str(source.relative_to(CHECKOUT)), "--universal",
         "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--quiet",
         "--custom-compile-command", "make locks", "-o", str(target), *options],
        cwd=CHECKOUT, check=True,
    )  # fmt: skip
    if _WHERE.search(target.read_text()):
        sys.exit(f"{target} says where packages come from; it must not.")


if __name__ == "__main__":
    LOCKS.mkdir(exist_ok=True)
    for lock, groups in GROUPS.items():
        compile_lock(lock, CHECKOUT / "pyproject.toml", [f"--group={group}" for group in groups])
    compile_lock("uv", LOCKS / "uv.in", [])
