"""Run the pure tests, without Django, and print the branch coverage of the pure modules; under 95 % fails."""

from __future__ import annotations

import subprocess
import sys

import pure_modules

AT_LEAST = 95


def main() -> int:
    """The exit code of the tests, or of the coverage report."""
    files = [str(pure_modules.path(name).relative_to(pure_modules.CHECKOUT)) for name in pure_modules.names()]
    folder = pure_modules.CHECKOUT / "var" / "coverage-pure"
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "settings.ini"
    lines = [
        "[run]",
        "branch = true",
        f"data_file = {folder / 'data'}",
        "include =",
        *(f"    {file}" for file in files),
    ]
    lines += ["[report]", "exclude_also =", "    if TYPE_CHECKING:", r"    ^\s*\.\.\.$"]
    settings.write_text("\n".join(lines))
    coverage = [sys.executable, "-m", "coverage"]
    tested = subprocess.run(
        [*coverage, "run", f"--rcfile={settings}", "-m", "pytest", "-q", "-p", "no:django", "-p", "no:cacheprovider",
         "tests/pure"],
        cwd=pure_modules.CHECKOUT, check=False,
    )  # fmt: skip
    if tested.returncode:
        return tested.returncode
    report = [
        *coverage,
        "report",
        f"--rcfile={settings}",
        f"--fail-under={AT_LEAST}",
        "--show-missing",
        "--skip-covered",
    ]
    return subprocess.run(report, cwd=pure_modules.CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
