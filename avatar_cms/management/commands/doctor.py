from __future__ import annotations

import json
import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location

_MARKS = {Level.OK: "ok     ", Level.WARNING: "look   ", Level.MISSING: "MISSING"}


class Command(BaseCommand):
    """Say what each clinic and its providers still lack, and what to do. Exits with 1 when something is missing."""

    help = "Say what is missing for each location and provider, and what to do about it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--location", metavar="CODE", help="only this clinic")
        parser.add_argument("--json", action="store_true", help="for a machine to read")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [(location, doctor.examine(location)) for location in _clinics(options["location"])]
        if options["json"]:
            self.stdout.write(json.dumps([_as_data(*entry) for entry in found], indent=2))
        else:
            self._tell(found)
        if not found or not all(doctor.is_ready(findings) for _, findings in found):
            raise SystemExit(1)

    def _tell(self, found: list[tuple[Location, list[Finding]]]) -> None:
        if not found:
            self.stdout.write(
                f"There is no clinic yet. Set one up at {_full(reverse('admin:accounts_location_add'))}"
            )
        for location, findings in found:
            self.stdout.write(f"{location.name} ({location.code}), automation {location.automation_mode}")
            for finding in findings:
                self.stdout.write(f"  {_MARKS[finding.level]}  {finding.area}: {finding.text}")
                if finding.level is not Level.OK and (finding.todo or finding.link):
                    self.stdout.write(f"           {finding.todo} {_full(finding.link)}".rstrip())
            missing = sum(finding.level is Level.MISSING for finding in findings)
            self.stdout.write(f"  {missing} missing." if missing else "  Nothing is missing.")


def _clinics(code: str | None) -> list[Location]:
    rows = Location.objects.order_by("name")
    if code is None:
        return list(rows)
    found = list(rows.filter(code=code))
    if not found:
        known = ", ".join(rows.values_list("code", flat=True)) or "none"
        raise CommandError(f"There is no clinic {code!r}. There are: {known}.")
    return found


def _as_data(location: Location, findings: list[Finding]) -> dict[str, Any]:
    return {
        "location": location.code,
        "automation_mode": location.automation_mode,
        "ready": doctor.is_ready(findings),
        "findings": [
            {
                "level": row.level.value,
                "area": row.area,
                "text": row.text,
                "todo": row.todo,
                "link": _full(row.link),
            }
            for row in findings
        ],
    }


def _full(link: str) -> str:
    """The page's address, with the site's own name where one is known."""
    host = next(
        (name for name in settings.ALLOWED_HOSTS if name not in ("*", "[::1]") and name[:1] != "."), ""
    )
    if not link or not host:
        return link
    local = host in ("127.0.0.1", "localhost", "testserver")
    return f"http://{host}:{os.environ.get('PORT') or '8000'}{link}" if local else f"https://{host}{link}"
