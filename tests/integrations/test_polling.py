"""Texts and receipts whose webhook was lost: asked for, stored under the key of their webhook, then confirmed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts import sending_stops
from avatar_cms.state import hearing
from core import ticks
from core.causes import Cause
from integrations import http, polling
from integrations.models import Kind, Provider, ProviderAccount, Receipt
from tests.factories.integrations import make_sender, token_of
from tests.fakes.clicksend import FakeClickSend
from tests.fakes.messagemedia import FakeMessageMedia
from tests.fakes.server import Call, FakeProvider, Reply
from tests.integrations.test_messagemedia_doors import addressed, media_account, send
from tests.integrations.test_sms_providers_doors import through

pytestmark = pytest.mark.django_db

PUBLIC = "https://cms.example"
PATIENT, CLINIC, OTHER_CLINIC = "+61412345678", "+61480000001", "+61480000002"


@pytest.fixture
def media(client: Client, settings: Any, sydney: Any) -> Iterator[FakeMessageMedia]:
    settings.PUBLIC_URL = PUBLIC
    with FakeMessageMedia() as fake:
        settings.MESSAGEMEDIA_API_URL = fake.url
        fake.deliver = through(client)
        yield fake


@pytest.fixture
def clicksend(client: Client, settings: Any, sydney: Any) -> Iterator[FakeClickSend]:
    with FakeClickSend(webhook_type="json") as fake:
        settings.CLICKSEND_API_URL = fake.url
        account = ProviderAccount.objects.create(
            location=sydney, provider=Provider.CLICKSEND, name="ClickSend",
            credentials={"username": fake.login[0], "api_key": fake.login[1]},
        )  # fmt: skip
        fake.inbound_url = f"{PUBLIC}/webhooks/sms/inbound/{token_of(account)}"
        fake.deliver = through(client)
        yield fake


def keys() -> list[str]:
    return sorted(Receipt.objects.values_list("external_id", flat=True))


def test_what_the_webhook_lost_is_stored_and_taken_off_the_lists(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    media.silent = True
    media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1")
    media.report(message_id, "delivered", delivery_report_id="D-1")
    assert polling.poll() == 2
    assert keys() == ["R-1", "receipt:D-1"]
    assert [receipt.headers for receipt in Receipt.objects.all()] == [{"Polled": "yes"}] * 2
    assert [heard.hearing.last for heard in hearing.accounts()] == [None], "its webhooks said nothing"
    assert media.unconfirmed == {"replies": [], "delivery_reports": []}
    assert polling.poll() == 0


def test_what_the_webhook_brought_is_not_there_twice(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1")
    media.report(message_id, "delivered", delivery_report_id="D-1")
    before = keys()
    assert (polling.poll(), keys()) == (0, before)
    assert media.unconfirmed["replies"] == []


def test_the_other_way_round_too(media, sydney):
    account = media_account(sydney, media)
    send(account)
    media.silent = True
    media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1")
    polling.poll()
    media.silent = False
    assert media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1")[0] == 200
    assert keys() == ["R-1"]


def test_a_run_that_dies_before_it_confirms_is_done_again_without_doubles(media, sydney, monkeypatch):
    class Killed(BaseException):
        pass

    media_account(sydney, media)
    media.silent = True
    for number in (1, 2):
        media.reply(PATIENT, CLINIC, "Yes", reply_id=f"R-{number}")
    call = http.call

    def die(method: str, url: str, **more: Any) -> Any:
        if url.endswith("/confirmed"):
            raise Killed
        return call(method, url, **more)

    monkeypatch.setattr(http, "call", die)
    with pytest.raises(Killed):
        polling.poll()
    assert (keys(), len(media.unconfirmed["replies"])) == (["R-1", "R-2"], 2)
    monkeypatch.setattr(http, "call", call)
    assert (polling.poll(), keys(), media.unconfirmed["replies"]) == (0, ["R-1", "R-2"], [])


def test_a_clicksend_text_whose_webhook_was_lost_is_stored_and_marked_as_read(clicksend):
    clicksend.silent = True
    clicksend.reply(PATIENT, CLINIC, "Yes", message_id="IN-1")
    clicksend.reply(PATIENT, CLINIC, "And when?", message_id="IN-2")
    assert (polling.poll(), keys(), clicksend.unread) == (2, ["IN-1", "IN-2"], [])
    clicksend.silent = False
    clicksend.reply(PATIENT, CLINIC, "Yes", message_id="IN-1")
    assert keys() == ["IN-1", "IN-2"]


def test_a_long_list_is_read_to_its_end(media, sydney):
    media_account(sydney, media)
    media.silent = True
    for number in range(230):
        media.reply(PATIENT, CLINIC, "Hi", reply_id=f"R-{number}")
    assert polling.poll() == 230
    assert media.unconfirmed["replies"] == []
    assert sum(call.path == "/v1/replies" for call in media.calls) == 4


def test_a_list_that_never_ends_is_left_for_the_next_run(media, sydney, monkeypatch):
    media_account(sydney, media)
    media.silent = True
    media.reply(PATIENT, CLINIC, "Hi", reply_id="R-1")
    heard = media.answer

    def deaf(call: Call) -> Reply:
        return Reply(202, {}) if call.path.endswith("/confirmed") else heard(call)

    monkeypatch.setattr(media, "answer", deaf)
    assert polling.poll() == 1
    assert sum(call.path == "/v1/replies" for call in media.calls) == polling.MOST_LISTS
    assert keys() == ["R-1"]


@pytest.mark.django_db(transaction=True)
def test_a_provider_is_asked_with_nothing_open_and_told_after_the_commit(media, sydney, monkeypatch):
    media_account(sydney, media)
    media.silent = True
    media.reply(PATIENT, CLINIC, "Hi", reply_id="R-1")
    call, seen = http.call, []

    def watch(method: str, url: str, **more: Any) -> Any:
        seen.append((method, connection.in_atomic_block, Receipt.objects.count()))
        return call(method, url, **more)

    monkeypatch.setattr(http, "call", watch)
    polling.poll()
    assert ("POST", False, 1) in seen
    assert not any(is_open for _, is_open, _ in seen)


def test_clinics_that_share_a_login_are_asked_once_and_each_gets_its_own(media, sydney, melbourne):
    ours, theirs = media_account(sydney, media), media_account(melbourne, media)
    make_sender(theirs, value=OTHER_CLINIC)
    addressed(media, ours)
    media.silent = True
    media.reply(PATIENT, OTHER_CLINIC, "Hi", reply_id="R-1")
    media.report(send(theirs), "delivered", delivery_report_id="D-1")
    polling.poll()
    assert set(Receipt.objects.values_list("external_id", "account")) == {
        ("R-1", theirs.pk), ("receipt:D-1", theirs.pk),
    }  # fmt: skip
    media.silent = False
    media.messages.clear()
    media.reply(PATIENT, OTHER_CLINIC, "Hi", reply_id="R-1")
    assert len(keys()) == 2, "the webhook finds the clinic that the list found"


def test_what_cannot_be_read_is_kept_and_shown_and_stands_in_nobodys_way(media, sydney, run_work):
    media_account(sydney, media)
    media.silent = True
    media.reply("", CLINIC, "Hi", reply_id="R-1")
    media.unconfirmed["replies"].append({"content": "no id"})
    media.reply(PATIENT, CLINIC, "Hi", reply_id="R-2")
    assert polling.poll() == 3
    run_work()
    assert Receipt.objects.filter(state="parked").count() == 2
    assert [row.get("reply_id") for row in media.unconfirmed["replies"]] == [None]


@pytest.mark.parametrize("enabled", [True, False])
def test_an_account_that_is_off_or_without_credentials_is_not_asked(media, sydney, enabled):
    account = media_account(sydney, media, **({"api_key": ""} if enabled else {}))
    ProviderAccount.objects.filter(pk=account.pk).update(enabled=enabled)
    assert (polling.poll(), media.calls) == (0, [])


def test_in_safe_mode_the_lists_are_left_to_whoever_is_live(media, sydney):
    media_account(sydney, media)
    media.silent = True
    media.reply(PATIENT, CLINIC, "STOP", reply_id="R-1")
    cause = Cause.system("test")
    sending_stops.stop(kind="safe_mode", reason="A backup was restored.", cause=cause)
    assert (polling.poll(), media.calls) == (0, [])
    sending_stops.resume(kind="safe_mode", cause=cause)
    sending_stops.stop(kind="kill_switch", reason="Wrong price.", cause=cause)
    assert polling.poll() == 1, "whoever says STOP is heard while nothing is sent"


def test_a_provider_that_does_not_answer_keeps_no_other_from_being_asked(media, clicksend, sydney, settings):
    media_account(sydney, media)
    settings.MESSAGEMEDIA_API_URL = f"{media.url}/nowhere"
    clicksend.silent = True
    clicksend.reply(PATIENT, CLINIC, "Yes", message_id="IN-1")
    assert (polling.poll(), keys()) == (1, ["IN-1"])


def test_one_text_that_cannot_be_marked_keeps_no_other_in_the_list(clicksend, monkeypatch):
    clicksend.silent = True
    for number in (1, 2, 3):
        clicksend.reply(PATIENT, CLINIC, "Yes", message_id=f"IN-{number}")
    heard = clicksend.answer

    def answer(call: Call) -> Reply:
        return Reply(404, {}) if call.path.endswith("/IN-2") else heard(call)

    monkeypatch.setattr(clicksend, "answer", answer)
    assert polling.poll() == 3
    assert [row["message_id"] for row in clicksend.unread] == ["IN-2"]


def test_marking_and_asking_end_when_their_time_is_over(clicksend, media, sydney, monkeypatch):
    from integrations.providers import clicksend as gateway

    clicksend.silent = True
    clicksend.reply(PATIENT, CLINIC, "Yes", message_id="IN-1")
    monkeypatch.setattr(gateway, "MARKING_SECONDS", -1.0)
    assert (polling.poll(), len(clicksend.unread)) == (1, 1)
    monkeypatch.setattr(polling, "SECONDS", -1.0)
    calls = len(clicksend.calls)
    assert (polling.poll(), len(clicksend.calls)) == (0, calls)


def test_it_is_asked_every_quarter_of_an_hour(media, sydney):
    media_account(sydney, media)
    media.silent = True
    media.reply(PATIENT, CLINIC, "Hi", reply_id="R-1")
    ticks.run("15min")
    assert keys() == ["R-1"]


def test_lists_hold_what_the_webhook_would_have_brought(media: FakeProvider, sydney: Any) -> None:
    account = media_account(sydney, media)
    assert isinstance(media, FakeMessageMedia)
    media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1")
    [listed] = polling._sources.get(Provider.MESSAGEMEDIA).lists(account).waiting(Kind.SMS_INBOUND) or []
    assert (listed.id, json.loads(listed.body)["content"]) == ("R-1", "Yes")
