"""Work of this app: applying stored deliveries."""

from __future__ import annotations

from core import work
from core.models import Work
from integrations import inbound


def apply_receipt(items: list[Work]) -> None:
    """Apply each item's receipt; the last try parks it instead of failing once more."""
    for item in items:
        inbound.apply_receipt(item.args["receipt"], last_try=item.attempts >= work.MAX_TRIES)


def connect() -> None:
    """Called from AppConfig.ready()."""
    work.handler(inbound.APPLY)(apply_receipt)
