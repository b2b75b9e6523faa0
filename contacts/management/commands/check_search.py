"""manage.py check_search: prove that contacts are found by what they are called now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Location
from contacts import search


class Command(BaseCommand):
    help = "Compare the stored search keys with what they should be. Fails when one differs, unless --mend."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mend", action="store_true", help="Write the keys of those that differ.")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for location_id in Location.objects.values_list("pk", flat=True):
            after: int | None = 0
            while after is not None:
                found, after = search.mend_part(location_id, after=after, mend=options["mend"])
                wrong += len(found)
                for pk in found:
                    self.stdout.write(f"contact {pk}: its keys differ")
        if wrong and not options["mend"]:
            raise CommandError(f"{wrong} contacts differ. Run it with --mend to write their keys.")
        self.stdout.write(
            f"{wrong} contacts mended." if wrong else "Every contact is found by what it is called."
        )
