"""Who can say more about an event: apps register a function that explains their part of what followed."""

from __future__ import annotations

from collections.abc import Callable

from core.models import Event, Work
from core.registry import Registry

Explainer = Callable[[Event], list[str]]

explainers: Registry[Explainer] = Registry("event explainer")


def explain(event: Event) -> list[str]:
    """Lines of plain text: what happened, why, who handled it, and what each app says followed."""
    lines = [
        f"{event.type} {event.public_id} at {event.occurred_at:%Y-%m-%d %H:%M:%S} UTC, from {event.source}",
        f"  started by {event.cause_kind} {event.cause_id}, {event.depth} rule(s) deep",
        *(f"  {key}: {value}" for key, value in sorted(event.data.items())),
    ]
    for item in Work.objects.filter(event_id=event.pk).order_by("id"):
        error = f" ({item.last_error})" if item.last_error else ""
        lines.append(f"  {item.handler}: {item.state} after {item.attempts} tries{error}")
    for name, function in explainers.items():
        lines += [f"  {name}: {line}" for line in function(event)]
    return lines
