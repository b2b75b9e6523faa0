from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from avatar_cms.launch import guard, supervisor
from avatar_cms.launch.errors import LaunchError


class Command(BaseCommand):
    """Run the whole system on this machine: servers, web, worker, Beat."""

    help = "Start everything and print where it is. Ctrl-C stops everything."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", default=os.environ.get("PORT") or "8000", help="on 127.0.0.1 (default: PORT, or 8000)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.port = guard.port_number(options["port"])
            code = supervisor.run(port=self.port, prepare=self.prepare, banner=self.banner, say=self.say)
        except LaunchError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(1)
        sys.exit(code)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def prepare(self) -> None:
        """Bring the database up to date and seed what is absent."""
        from core.models import Heartbeat

        self.say("Preparing the database.")
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("seed", verbosity=0)
        # Signs of life of the last run must not make this one look ready.
        Heartbeat.objects.filter(name__in=["beat", "worker"]).delete()
        if settings.ENVIRONMENT_NAME != "production":
            call_command("demo")

    def banner(self) -> None:
        """Where it is, and who may log in."""
        address = f"http://127.0.0.1:{self.port}"
        lines = ["", f"  Avatar Imaging CMS is ready at {address}/admin/", ""]
        if settings.DEMO_PASSWORD:
            lines += [f"    {name}@demo.test" for name in ("admin", "manager", "staff", "readonly")]
            lines += [f"    password: {settings.DEMO_PASSWORD}  (DEMO_PASSWORD in .env)", ""]
        self.say("\n".join([*lines, "  Ctrl-C stops everything.", ""]))
