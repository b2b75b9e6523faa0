"""manage.py check_warmness: prove that stored warmness is what the rows say."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Location
from contacts import warmness
from core.causes import Cause


class Command(BaseCommand):
    help = "Compare every stored warmness with what its rows say. Fails when one differs, unless --mend."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mend", action="store_true", help="Store the recomputed scores.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["mend"]:
            cause = Cause.system("check_warmness")
            mended = sum(
                len(warmness.check(pk, cause=cause)) for pk in Location.objects.values_list("pk", flat=True)
            )
            self.stdout.write(f"{mended} scores mended.")
            return
        found = list(warmness.differences())
        for item in found:
            self.stdout.write(
                f"contact {item.contact_id}: stored {item.stored}, recomputed {item.recomputed}"
            )
        if found:
            raise CommandError(f"{len(found)} stored scores differ. Run it with --mend to correct them.")
        self.stdout.write("Every stored score is what its rows say.")
