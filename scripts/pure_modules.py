"""The pure modules, as the import contract in pyproject.toml lists them, and where their tests are."""

from __future__ import annotations

import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def names() -> list[str]:
    """Dotted names of every pure module."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found: list[str] = next(contract["source_modules"] for contract in contracts if contract["id"] == "pure")
    return found


def path(name: str) -> Path:
    """The file of a module."""
    return CHECKOUT / Path(*name.split(".")).with_suffix(".py")


def tests(name: str) -> Path:
    """The folder of the tests that hold a module to its word."""
    return CHECKOUT / "tests" / "pure" / name.partition(".")[0]
