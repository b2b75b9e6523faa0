from __future__ import annotations

from importlib import import_module, util
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

#: Lower floors first: a rule may name a template, a template belongs to a location.
APPS = (
    "core",
    "accounts",
    "integrations",
    "contacts",
    "bookings",
    "tasks",
    "messaging",
    "automation",
    "reporting",
)


class Command(BaseCommand):
    """Add what a clinic starts with, where it is absent. Never changes what staff changed."""

    help = "Seed roles, templates, rules, schedules and the demo clinics; add only what is absent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave out the demo clinics and people")

    def handle(self, *args: Any, **options: Any) -> None:
        for app in APPS:
            if util.find_spec(f"{app}.seeds") is None:
                continue
            with transaction.atomic():
                import_module(f"{app}.seeds").seed(demo=not options["no_demo"])
            if options["verbosity"] > 0:
                self.stdout.write(f"{app}: seeded.")
        call_command("sync_schedule", verbosity=options["verbosity"])
