"""A short life of a clinic in one process, passing every crash point at least twice; run again, it goes on.

`python -m tests.chaos.scenario` is a server: each line of its input is a JSON object with `crash_at`, `folder` and
`posts`; it forks a process that lives the scenario, with CRASH_AT set so, and answers with the end of that process.
A fork has everything imported already, so that hundreds of deaths take minutes.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

from integrations.ports import Capabilities
from tests.fakes.journal import Journal, JournalGateway
from tests.webhooks.wix_builder import WixBooking

LEFT = ("left-1", "left-2")
#: Who gives those two to a colleague.
RECEPTIONIST = "desk@chaos.test"
FAILS_ONCE = "chaos.fails_once"


def live(folder: Path, posts: dict[str, list[dict[str, Any]]]) -> None:
    """Live the scenario from its beginning; what was done already is not done again."""
    from django.conf import settings

    from core import jobs
    from tests.fakes.wix_rest import FakeWixRest
    from tests.harness.graph import FakeGraph

    _take_the_providers_place(folder)
    with FakeGraph(app_secret="app-secret") as graph, FakeWixRest() as site:
        settings.META_GRAPH_URL, settings.WIX_API_URL = graph.url, site.url
        for number in (1, 2):
            graph.leads[f"lead-{number}"] = _lead(number)
            _missed(site, number)
        _post(posts["first"])
        _call_others()
        _fail_once()
        _act_at_the_desk()
        for _ in range(2):
            jobs.drain()
            jobs.tick_1min()
            _time_passes()
        for key in LEFT:
            _leave_behind(key)
            _record_outcome()
            for _ in range(2):
                jobs.tick_10s()
                _time_passes()
        _post(posts["then"])
        for _ in range(4):
            jobs.drain()
            jobs.tick_15min()
            jobs.tick_1min()
            _time_passes()
        _post(_receipts())
        jobs.drain()


def _take_the_providers_place(folder: Path) -> None:
    from accounts import desk_actions
    from core import work
    from integrations import calls, gateways, reconciling
    from integrations.calling import CallOutcome

    # The answers to the first two calls are lost.
    gateway = JournalGateway(Journal(folder / "texts"), Capabilities(search=True, receipts=True), lost=2)
    made = Journal(folder / "calls")
    gateways.for_account = lambda account: gateway

    def make(call: Any) -> CallOutcome:
        made.take(str(call.public_id))
        return CallOutcome("done", "arrived")

    calls.make = make
    # One booking a page, so that two make two pages; one row a part, so that two make two parts.
    reconciling.PAGE = 1
    desk_actions.INLINE, desk_actions.PART = 0, 1

    @work.handler(FAILS_ONCE)
    def fails_once(items: list[Any]) -> None:
        if items[0].attempts == 1:
            raise ValueError("not at the first try")


def _post(posts: list[dict[str, Any]]) -> None:
    from django.test import Client

    for post in posts:
        answer = Client().generic(
            "POST", post["path"], post["body"], content_type=post["type"], headers=post.get("headers", {})
        )
        if answer.status_code != 200:
            raise AssertionError(f"{post['path']} answered {answer.status_code}: {answer.content!r}")


def _missed(site: Any, number: int) -> None:
    """A booking of which no webhook tells; it is found in the list."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=12, hours=number)
    booking = WixBooking(
        id=f"b-{7 + number}", start=start, phone=f"+6141200000{7 + number}", contact_id=f"c-{7 + number}",
        first_name=f"Mia{number}", email=f"mia{number}@example.com",
    )  # fmt: skip
    site.book(booking.entity("CONFIRMED"), at=datetime.now(UTC) - timedelta(hours=number))


def _lead(number: int) -> dict[str, Any]:
    fields = {"full_name": f"Lee Lead{number}", "phone_number": f"+6141300000{number}"}
    return {
        "created_time": "2026-11-26T10:00:00+0000",
        "form_id": "form-1",
        "field_data": [{"name": name, "values": [value]} for name, value in fields.items()],
    }


