from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from core import events, work
from core.management.commands.explain_event import find_event


class Command(BaseCommand):
    """Deliver one event again. What it did before is not done twice."""

    help = "Deliver an event again to its handlers, or to one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", help="the event's public id or number")
        parser.add_argument("--handler", help="only this handler")

    def handle(self, *args: Any, **options: Any) -> None:
        event = find_event(options["event"])
        handlers = events.subscribers(event.type)
        if options["handler"]:
            if options["handler"] not in handlers:
                heard_by = ", ".join(handlers) or "nobody"
                raise CommandError(
                    f"{options['handler']} does not hear of {event.type}. It is heard by: {heard_by}."
                )
            handlers = (options["handler"],)
        with transaction.atomic():
            count = work.replay(event, handlers)
        self.stdout.write(f"{event.type} {event.public_id}: delivered again to {count} handler(s).")
