"""What the desk calls the rules behind a storm of messages."""

from __future__ import annotations

from collections.abc import Iterable

from automation.models import Rule
from messaging import storms


def of_rules(ids: Iterable[int]) -> dict[int, str]:
    """The rules' names, by inner id."""
    return {rule.pk: str(rule) for rule in Rule.objects.filter(pk__in=list(ids))}


def connect() -> None:
    """Called from AppConfig.ready()."""
    storms.names.register("rule", of_rules)