def _call_others() -> None:
    from accounts.models import Location
    from core.causes import Cause
    from integrations.outbox import NewCall, enqueue_calls

    location = Location.objects.get()
    for number in (1, 2):
        key = f"chaos-call-{number}"
        enqueue_calls(
            [NewCall(location.pk, "webhook", f"host-{number}", {"n": number}, key, Cause.system("chaos"))]
        )


def _fail_once() -> None:
    from core import work

    for number in (1, 2):
        work.enqueue(FAILS_ONCE, location_id=None, dedupe_key=f"chaos-fails-{number}")


def _act_at_the_desk() -> None:
    """Two people are given to a colleague, in two parts."""
    from accounts import desk_actions
    from accounts.models import DeskAction, Location, User
    from contacts.desk_kinds import ASSIGN_OWNER
    from contacts.models import Contact

    if DeskAction.objects.exists():
        return
    user = User.objects.get(email=RECEPTIONIST)
    desk_actions.start(
        ASSIGN_OWNER, location=Location.objects.get(), user=user, parameters={"owner": user.pk},
        items=Contact.objects.filter(name__startswith="Left").order_by("pk").values_list("pk", flat=True),
    )  # fmt: skip


def _leave_behind(key: str) -> None:
    """As a worker leaves a message that dies right after it began to send it."""
    from django.db import transaction

    from core import clock
    from integrations.models import ProviderAccount
    from messaging.models import Message, SendAttempt

    with transaction.atomic():
        message = Message.objects.select_for_update().get(dedupe_key=key)
        if message.status != "scheduled":
            return
        message.status, message.lease_until = "sending", clock.now() - timedelta(seconds=1)
        message.provider_account = ProviderAccount.objects.get(name="Texts")
        message.attempts, message.send_at = 1, clock.now()
        message.save()
        SendAttempt.objects.create(
            message=message, fence=message.fence, started_at=clock.now() - timedelta(minutes=9)
        )


def _record_outcome() -> None:
    """Of one visit that is over: its steps that wait come due apart from the next one's."""
    from bookings import moves
    from bookings.models import Booking
    from core import clock
    from core.causes import Cause

    over = Booking.objects.filter(appointment_datetime__lt=clock.now(), outcome=Booking.Outcome.NONE)
    for booking in over.order_by("pk")[:1]:
        moves.record_outcome(booking_id=booking.pk, outcome="attended", cause=Cause.system("chaos"))


def _receipts() -> list[dict[str, Any]]:
    from messaging.models import Message
    from tests.chaos.clinic import TOKEN

    sent = Message.objects.filter(status="sent").exclude(provider_message_id="").order_by("pk")
    return [
        {
            "path": f"/webhooks/sms/receipt/{TOKEN}",
            "body": json.dumps({"message_id": said, "status": "delivered"}),
            "type": "application/json",
        }
        for said in sent.values_list("provider_message_id", flat=True)
    ]


def _time_passes() -> None:
    """What waits for a moment of its own finds that it has come."""
    from django.db.models import F

    from automation.executor import DELAYED
    from core import clock
    from core.models import Work
    from integrations.models import OutboundCall
    from messaging.models import Message, SendAttempt

    now = clock.now()
    Work.objects.filter(retry_at__isnull=False).update(retry_at=now)
    Work.objects.filter(handler=DELAYED, state="pending", due_at__gt=now).update(due_at=now)
    OutboundCall.objects.filter(state="waiting").update(next_try_at=now)
    SendAttempt.objects.update(started_at=F("started_at") - timedelta(minutes=6))
    Message.objects.filter(status__in=("unknown", "queued"), next_try_at__gt=now).update(next_try_at=now)


def serve() -> None:
    """Fork and live for every line that comes in."""
    django.setup()
    from django.urls import get_resolver

    import core.jobs

    assert core.jobs.drain.name
    assert get_resolver().url_patterns
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ["CRASH_AT"] = asked["crash_at"]
            code = 1
            try:
                live(Path(asked["folder"]), asked["posts"])
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
