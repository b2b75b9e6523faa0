"""Calls to other people's servers: made once each, outside of transactions, and never into a private network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts import sending_stops
from accounts.models import Location
from core import clock
from core.causes import Cause
from core.clock import Frozen
from core.errors import Conflict
from core.models import Event
from integrations import calling, outbox, safe_http
from integrations.models import OutboundCall, Provider, ProviderAccount
from integrations.outbox import NewCall, enqueue_calls, send_due
from tests.harness import receivers
from tests.harness.receivers import MailServer, Receiver, answer

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECRET = "whsec_YSBrZXkgb2YgdHdlbnR5LWZvdXIgYnl0"
CAUSE = Cause.rule_run("run-1", ("7:1",))
State = OutboundCall.State


@pytest.fixture
def now() -> Iterator[Frozen]:
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def sydney(db: None, now: Frozen) -> Location:
    return Location.objects.create(
        name="Avatar Imaging Sydney",
        code="sydney",
        automation_mode="live",
        live_since=NOW - timedelta(days=1),
    )


@pytest.fixture
def webhooks(sydney: Location) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=sydney, provider=Provider.WEBHOOK, name="Warehouse", credentials={"webhook_secret": SECRET}
    )


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with receivers.receiver() as running:
        yield running


@pytest.fixture
def slack(sydney: Location, receiver: Receiver) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=sydney, provider=Provider.SLACK, name="Slack", credentials={"webhook_url": receiver.url}
    )


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with receivers.mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_CONFIGURED = "127.0.0.1", running.port, True
        settings.DEFAULT_FROM_EMAIL = "Avatar <cms@clinic.test>"
        yield running


def webhook(account: ProviderAccount, url: str, key: str = "k1", **body: Any) -> OutboundCall:
    wish = NewCall(
        location_id=account.location_id, kind="webhook", target=url.split("/")[2], account_id=account.pk,
        payload={"url": url, "body": {"type": "stage_moved", **body}}, dedupe_key=key, cause=CAUSE,
    )  # fmt: skip
    return enqueue_calls([wish])[0]


def notice(account: ProviderAccount, text: str = "Look", key: str = "s1") -> OutboundCall:
    wish = NewCall(
        location_id=account.location_id, kind="slack", target="slack", account_id=account.pk, payload={"text": text},
        dedupe_key=key, cause=CAUSE,
    )  # fmt: skip
    return enqueue_calls([wish])[0]


def letter(location: Location, key: str = "e1") -> OutboundCall:
    wish = NewCall(
        location_id=location.pk, kind="email_notice", target="e-mail", dedupe_key=key, cause=CAUSE,
        payload={"to": "boss@clinic.test", "subject": "Look", "text": "Somebody waits."},
    )  # fmt: skip
    return enqueue_calls([wish])[0]


def fresh(call: OutboundCall) -> OutboundCall:
    return OutboundCall.objects.get(pk=call.pk)


def stands(call: OutboundCall) -> tuple[str, str, int]:
    row = fresh(call)
    return row.state, row.outcome, row.attempts


def test_nothing_is_called_while_sending_is_stopped_everywhere_or_at_the_clinic(
    sydney: Location, webhooks: ProviderAccount, receiver: Receiver
) -> None:
    call = webhook(webhooks, receiver.url)
    for location_id in (None, sydney.pk):
        sending_stops.stop(kind="kill_switch", reason="Look first", cause=CAUSE, location_id=location_id)
        assert (send_due(), receiver.requests) == (0, [])
        sending_stops.resume(kind="kill_switch", cause=CAUSE, location_id=location_id)
    assert (send_due(), stands(call)[0]) == (1, "done")


def test_a_webhook_of_the_backup_waits_for_the_end_of_safe_mode_for_its_receiver_knows_it(
    sydney: Location, webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    call = webhook(webhooks, receiver.url)
    now.advance(timedelta(seconds=1))
    sending_stops.stop(kind="safe_mode", reason="Restored", cause=CAUSE)
    assert (send_due(), receiver.requests) == (0, [])
    sending_stops.resume(kind="safe_mode", cause=CAUSE)
    assert (send_due(), stands(call)[0]) == (1, "done")


# Webhooks


def test_a_webhook_arrives_once_signed_with_its_id(webhooks: ProviderAccount, receiver: Receiver) -> None:
    call = webhook(webhooks, receiver.url, note="ü")
    assert send_due() == 1
    assert send_due() == 0
    [request] = receiver.requests
    assert request.json == {"type": "stage_moved", "note": "ü"}
    assert request.headers["webhook-id"] == str(call.public_id)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    expected = calling.signature_headers(
        secrets=[SECRET], call_id=str(call.public_id), at=NOW, body=request.body
    )
    assert {name: request.headers[name] for name in expected} == expected
    assert stands(call) == ("done", "arrived", 1)


def test_asking_twice_for_the_same_cause_calls_once(webhooks: ProviderAccount, receiver: Receiver) -> None:
    assert webhook(webhooks, receiver.url) == webhook(webhooks, receiver.url)
    send_due()
    assert len(receiver.requests) == 1


def test_no_transaction_is_open_while_the_call_is_made(
    transactional_db: None, webhooks: ProviderAccount, receiver: Receiver
) -> None:
    seen: list[Any] = []
    real = safe_http.post

    def watched(*args: Any, **kwargs: Any) -> Any:
        seen.append((connection.in_atomic_block, OutboundCall.objects.get().state))
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_http, "post", watched)
        webhook(webhooks, receiver.url)
        send_due()
    assert seen == [(False, "calling")]


def test_a_fault_of_the_receiver_is_tried_again_with_the_same_id(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    receiver.behaviours = [answer(500), receivers.reset]
    call = webhook(webhooks, receiver.url)
    send_due()
    assert stands(call) == ("waiting", "http_500", 1)
    assert NOW + timedelta(seconds=30) <= fresh(call).next_try_at <= NOW + timedelta(seconds=45)
    now.advance(timedelta(seconds=46))
    send_due()
    assert stands(call) == ("waiting", "no_answer", 2)
    now.advance(timedelta(minutes=3))
    send_due()
    assert stands(call) == ("done", "arrived", 3)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_its_calls(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    receiver.behaviours = [answer(429, Retry_After="600")]
    first = webhook(webhooks, receiver.url)
    second = webhook(webhooks, receiver.url, "k2")
    send_due()
    now.advance(timedelta(seconds=599))
    send_due()
    assert len(receiver.requests) == 1
    now.advance(timedelta(seconds=1))
    send_due()
    assert stands(first)[0] == stands(second)[0] == "done"


def test_after_five_tries_it_is_parked_shown_and_told_and_a_person_may_try_again(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    receiver.behaviours = [answer(503)] * 5
    call = webhook(webhooks, receiver.url)
    for _ in range(6):
        send_due()
        now.advance(timedelta(hours=1))
    assert stands(call) == ("parked", "http_503", 5)
    event = Event.objects.get(type="call_failed")
    assert event.data == {"call": str(call.public_id), "kind": "webhook", "reason": "http_503"}
    assert (event.cause.kind, event.chain) == ("rule_run", ["7:1"])
    outbox.try_again(call_id=call.pk, cause=Cause.user(1))
    send_due()
    assert stands(call) == ("done", "arrived", 1)
    with pytest.raises(Conflict):
        outbox.try_again(call_id=call.pk, cause=Cause.user(1))


def test_what_the_receiver_refuses_is_not_tried_again(webhooks: ProviderAccount, receiver: Receiver) -> None:
    receiver.behaviours = [answer(404)]
    call = webhook(webhooks, receiver.url)
    send_due()
    assert stands(call) == ("parked", "http_404", 1)
    assert fresh(call).finished_at == NOW


def test_a_receiver_that_drips_is_cut_off_and_others_do_not_wait_for_it_again(
    webhooks: ProviderAccount, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_http, "SECONDS", 0.4)
    receiver.behaviours = [receivers.drip]
    with receivers.receiver() as other:
        slow = webhook(webhooks, receiver.url)
        behind = webhook(webhooks, receiver.url, "k2")
        quick = webhook(webhooks, other.url, "k3")
        started = time.monotonic()
        assert send_due() == 2
        assert time.monotonic() - started < 5
    assert stands(slow) == ("waiting", "no_answer", 1)
    assert stands(behind) == ("waiting", "", 0)
    assert stands(quick) == ("done", "arrived", 1)


def test_nobody_listening_is_tried_again(webhooks: ProviderAccount, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    call = webhook(webhooks, f"http://127.0.0.1:{receivers.closed_port()}/")
    send_due()
    assert stands(call) == ("waiting", "no_connection", 1)


def test_a_certificate_that_is_none_is_not_trusted(webhooks: ProviderAccount, receiver: Receiver) -> None:
    call = webhook(webhooks, receiver.url.replace("http:", "https:"))
    send_due()
    assert stands(call) == ("waiting", "tls_failed", 1)
    assert receiver.requests == []


def test_a_server_that_drips_its_handshake_is_cut_off(
    webhooks: ProviderAccount, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    monkeypatch.setattr(safe_http, "CONNECT_SECONDS", 0.3)
    with receivers.slow_handshake() as port:
        call = webhook(webhooks, f"https://127.0.0.1:{port}/")
        started = time.monotonic()
        send_due()
        assert time.monotonic() - started < 2
    assert stands(call)[0] == "waiting"
    assert stands(call)[1] in ("tls_failed", "no_connection")


def test_an_address_may_hold_other_letters(webhooks: ProviderAccount, receiver: Receiver) -> None:
    call = webhook(webhooks, f"{receiver.url}/caf\u00e9?a=%20b&c=\u00fc")
    send_due()
    assert stands(call) == ("done", "arrived", 1)
    assert receiver.requests[0].path == "/hook/caf%C3%A9?a=%20b&c=%C3%BC"


# Nothing into a private network


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "LocalHost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]",
        "[::ffff:127.0.0.1]", "0.0.0.0", "[::]",
    ],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_called(webhooks: ProviderAccount, host: str) -> None:
    with receivers.receiver() as canary:
        call = webhook(webhooks, f"http://{host}:{canary.port}/")
        send_due()
        assert canary.requests == []
    assert stands(call) == ("parked", "address_not_allowed", 1)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00::1"])
def test_a_name_that_leads_inside_is_not_called(
    webhooks: ProviderAccount, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    family = socket.AF_INET6 if ":" in inside else socket.AF_INET

    def resolved(host: str, port: int, **kwargs: Any) -> list[Any]:
        # One public address beside it does not help.
        return [(socket.AF_INET, 1, 6, "", ("8.8.8.8", port)), (family, 1, 6, "", (inside, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("connected"))
    call = webhook(webhooks, "https://hooks.example.com/")
    send_due()
    assert stands(call) == ("parked", "address_not_allowed", 1)


def test_the_connection_goes_to_the_address_that_was_looked_at(
    webhooks: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    connected: list[str] = []

    def rebinding(host: str, port: int, **kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (ip, port)) for ip in answers.pop(0)]

    def connect(address: tuple[str, int], **kwargs: Any) -> Any:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", connect)
    call = webhook(webhooks, "https://hooks.example.com/")
    send_due()
    assert connected == ["8.8.8.8"]
    assert len(answers) == 1
    assert stands(call) == ("waiting", "no_connection", 1)


def test_a_redirect_into_the_network_is_not_followed(webhooks: ProviderAccount, receiver: Receiver) -> None:
    with receivers.receiver() as inside:
        receiver.behaviours = [answer(307, Location=f"http://localhost:{inside.port}/")]
        call = webhook(webhooks, receiver.url)
        send_due()
        assert inside.requests == []
    assert stands(call) == ("parked", "redirected", 1)


def test_no_proxy_of_the_environment_is_used(
    webhooks: ProviderAccount, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{receivers.closed_port()}")
    call = webhook(webhooks, receiver.url)
    send_due()
    assert stands(call)[0] == "done"


# Slack and e-mail to staff


def test_a_slack_notice_is_plain_text(slack: ProviderAccount, receiver: Receiver) -> None:
    call = notice(slack, "Ring <@channel> & Co")
    send_due()
    assert [request.json for request in receiver.requests] == [{"text": "Ring &lt;@channel&gt; &amp; Co"}]
    assert stands(call) == ("done", "arrived", 1)


def test_slacks_own_word_for_a_refusal_is_kept(slack: ProviderAccount, receiver: Receiver) -> None:
    receiver.behaviours = [answer(410, "channel_is_archived"), answer(400, "<html>no</html>")]
    words = [notice(slack), notice(slack, key="s2")]
    send_due()
    assert [stands(call)[1] for call in words] == ["channel_is_archived", "http_400"]


def test_a_notice_that_may_be_there_is_not_sent_again_by_itself(
    slack: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    receiver.behaviours = [receivers.reset]
    call = notice(slack)
    send_due()
    now.advance(timedelta(hours=1))
    send_due()
    assert stands(call) == ("unknown", "no_answer", 1)
    assert Event.objects.filter(type="call_failed").count() == 1
    outbox.note_arrived(call_id=call.pk, cause=Cause.user(1))
    assert stands(call) == ("done", "by_staff", 1)
    assert len(receiver.requests) == 1


def test_staff_get_an_e_mail_with_a_message_id_of_ours(sydney: Location, mail: MailServer) -> None:
    call = letter(sydney)
    send_due()
    [text] = mail.mails
    assert f"Message-ID: <{call.public_id}@clinic.test>" in text
    assert "Subject: Look" in text
    assert "Somebody waits." in text
    assert "boss@clinic.test" in mail.recipients[0]
    assert stands(call) == ("done", "arrived", 1)


@pytest.mark.parametrize(
    ("replies", "state", "outcome"),
    [
        ({"rcpt": ["550 5.1.1 no such user"]}, "parked", "invalid_address"),
        ({"rcpt": ["450 later"]}, "waiting", "smtp_450"),
        ({"data-end": ["554 5.7.1 spam"]}, "parked", "smtp_554"),
        ({"data-end": ["451 try again"]}, "waiting", "smtp_451"),
        ({"data-end": [""]}, "unknown", "no_answer"),
        ({"ehlo": [""], "helo": [""]}, "waiting", "no_connection"),
        ({"quit": [""]}, "done", "arrived"),
    ],
)
def test_each_fault_of_the_mail_server_is_named(
    sydney: Location, mail: MailServer, replies: dict[str, list[str]], state: str, outcome: str
) -> None:
    mail.replies = replies
    call = letter(sydney)
    send_due()
    assert stands(call) == (state, outcome, 1)


def test_without_a_mail_server_the_notice_is_parked_with_what_to_do(sydney: Location, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = False
    call = letter(sydney)
    send_due()
    assert stands(call) == ("parked", "not_configured", 1)
    assert "EMAIL_URL" in calling.words("not_configured")


@pytest.mark.parametrize(
    ("change", "outcome"),
    [({"enabled": False}, "account_off"), ({"credentials": {}}, "no_secret")],
)
def test_an_account_that_cannot_sign_sends_nothing(
    webhooks: ProviderAccount, receiver: Receiver, change: dict[str, Any], outcome: str
) -> None:
    call = webhook(webhooks, receiver.url)
    for name, value in change.items():
        setattr(webhooks, name, value)
    webhooks.save()
    send_due()
    assert stands(call) == ("parked", outcome, 1)
    assert receiver.requests == []


# Leases, expiry, keeping


@pytest.mark.parametrize(("kind", "state"), [("webhook", "waiting"), ("slack", "unknown")])
def test_a_worker_that_died_during_the_call_leaves_it_as_its_receiver_can_bear(
    webhooks: ProviderAccount, slack: ProviderAccount, receiver: Receiver, now: Frozen, kind: str, state: str
) -> None:
    call = webhook(webhooks, receiver.url) if kind == "webhook" else notice(slack)
    begun = outbox.begin(set())
    assert begun is not None
    now.advance(timedelta(seconds=91))
    assert outbox.recover_leases() == 1
    assert stands(call) == (state, "worker_ended", 1)
    assert outbox.record(begun, calling.CallOutcome("done", "arrived"))
    assert stands(call) == ("done", "arrived", 1)


def test_a_worker_whose_call_was_taken_over_records_nothing(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    call = webhook(webhooks, receiver.url)
    begun = outbox.begin(set())
    assert begun is not None
    now.advance(timedelta(minutes=5))
    outbox.recover_leases()
    now.advance(timedelta(minutes=1))
    send_due()
    assert not outbox.record(begun, calling.CallOutcome("refused", "http_400"))
    assert stands(call) == ("done", "arrived", 2)


def test_while_the_clinic_is_not_live_calls_wait_and_then_expire(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen, run_work: Callable[[], int]
) -> None:
    call = webhook(webhooks, receiver.url)
    Location.objects.update(automation_mode="shadow")
    assert send_due() == 0
    now.advance(timedelta(hours=48))
    run_work()
    assert stands(call) == ("expired", "too_late", 0)
    assert receiver.requests == []


def test_what_was_sent_is_encrypted_and_removed_after_90_days(
    webhooks: ProviderAccount, receiver: Receiver, now: Frozen
) -> None:
    receiver.behaviours = [answer(404)]
    call = webhook(webhooks, receiver.url, note="private")
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM integrations_outboundcall")
        assert "private" not in cursor.fetchone()[0]
    send_due()
    now.advance(timedelta(days=91))
    assert outbox.remove_old_payloads() == 1
    assert outbox.remove_old_payloads() == 0
    assert not fresh(call).payload
    with pytest.raises(Conflict):
        outbox.try_again(call_id=call.pk, cause=Cause.user(1))


KILLED = """
import django; django.setup()
from integrations import outbox
outbox.send_due()
"""


@pytest.mark.parametrize("place", ["outbox.begun", "outbox.called", "outbox.recorded"])
def test_killed_anywhere_a_webhook_is_neither_lost_nor_unknown_to_its_receiver(
    transactional_db: None, receiver: Receiver, subprocess_environment: dict[str, str], place: str
) -> None:
    location = Location.objects.create(
        name="Sydney", code="sydney", automation_mode="live", live_since=clock.now() - timedelta(days=1)
    )
    account = ProviderAccount.objects.create(
        location=location, provider=Provider.WEBHOOK, name="W", credentials={"webhook_secret": SECRET}
    )
    call = webhook(account, receiver.url)
    environment = {
        **os.environ,
        **subprocess_environment,
        "CRASH_AT": place,
        "OUTBOUND_ALLOWED_HOSTS": "127.0.0.1",
    }
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    OutboundCall.objects.filter(state=State.CALLING).update(lease_until=clock.now() - timedelta(seconds=1))
    outbox.recover_leases()
    OutboundCall.objects.filter(state=State.WAITING).update(next_try_at=clock.now())
    send_due()
    assert stands(call)[0] == "done"
    ids = [json.loads(json.dumps(request.headers))["webhook-id"] for request in receiver.requests]
    assert set(ids) == {str(call.public_id)}
    assert len(ids) == (2 if place == "outbox.called" else 1)
