"""Which fields of this app's rows are watched."""

from __future__ import annotations

from core.signals import track_model
from messaging.events import TEMPLATE_CHANGED, TEMPLATE_CREATED
from messaging.models import Template


def connect() -> None:
    track_model(
        Template,
        fields=("name", "subject", "body", "category", "purpose", "asks_answer", "is_active"),
        updated=TEMPLATE_CHANGED,
        created=TEMPLATE_CREATED,
    )
