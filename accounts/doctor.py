"""What a clinic still lacks before it can run: apps register checks, `manage.py doctor` and a page show them.

doctor.checks.register("messaging.sender", check)      # check(location) -> Iterable[Finding]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from accounts.models import Location
from core.registry import Registry


class Level(StrEnum):
    """How grave a finding is; only what is missing keeps a clinic from working."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found. `area` is what it is about, as staff call it; `todo` says what to do, and where.

    `link` is an address of the admin where it is done, empty when there is none.
    """

    level: Level
    area: str
    text: str
    todo: str = ""
    link: str = ""


Check = Callable[[Location], Iterable[Finding]]

checks: Registry[Check] = Registry("check of a clinic")


def examine(location: Location) -> list[Finding]:
    """What every check finds at a location, in the order in which they were registered. Changes nothing."""
    return [finding for _, check in checks.items() for finding in check(location)]


def is_ready(findings: Iterable[Finding]) -> bool:
    """Whether nothing is missing; warnings are allowed."""
    return all(finding.level is not Level.MISSING for finding in findings)
