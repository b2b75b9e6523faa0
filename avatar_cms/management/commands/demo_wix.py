from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import clock
from core.ids import uuid7


class Command(BaseCommand):
    """Post a signed booking to the running demo, as Wix would."""

    help = "Book a visit in the running demo by a delivery signed with the demo's Wix key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="Robin Gray")
        parser.add_argument("--phone", default="0491 570 156")
        parser.add_argument("--service", default="Skin cancer check")
        parser.add_argument("--days", type=float, default=5, help="days from now until the visit")
        parser.add_argument("--booking", default="", help="the id of a booking to speak of again")
        parser.add_argument("--event", default="confirmed", choices=("confirmed", "rescheduled", "canceled"))
        parser.add_argument(
            "--url", default="", help="where the demo answers; PORT on this machine by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key = Path(settings.BASE_DIR) / "var" / "keys" / "wix_demo.pem"
        if not key.exists():
            raise CommandError("The demo's Wix key is not there. Start the demo once with `make run`.")
        booking = options["booking"] or str(uuid7())
        token = jwt.encode(
            {"data": json.dumps(self._delivery(booking, options))}, key.read_text(), algorithm="RS256"
        )
        base = options["url"] or f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
        request = urllib.request.Request(
            f"{base.rstrip('/')}/webhooks/wix/bookings", token.encode(), {"Content-Type": "text/plain"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            raise CommandError(
                f"Refused with {error.code}: {error.read().decode(errors='replace')[:300]}"
            ) from error
        except OSError as error:
            raise CommandError(
                f"Nobody answers at {base}: start the demo with `make run`. ({error})"
            ) from error
        self.stdout.write(f"{status}: booking {booking} is {options['event']}.")

    def _delivery(self, booking: str, options: dict[str, Any]) -> dict[str, str]:
        now = clock.now()
        start = (now + timedelta(days=options["days"])).replace(minute=0, second=0, microsecond=0)
        first, _, last = options["name"].partition(" ")
        entity = {
            "id": booking,
            "status": "CANCELED" if options["event"] == "canceled" else "CONFIRMED",
            "startDate": _wire(start),
            "endDate": _wire(start + timedelta(minutes=30)),
            "bookedEntity": {"title": options["service"], "slot": {"startDate": _wire(start)}},
            "contactDetails": {"firstName": first, "lastName": last, "phone": options["phone"]},
        }
        event = {
            "id": str(uuid7()),
            "entityFqdn": "wix.bookings.v2.booking",
            "slug": options["event"],
            "entityId": booking,
            "eventTime": _wire(now),
            "entityEventSequence": str(int(now.timestamp())),
            "actionEvent": {"body": {"booking": entity}},
        }
        return {
            "eventType": f"wix.bookings.v2.booking_{options['event']}",
            "instanceId": "demo-instance",
            "data": json.dumps(event),
        }


def _wire(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
