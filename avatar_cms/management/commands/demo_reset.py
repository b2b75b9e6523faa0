from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from avatar_cms.launch import guard, servers
from avatar_cms.launch.errors import LaunchError


class Command(BaseCommand):
    """Throw the demo's data away; the next `make run` makes it anew."""

    help = "Remove the embedded database and broker's data. A given DATABASE_URL is refused unless FORCE=1."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with guard.only_run(0):
                guard.clear_leftovers()
                self.reset()
        except LaunchError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(1)
        self.stdout.write("The demo's data is gone. `make run` starts over; .env and keys are kept.")

    def reset(self) -> None:
        """Remove the embedded data, or empty the given database when forced."""
        if not settings.EMBEDDED_DATABASE:
            if os.environ.get("FORCE") != "1":
                raise LaunchError(
                    "DATABASE_URL names a database of your own, and this would empty it: "
                    "run FORCE=1 make demo-reset if you mean that."
                )
            servers.check_database()
            servers.empty_given_database()
            return
        servers.forget()
