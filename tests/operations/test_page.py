"""The page Operations: each sees their clinics, owners the machine too; stopping and putting back by button."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import sending_stops
from accounts.models import Location, SendingStop, User
from automation import delayed
from automation.models import ActionRun, Rule, RuleRun
from automation.services import RuleInput, create_rule
from avatar_cms.state import counts, parked
from core import clock
from core.causes import Cause
from core.errors import Conflict
from core.models import AuditEntry, Event, Heartbeat, Work
from integrations.models import OutboundCall, Receipt
from messaging.models import Message
from tests.factories.contacts import make_contact
from tests.operations.test_state import deliver, make_account, make_call, make_message, make_work

KILL = SendingStop.Kind.KILL_SWITCH


def at(view: str = "operations", *args: str) -> str:
    """The address of this page, or of another of the admin."""
    return reverse(f"admin:{view}", args=args)


def replay(kind: str) -> str:
    return at("operations_replay", kind)


def switch(client: Any, to: str, *, location: str = "", why: str = "x", **more: Any) -> Any:
    """Press the button that stops sending (`to` off) or lets it go on."""
    return client.post(at("operations_sending"), {"location": location, "to": to, "why": why}, **more)


def read(client: Any, path: str = "") -> str:
    answer = client.get(path or at())
    assert answer.status_code == 200
    return str(answer.content.decode())


def stopped() -> list[str]:
    return [row.location.code if row.location else "everywhere" for row in sending_stops.in_force()]


def test_owners_see_the_machine_and_staff_their_clinics(pages: Any, sydney: Location, outsider: User) -> None:
    make_work(sydney, state="parked")
    make_account(sydney)
    Heartbeat.objects.filter(name="doorbell_failed").delete()
    owners, managers, others = read(pages("admin")), read(pages("manager")), read(pages(outsider))
    for words in ("Is it well?", "Signs of life", "Promises", "messaging.send", "Parked: 1."):
        assert words in owners
        assert words not in managers
    assert "wix of sydney" in managers
    assert "Try all again" in managers
    assert "wix of sydney" not in others
    assert "Nothing is parked." in others


def test_work_of_no_clinic_is_the_owners(pages: Any, sydney: Location) -> None:
    make_work(None, state="parked")
    assert "Nothing is parked." in read(pages("manager"))
    assert "Nothing is parked." not in read(pages("admin"))


def test_readers_see_and_press_nothing(pages: Any, sydney: Location) -> None:
    row = make_work(sydney, state="parked")
    client = pages("readonly")
    html = read(client)
    assert "Try again" not in html
    assert "Stop all sending" not in html
    assert client.post(replay("work"), {"item": row.public_id}).status_code == 403
    assert client.post(replay("work")).status_code == 403
    answer = switch(client, "off", location=sydney.code)
    assert (answer.status_code, stopped()) == (403, [])


def test_what_is_not_counted_to_its_end_says_so(
    pages: Any, sydney: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST", 2)
    for _ in range(3):
        make_message(sydney, "unknown")
        Message.objects.filter(pk=make_message(sydney, "held").pk).update(reason="kill_switch")
    html = read(pages("manager"))
    assert "Held by a stop: more than 2." in html
    assert ">more than 2</strong>, more than 2 of them without a task" in html


def test_the_figures_alone_are_asked_for_again(pages: Any, sydney: Location) -> None:
    html = read(pages("admin"), at("operations_figures"))
    assert "Signs of life" in html
    assert "<html" not in html


def test_strangers_are_sent_to_the_log_in(client: Any, db: Any) -> None:
    for path in (at(), at("operations_figures")):
        assert client.get(path)["Location"].startswith(at("login"))
    assert switch(client, "off").status_code == 302
    assert stopped() == []


def test_an_owner_stops_everything_and_every_page_says_so(pages: Any, sydney: Location) -> None:
    client = pages("admin")
    answer = switch(client, "off", why="A wrong price went out")
    assert (answer.status_code, answer["Location"], stopped()) == (302, at(), ["everywhere"])
    assert "A wrong price went out" in read(pages("staff"), at("contacts_contact_changelist"))
    assert "Stopped since" in read(client)
    row = SendingStop.objects.get()
    assert row.stopped_by_kind == "user"
    assert str(row.public_id) in AuditEntry.objects.get(route="admin:operations_sending").object_ids
    switch(client, "on", why="Mended")
    row.refresh_from_db()
    assert (stopped(), row.resumed_reason) == ([], "Mended")


def test_a_manager_stops_their_clinic_and_no_other(pages: Any, sydney: Location, outsider: User) -> None:
    client = pages(outsider)
    assert switch(client, "off", location="melbourne").status_code == 302
    assert switch(client, "off", location="sydney").status_code == 404
    assert switch(client, "off").status_code == 403
    assert stopped() == ["melbourne"]
    sending_stops.stop(kind=KILL, reason="All", cause=Cause.system("test"))
    assert switch(client, "on").status_code == 403
    assert "everywhere" in stopped()


def test_without_a_reason_nothing_is_stopped(pages: Any, sydney: Location) -> None:
    answer = switch(pages("admin"), "off", why=" ", follow=True)
    assert answer.redirect_chain == [(at(), 302)]
    assert "Say why" in answer.content.decode()
    assert stopped() == []


@pytest.fixture
def one_of_each(sydney: Location) -> dict[str, Any]:
    """A parked item of each kind, as it is when it was given up."""
    account = make_account(sydney)
    deliver(account, state="parked")
    Receipt.objects.update(body="{}")
    return {
        "work": make_work(sydney, state="parked"),
        "messages": make_message(sydney, "parked", address="+61412000001"),
        "deliveries": Receipt.objects.get(),
        "calls": make_call(sydney, "parked"),
        "steps": make_step(sydney),
    }


def make_step(location: Location) -> ActionRun:
    """A step of a rule that failed."""
    cause = Cause.system("test")
    wanted = RuleInput("Tag", "booking_cancelled", {}, [{"type": "add_tag", "tag": "seen"}])
    rule = Rule.objects.filter(location=location, key="tag").first() or create_rule(
        location=location, key="tag", wanted=wanted, author=None, cause=cause
    )
    contact = make_contact(location)
    run = RuleRun.objects.create(
        rule=rule, version=rule.current, location=location, contact=contact, anchor=f"contact:{contact.pk}",
        event_id=Event.objects.filter(contact_id=contact.pk).latest("pk").pk, state="failed",
    )  # fmt: skip
    return ActionRun.objects.create(
        run=run, step=0, type="add_tag", state="failed", run_at=clock.now(), reason="There is no such tag."
    )


@pytest.mark.parametrize("who", ["admin", "manager"])
@pytest.mark.parametrize("view", ["operations", "operations_figures"])
def test_with_everything_parked_a_look_is_cheap(
    one_of_each: dict[str, Any], pages: Any, who: str, view: str
) -> None:
    browser = pages(who)
    read(browser, at(view))  # the first look fills caches
    with CaptureQueriesContext(connection) as queries:
        read(browser, at(view))
    assert len(queries) <= 25


def test_a_failed_step_says_its_rule_and_why_and_is_done_when_tried_again(
    pages: Any, sydney: Location, outsider: User, run_work: Any
) -> None:
    step = make_step(sydney)
    assert "Tag, step 1: add_tag: There is no such tag." in read(pages("manager"))
    assert str(step.public_id) not in read(pages(outsider))
    assert pages(outsider).post(replay("steps"), {"item": step.public_id}).status_code == 404
    assert parked.totals([sydney.pk])["steps"] == 1
    pages("manager").post(replay("steps"), {"item": step.public_id})
    run_work()
    step.refresh_from_db()
    assert (step.state, step.run.contact.tags) == ("done", ["seen"])


def test_a_failed_step_that_a_person_leaves_asks_for_nobody_any_more(
    pages: Any, sydney: Location, run_work: Any
) -> None:
    step = make_step(sydney)
    url = reverse("admin:automation_actionrun_leave", args=(step.pk,))
    pages("manager").post(url, {"reason": "Tagged by hand", "_form_submitted": "on"})
    run_work()
    step.refresh_from_db()
    assert (step.state, step.reason) == ("skipped", "Withdrawn by a person: Tagged by hand")
    assert parked.totals([sydney.pk])["steps"] == 0
    assert step.run.state == "done"
    with pytest.raises(Conflict, match="neither waits nor failed"):
        delayed.withdraw_step(step.pk, reason="", cause=Cause.system("test"))


@pytest.mark.parametrize("kind", list(parked.KINDS))
def test_one_parked_item_is_put_back_by_its_button(
    pages: Any, one_of_each: dict[str, Any], kind: str
) -> None:
    client, row = pages("manager"), one_of_each[kind]
    assert str(row.public_id) in read(client)
    client.post(replay(kind), {"item": row.public_id})
    left = {name: count for name, count in parked.totals().items() if count}
    assert left == {name: 1 for name in parked.KINDS if name != kind}
    entry = AuditEntry.objects.get(route__contains="replay")
    assert entry.object_ids == [str(row.public_id)]


def test_all_of_a_kind_are_put_back_those_of_others_excepted(
    pages: Any, sydney: Location, melbourne: Location, outsider: User
) -> None:
    for place in (sydney, sydney, melbourne):
        make_work(place, state="parked")
    pages(outsider).post(replay("work"))
    assert parked.totals([melbourne.pk, sydney.pk])["work"] == 2
    answer = pages("admin").post(replay("work"), follow=True)
    assert "Back in line: 2 of work." in answer.content.decode()
    assert parked.totals()["work"] == 0


def test_what_cannot_be_put_back_says_why(pages: Any, sydney: Location) -> None:
    OutboundCall.objects.filter(pk=make_call(sydney, "parked").pk).update(payload=None)
    answer = pages("manager").post(replay("calls"), follow=True)
    assert "was removed after 90 days" in answer.content.decode()
    assert parked.totals()["calls"] == 1


def test_another_clinics_item_and_an_unknown_kind_are_not_there(
    pages: Any, sydney: Location, outsider: User
) -> None:
    row = make_work(sydney, state="parked")
    client = pages(outsider)
    assert client.post(replay("work"), {"item": row.public_id}).status_code == 404
    assert client.post(replay("anything")).status_code == 404
    assert Work.objects.get(pk=row.pk).state == "parked"


def test_the_page_costs_the_same_however_much_there_is(
    pages: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    client = pages("admin")
    read(client)
    for _ in range(8):
        make_work(sydney, state="parked")
        make_message(sydney, "unknown")
        deliver(make_account(sydney), state="parked")
        make_call(sydney, "parked")
        make_step(sydney)
    with django_assert_max_num_queries(56):
        read(client)


def test_an_alert_among_the_calls_is_the_owners(pages: Any, sydney: Location) -> None:
    row = make_call(None, "waiting")
    listed = at("integrations_outboundcall_changelist")
    assert "UTC" in read(pages("admin"), listed)
    assert str(row.public_id) not in read(pages("manager"), listed)
