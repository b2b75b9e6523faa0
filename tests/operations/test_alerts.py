"""Alerts: once when something has been bad for two minutes, once when it is well again, and nothing personal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts import sending_stops
from accounts.models import Location
from avatar_cms import watching
from avatar_cms.state import machine
from core.causes import Cause
from core.clock import Frozen
from core.models import Alarm, Event
from integrations import outbox
from integrations.models import OutboundCall
from tests.harness import receivers
from tests.harness.receivers import Receiver
from tests.operations.test_state import make_work

pytestmark = pytest.mark.django_db
TEST = Cause.system("test")


@pytest.fixture
def slack(settings: Any, alive: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Slack, and a machine that is well."""
    monkeypatch.setattr(machine, "broker", lambda: True)
    with receivers.receiver() as server:
        settings.ALERT_SLACK_URL = server.url
        settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
        settings.INSTALLATION = ""
        yield server


@pytest.fixture
def minutes(now: Frozen, alive: Any) -> Any:
    """Let this many minutes pass, with a look at each and the outbox after it."""

    def pass_(count: int) -> None:
        for _ in range(count):
            now.advance(timedelta(minutes=1))
            alive()
            watching.watch()
            outbox.send_due()

    return pass_


def texts(server: Receiver) -> list[str]:
    return [request.json["text"] for request in server.requests]


def test_a_parked_item_is_told_once_and_its_end_once(slack: Receiver, minutes: Any) -> None:
    row = make_work(state="parked")
    minutes(2)
    assert texts(slack) == []
    minutes(5)
    assert texts(slack) == ["[test] Bad: parked items. Parked: 1."]
    assert Alarm.objects.get(name="parked").told_at is not None
    row.delete()
    minutes(5)
    assert texts(slack)[1:] == ["[test] Well again: parked items. Nothing is parked."]
    assert Alarm.objects.get(name="parked").told_at is None


def test_what_is_bad_for_a_moment_wakes_nobody(slack: Receiver, minutes: Any) -> None:
    row = make_work(state="parked")
    minutes(2)
    row.delete()
    minutes(5)
    assert texts(slack) == []


def test_it_goes_by_email_too(slack: Receiver, minutes: Any, settings: Any) -> None:
    with receivers.mail_server() as mail:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mail.port
        settings.EMAIL_CONFIGURED, settings.DEFAULT_FROM_EMAIL = True, "cms@clinic.test"
        settings.ALERT_EMAIL = ["ops@clinic.test", "owner@clinic.test"]
        make_work(state="parked")
        minutes(4)
    assert mail.recipients == ["rcpt TO:<ops@clinic.test>", "rcpt TO:<owner@clinic.test>"]
    assert "Bad: parked items" in mail.mails[0]
    assert len(texts(slack)) == 1


def test_that_sending_is_stopped_is_told_while_it_is_stopped(
    slack: Receiver, minutes: Any, sydney: Location
) -> None:
    sending_stops.stop(kind="kill_switch", reason="Anna +61412000001 called", cause=TEST)
    minutes(4)
    assert texts(slack) == ["[test] Bad: sending. Stopped: everywhere."]


def test_a_restored_copy_tells_nobody(slack: Receiver, minutes: Any) -> None:
    sending_stops.stop(kind="safe_mode", reason="Restored", cause=TEST)
    minutes(4)
    assert (texts(slack), OutboundCall.objects.get().state) == ([], "waiting")


def test_an_alert_that_cannot_be_told_is_tried_again_and_makes_no_event(
    slack: Receiver, minutes: Any
) -> None:
    slack.behaviours = [receivers.answer(400, "no_text")]
    make_work(state="parked")
    minutes(3)
    assert OutboundCall.objects.get().state == "parked"
    assert not Event.objects.filter(type="call_failed").exists()


def test_without_anybody_to_tell_alarms_are_kept_for_who_asks(
    slack: Receiver, minutes: Any, settings: Any, client: Any
) -> None:
    settings.ALERT_SLACK_URL = ""
    make_work(state="parked")
    minutes(4)
    assert not OutboundCall.objects.exists()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["alarms"]) == (200, ["parked"])


def test_an_alert_holds_no_personal_data(
    slack: Receiver, minutes: Any, sydney: Location, now: Frozen
) -> None:
    make_work(sydney, state="parked").__class__.objects.update(last_error="Anna Canary +61412999111")
    make_work(sydney, minutes=100)
    watching.look_at_invariants()
    minutes(4)
    said = json.dumps(texts(slack))
    assert {"parked", "backlog", "invariants"} <= set(
        Alarm.objects.filter(told_at__isnull=False).values_list("pk", flat=True)
    )
    assert "Canary" not in said
    assert "412999111" not in said
