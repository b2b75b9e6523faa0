"""Sending goes on after a stop: all that was held, at once, judged anew; and a worker that is busy when it stops."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from time import sleep

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import sending_stops
from accounts.models import SendingStop
from avatar_cms.embedded.processes import wait_until
from avatar_cms.state import counts
from core import clock, jobs
from core.causes import Cause
from integrations.models import SenderIdentity
from messaging import sending, settling, stops
from messaging.models import Message, SendAttempt
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.harness.processes import Worker
from tests.messaging.conftest import RULE, fresh, make_account, make_sydney

OWNER = Cause.user(7)
KILL = SendingStop.Kind.KILL_SWITCH


def queue(contact, key="k1", **more):
    more.setdefault("template", "welcome_lead")
    return queue_messages([NewMessage(contact_id=contact.pk, dedupe_key=key, cause=RULE, **more)])[0].message


def stop(location=None):
    return sending_stops.stop(
        kind=KILL, reason="A wrong price", cause=OWNER, location_id=location and location.pk
    )


def resume(location=None):
    return sending_stops.resume(
        kind=KILL, reason="It is mended", cause=OWNER, location_id=location and location.pk
    )


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_was_held_goes_out_at_once(gateway, sydney, anna, run_work, everywhere):
    place = None if everywhere else sydney
    message = queue(anna)
    row = stop(place)
    sending.send_due()
    assert (fresh(message).reason, counts.held(), counts.held([sydney.pk]), counts.held([])) == (
        "kill_switch", 1, 1, 0,
    )  # fmt: skip
    resume(place)
    run_work()
    row.refresh_from_db()
    assert (fresh(message).status, len(gateway.sent), row.resumed_reason) == ("sent", 1, "It is mended")


def test_what_lost_its_meaning_meanwhile_expires(gateway, anna, now, run_work):
    message = queue(anna)
    stop()
    sending.send_due()
    now.advance(timedelta(hours=30))
    resume()
    run_work()
    assert (fresh(message).status, gateway.sent) == ("expired", [])


def test_what_another_stop_holds_is_left_held(gateway, sydney, anna, run_work):
    message = queue(anna)
    stop(sydney)
    stop()
    sending.send_due()
    resume()
    run_work()
    assert fresh(message).status == "held"
    resume(sydney)
    run_work()
    assert fresh(message).status == "sent"


def test_while_it_is_stopped_nothing_is_looked_at_again_and_again(gateway, anna, now):
    message = queue(anna)
    stop()
    sending.send_due()
    now.advance(timedelta(minutes=15))
    assert settling.reconsider_held() == 0
    # Held in the very moment in which sending went on: the quarter of an hour finds it.
    SendingStop.objects.update(resumed_at=clock.now())
    assert settling.reconsider_held() == 1
    assert fresh(message).status == "queued"


def test_many_are_put_back_in_parts(gateway, sydney, monkeypatch, run_work):
    monkeypatch.setattr(stops, "BATCH", 2)
    for n in range(5):
        queue(make_contact(sydney, name=f"Person {n}"), key=f"k{n}")
    stop()
    sending.send_due()
    resume()
    run_work()
    assert len(gateway.sent) == 5


def test_the_command_stops_and_lets_go_on(sydney):
    def say(*words):
        out = StringIO()
        call_command("sending", *words, stdout=out)
        return out.getvalue()

    assert "Everywhere: stopped since 2026-11-23 01:00 UTC. Flood" in say("off", "--why", "Flood")
    assert "Avatar Imaging Sydney: stopped" in say("off", "--why", "Flood", "--location", "sydney")
    with pytest.raises(CommandError, match="Say why"):
        say("on")
    with pytest.raises(CommandError, match="There are: sydney"):
        say("on", "--why", "x", "--location", "perth")
    say("on", "--why", "Dry again")
    say("on", "--why", "Dry again", "--location", "sydney")
    assert say("status") == "Nothing is stopped.\n"
    with pytest.raises(CommandError, match="Nobody stopped it"):
        say("on", "--why", "Dry again")


@pytest.mark.slow
def test_a_busy_worker_stops_within_five_seconds_and_a_new_one_stays_stopped(
    transactional_db, subprocess_environment
):
    location = make_sydney()
    make_account(location)
    SenderIdentity.objects.update(per_second=20)
    people = [make_contact(location, name=f"Person {n}") for n in range(400)]
    queue_messages(
        [
            NewMessage(one.pk, f"welcome:{one.pk}", Cause.system("test"), template="welcome_lead")
            for one in people
        ]
    )

    def begun():
        return SendAttempt.objects.count()

    with Worker(subprocess_environment, concurrency=2) as worker:
        jobs.drain.delay()
        assert wait_until(lambda: begun() >= 20, 60), worker.log()
        stop()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            at = cursor.fetchone()[0]
        sleep(8)
        last = SendAttempt.objects.latest("started_at").started_at
        print(f"the last call began {(last - at).total_seconds():.2f} s after the stop was committed")
        assert last - at < timedelta(seconds=5), last - at
        stopped_at = begun()
        worker.kill()
    Message.objects.filter(lease_until__isnull=False).update(lease_until=clock.now())
    with Worker(subprocess_environment, concurrency=2) as worker:
        jobs.drain.delay()
        assert wait_until(lambda: not Message.objects.filter(status__in=("queued", "claimed")).exists(), 60)
        assert begun() == stopped_at < 400
        SenderIdentity.objects.update(per_second=500)
        resume()
        jobs.drain.delay()
        assert wait_until(lambda: Message.objects.filter(status="sent").count() == 400, 90), worker.log()
    assert begun() == 400
