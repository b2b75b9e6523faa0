"""Work of this app: applying stored deliveries."""

from __future__ import annotations

from core import claims, work
from core.explain import explainers
from core.models import Event, Work
from integrations import inbound
from integrations.models import Receipt


def apply_receipt(items: list[Work]) -> None:
    """Apply each item's receipt; the last try parks it instead of failing once more."""
    for item in items:
        inbound.apply_receipt(item.args["receipt"], last_try=item.attempts >= claims.MAX_TRIES)


def explain(event: Event) -> list[str]:
    """The delivery an event came with, and what became of it."""
    receipt = Receipt.objects.filter(pk=event.receipt_id).first() if event.receipt_id else None
    if receipt is None:
        return []
    return [f"delivery {receipt.public_id}: {receipt.state} after {receipt.attempts} tries"]


def connect() -> None:
    """Called from AppConfig.ready()."""
    work.handler(inbound.APPLY)(apply_receipt)
    explainers.register("integrations", explain)
