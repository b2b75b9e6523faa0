"""Where a template is used. Apps above say so for their own things; the template's page lists it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.registry import Registry
from messaging.judging import CARRIER_REPLIES
from messaging.models import Template


@dataclass(frozen=True, slots=True)
class Use:
    """One thing that sends a template: what it is called, how it stands (such as "off"), and its page."""

    label: str
    standing: str = ""
    url: str = ""


uses: Registry[Callable[[Template], Iterable[Use]]] = Registry("use of templates")


def of(template: Template) -> list[Use]:
    """Everything that sends this template; each app asks the database a fixed number of times."""
    return [use for _, find in uses.items() for use in find(template)]


def _carrier_replies(template: Template) -> Iterable[Use]:
    if template.name in CARRIER_REPLIES:
        word = template.name.partition("_")[0].upper()
        yield Use(f"The answer to everybody who writes {word}", "always")


uses.register("messaging.carrier_replies", _carrier_replies)
