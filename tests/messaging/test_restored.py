"""After a restore: nothing is sent in safe mode, and nothing twice when it is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts import sending_stops
from accounts.models import Location, SendingStop, User
from contacts.models import Contact
from core import work
from core.causes import Cause
from core.clock import Frozen
from core.models import Event
from integrations import outbox
from integrations.models import OutboundCall, Provider, ProviderAccount
from integrations.outbox import NewCall, enqueue_calls
from integrations.ports import Capabilities, LookupAnswer, OutboundSms
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE, FakeGateway, fresh

TEST = Cause.system("test")
Run = Callable[[], int]


def wish(contact: Contact, key: str, **more: Any) -> Message:
    cause = more.pop("cause", RULE)
    made = NewMessage(contact_id=contact.pk, dedupe_key=key, cause=cause, template="welcome_lead", **more)
    return queue_messages([made])[0].message


def restore(backed_up_at: Any) -> SendingStop:
    sending_stops.stop(kind="safe_mode", reason="Restored.", cause=TEST, backed_up_at=backed_up_at)
    return sending_stops.in_force().get()


def leave(**options: Any) -> str:
    out = StringIO()
    call_command("leave_safe_mode", stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def listed(gateway: FakeGateway) -> FakeGateway:
    """The gateway's provider finds by reference what it was given."""
    gateway.capabilities = Capabilities(search=True, search_ref=True, receipts=True)

    def lookup(sms: OutboundSms, *, sent_after: Any) -> LookupAnswer:
        known = any(sms.reference == one.reference for one in gateway.sent)
        return LookupAnswer("found", f"id-{sms.reference}", "sent") if known else LookupAnswer("absent")

    gateway.lookup = lookup  # type: ignore[method-assign]
    return gateway


def sent_after_the_backup(people: list[Contact], gateway: FakeGateway, run_work: Run) -> list[Message]:
    """Texts that the provider has and the restored rows do not know to be sent."""
    rows = [wish(person, f"k{person.pk}") for person in people]
    run_work()
    assert len(gateway.sent) == len(rows)
    Message.objects.update(
        status="queued",
        sent_at=None,
        attempts=0,
        provider_message_id="",
        provider_account=None,
        sender="",
        body="",
    )
    for message in Message.objects.all():
        message.send_attempts.all().delete()
    return rows


def people(location: Location, count: int) -> list[Contact]:
    return [
        make_contact(location, name=f"Person {n}", phone=f"+614120{n:05}", source="wix") for n in range(count)
    ]


def test_nothing_is_sent_in_safe_mode_and_nothing_twice_after_it_where_the_provider_can_be_asked(
    sydney: Location, listed: FakeGateway, now: Frozen, run_work: Run
) -> None:
    rows = sent_after_the_backup(people(sydney, 30), listed, run_work)
    never = wish(make_contact(sydney, name="Unsent", phone="+61412999999"), "unsent")
    now.advance(timedelta(minutes=1))
    restore(NOW - timedelta(hours=2))
    now.advance(timedelta(minutes=20))
    run_work()
    assert len(listed.sent) == 30

    said = leave()
    now.advance(timedelta(minutes=20))
    run_work()

    assert "31 messages to look up" in said
    assert "30 of those looked up are sent now" in said
    references = [sms.reference for sms in listed.sent]
    assert len(references) == len(set(references)) == 31
    assert {fresh(row).status for row in [*rows, never]} == {"sent"}


@pytest.mark.parametrize("by_words", [True, False], ids=["found by its words alone", "not to be asked"])
def test_nothing_twice_where_the_provider_cannot_prove_it(
    by_words: bool, sydney: Location, gateway: FakeGateway, now: Frozen, run_work: Run
) -> None:
    rows = sent_after_the_backup(people(sydney, 30), gateway, run_work)
    gateway.capabilities = Capabilities(search=by_words)
    gateway.looked_up = LookupAnswer("absent")
    now.advance(timedelta(minutes=1))
    restore(NOW - timedelta(hours=2))
    run_work()
    leave()
    for _ in range(4):
        now.advance(timedelta(minutes=20))
        run_work()
    assert len(gateway.sent) == 30
    assert {(fresh(row).status, fresh(row).reason) for row in rows} == {("unknown", "restored")}
    assert Event.objects.filter(type="message_unknown").count() == 30


def test_what_falls_due_later_and_what_staff_wrote_since_goes_normally(
    sydney: Location, anna: Contact, receptionist: User, gateway: FakeGateway, now: Frozen, run_work: Run
) -> None:
    later = wish(anna, "later", send_at=NOW + timedelta(hours=3))
    now.advance(timedelta(minutes=1))
    restore(NOW - timedelta(hours=2))
    now.advance(timedelta(minutes=1))
    wanted_anew = wish(
        make_contact(sydney, name="Ben", phone="+61412000002"), "anew", send_at=NOW + timedelta(hours=4)
    )
    by_hand = wish(
        make_contact(sydney, name="Cleo", phone="+61412000003"), "by hand", cause=Cause.user(receptionist.pk)
    )
    run_work()
    assert gateway.sent == []
    leave()
    now.advance(timedelta(hours=5))
    run_work()
    assert (fresh(later).status, fresh(by_hand).status) == ("sent", "sent")
    assert (fresh(wanted_anew).status, fresh(wanted_anew).reason) == ("unknown", "restored")


def test_safe_mode_is_not_left_while_work_waits_unless_told_to(
    sydney: Location, gateway: FakeGateway
) -> None:
    with pytest.raises(CommandError, match="not on"):
        leave()
    restore(NOW)
    work.enqueue("messaging.release_held", location_id=sydney.pk)
    with pytest.raises(CommandError, match="1 items of work wait"):
        leave()
    assert sending_stops.where()[0]
    leave(force=True)
    assert not sending_stops.where()[0]


def test_notices_that_may_have_arrived_are_left_to_a_person_and_webhooks_go_with_their_id(
    sydney: Location, now: Frozen
) -> None:
    account = ProviderAccount.objects.create(
        location=sydney, provider=Provider.WEBHOOK, name="Warehouse", credentials={"webhook_secret": "x"}
    )
    calls = [
        NewCall(
            location_id=sydney.pk, kind=kind, target="there", account_id=account.pk, payload={"text": "Look"},
            dedupe_key=kind, cause=RULE,
        )
        for kind in ("webhook", "slack", "email_notice")
    ]  # fmt: skip
    enqueue_calls(calls)
    now.advance(timedelta(minutes=1))
    stop = restore(NOW)
    now.advance(timedelta(minutes=1))
    [anew] = enqueue_calls([NewCall(**{**vars(calls[0]), "dedupe_key": "anew"})])
    assert outbox.reconcile(stop, TEST) == {"calls for a person": 3}
    states = dict(OutboundCall.objects.values_list("dedupe_key", "state"))
    assert states == {"webhook": "waiting", "slack": "unknown", "email_notice": "unknown", "anew": "unknown"}
    assert OutboundCall.objects.get(pk=anew.pk).outcome == "restored"
