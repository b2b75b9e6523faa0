"""The button that tries a provider's connection, what a paused account shows, and what `doctor` says of both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from accounts import doctor
from core import clock
from integrations import gateways, pacing, polling
from integrations.models import AccountPause, Provider, ProviderAccount
from integrations.ports import Checked
from tests.clinic import *  # noqa: F403
from tests.factories.integrations import make_console_account, make_wix_account, token_of
from tests.fakes.messagemedia import FakeMessageMedia
from tests.fakes.server import FakeProvider
from tests.fakes.twilio import FakeTwilio
from tests.webhooks.wix_builder import key_pair

pytestmark = pytest.mark.django_db


def reached(fake: FakeProvider, settings: Any, address: str) -> Iterator[Any]:
    """A provider at the address in this setting, and a clinic that it can reach."""
    with fake:
        setattr(settings, address, fake.url)
        settings.PUBLIC_URL = "https://cms.example"
        yield fake


@pytest.fixture
def fake(settings: Any) -> Iterator[FakeTwilio]:
    yield from reached(FakeTwilio(), settings, "TWILIO_API_URL")


@pytest.fixture
def account(sydney: Any, fake: FakeTwilio) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=sydney, provider=Provider.TWILIO, name="Texts",
        credentials={"account_sid": fake.account_sid, "auth_token": fake.auth_token},
    )  # fmt: skip


def page(account: ProviderAccount, move: str = "change") -> str:
    if move == "change":
        return reverse("admin:integrations_provideraccount_change", args=(account.public_id,))
    return reverse(f"admin:integrations_provideraccount_{move}", args=(account.public_id,))


def press(browser: Any, account: ProviderAccount) -> str:
    answer = browser.post(page(account, "test_connection"), {"_form_submitted": "on"}, follow=True)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_a_connection_that_works_says_so_and_ends_the_pause(pages: Any, account: ProviderAccount) -> None:
    pacing.pause(account.pk, reason="bad_credentials", until=clock.now() + timedelta(minutes=5))
    browser = pages("manager")
    assert "does not accept the account" in browser.get(page(account)).content.decode()
    assert "it is active" in press(browser, account)
    assert not AccountPause.objects.exists()
    assert "Not paused" in browser.get(page(account)).content.decode()


def test_one_that_does_not_work_says_why_and_stays_paused(
    pages: Any, account: ProviderAccount, fake: FakeTwilio
) -> None:
    fake.auth_token = "changed at Twilio"
    pacing.pause(account.pk, reason="bad_credentials", until=clock.now() + timedelta(minutes=5))
    assert "does not accept these credentials" in press(pages("manager"), account)
    assert AccountPause.objects.exists()


def test_secrets_are_never_shown_again(pages: Any, account: ProviderAccount, fake: FakeTwilio) -> None:
    html = pages("manager").get(page(account)).content.decode()
    assert fake.account_sid in html
    assert fake.auth_token not in html


def test_new_credentials_end_the_pause(pages: Any, account: ProviderAccount) -> None:
    pacing.pause(account.pk, reason="bad_credentials", until=clock.now() + timedelta(minutes=5))
    form = {"name": "Texts", "enabled": "on", "account_sid": "AC2", "auth_token": "new"}
    answer = pages("manager").post(page(account), form)
    assert answer.status_code == 302
    assert not AccountPause.objects.exists()
    account.refresh_from_db()
    assert account.credentials["previous_auth_token"] == "twilio-token"  # type: ignore[index]


def test_the_provider_is_asked_with_no_transaction_open(
    transactional_db: None, staff: Any, pages: Any, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Gateway:
        def check(self) -> Checked:
            seen.append(connection.in_atomic_block)
            return Checked(True, "It works.")

    monkeypatch.setattr(gateways, "for_account", lambda account: Gateway())
    press(pages("manager"), account)
    assert seen == [False]


def test_only_who_may_change_it_may_try_it_and_only_what_sends_texts(
    pages: Any, account: ProviderAccount, sydney: Any
) -> None:
    assert (
        pages("readonly").post(page(account, "test_connection"), {"_form_submitted": "on"}).status_code == 403
    )
    wix = make_wix_account(sydney, instance_id="another")
    assert "Test the connection" not in pages("manager").get(page(wix)).content.decode()
    console = make_console_account(sydney)
    assert "sends nothing to anybody" in press(pages("manager"), console)


def findings(account: ProviderAccount) -> list[str]:
    return [each.text for each in doctor.examine(account.location) if each.area == str(account)]


def test_doctor_names_what_keeps_texts_from_going(account: ProviderAccount, settings: Any) -> None:
    assert not any("held" in text or "report" in text for text in findings(account))
    settings.PUBLIC_URL = ""
    pacing.pause(account.pk, reason="no_credit", until=clock.now() - timedelta(minutes=1))
    said = findings(account)
    assert "Texts are held: The provider's credit is used up." in said
    assert any("nobody said how this server is reached" in text for text in said)


# MessageMedia


@pytest.fixture
def media(settings: Any) -> Iterator[FakeMessageMedia]:
    yield from reached(FakeMessageMedia(), settings, "MESSAGEMEDIA_API_URL")


@pytest.fixture
def media_account(sydney: Any, media: FakeMessageMedia) -> ProviderAccount:
    return ProviderAccount.objects.create(location=sydney, provider=Provider.MESSAGEMEDIA, name="Texts")


def test_messagemedia_is_connected_on_its_page(
    pages: Any, media_account: ProviderAccount, media: FakeMessageMedia
) -> None:
    browser, account = pages("manager"), media_account
    assert "API key, API secret" in browser.get(page(account)).content.decode()
    assert "not entered yet" in press(browser, account)
    typed = {
        "name": "Texts", "enabled": "on", "api_key": media.login[0], "api_secret": media.login[1], "sub_account": "",
        "webhook_secret": "a-secret-header", "public_key": "",
    }  # fmt: skip
    assert browser.post(page(account), typed).status_code == 302
    assert "accepts the credentials" in press(browser, account)
    shown = browser.get(page(account)).content.decode()
    assert media.login[0] in shown
    assert media.login[1] not in shown
    assert "a-secret-header" not in shown
    said = browser.post(page(account, "new_address"), {"_form_submitted": "on"}, follow=True).content.decode()
    assert re.search(
        r"Texts and delivery reports: http://testserver/webhooks/sms/callback/[\w-]{40,}"
        r" · Opt-outs: http://testserver/webhooks/sms/opt-out/[\w-]{40,}",
        said,
    )
    media.login = ("another", "one")
    assert "does not accept these credentials" in press(browser, account)


def test_a_secret_and_a_key_that_are_replaced_are_kept_beside_the_new_ones(
    pages: Any, media_account: ProviderAccount
) -> None:
    before, after = key_pair("one")[1].strip(), key_pair("two")[1].strip()
    for secret, key in (("old", before), ("new", after)):
        typed = {"name": "Texts", "enabled": "on", "webhook_secret": secret, "public_key": key}
        assert pages("manager").post(page(media_account), typed).status_code == 302
    kept = ProviderAccount.objects.get(pk=media_account.pk).credentials
    assert (kept["webhook_secret"], kept["previous_webhook_secret"]) == ("new", "old")
    assert (kept["public_key"].split(), kept["previous_public_key"].split()) == (
        after.split(),
        before.split(),
    )


def test_doctor_says_when_only_lists_bring_what_webhooks_should(
    media_account: ProviderAccount, media: FakeMessageMedia, settings: Any
) -> None:
    media_account.credentials = dict(zip(("api_key", "api_secret"), media.login, strict=True))
    media_account.save()
    token_of(media_account)
    media.silent = True
    for expected in (False, False, True):
        media.reply("+61412345678", "+61480000001", "Hi")
        polling.poll()
        assert any("Its webhooks bring nothing" in text for text in findings(media_account)) is expected
    settings.PUBLIC_URL = ""
    assert any("MessageMedia cannot report" in text for text in findings(media_account))
