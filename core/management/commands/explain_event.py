from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.explain import explain
from core.models import Event


def find_event(key: str) -> Event:
    """The event of that public id or number; CommandError when there is none."""
    if key.isdigit():
        event = Event.objects.filter(pk=int(key)).first()
    else:
        try:
            event = Event.objects.filter(public_id=uuid.UUID(key)).first()
        except ValueError:
            raise CommandError(f"{key!r} is neither a public id nor a number.") from None
    if event is None:
        raise CommandError(f"There is no event {key}.")
    return event


class Command(BaseCommand):
    """Say what an event was, what started it and what followed."""

    help = "Explain an event: its cause, its deliveries and what each rule made of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", help="the event's public id or number")

    def handle(self, *args: Any, **options: Any) -> None:
        for line in explain(find_event(options["event"])):
            self.stdout.write(line)
