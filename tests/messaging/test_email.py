"""E-mail to patients: judged and sent like texts, once, from the clinic's own address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Location
from automation.services import RuleInput, create_rule
from contacts import services as contact_services
from contacts.models import Contact, Touchpoint
from core.causes import Cause
from core.clock import Frozen
from core.errors import Invalid
from integrations.models import Provider, ProviderAccount, SenderIdentity
from integrations.services import create_sender
from messaging import sending, settling
from messaging.models import BlockedNumber, Message
from messaging.services import NewMessage, create_template, queue_messages
from tests.harness import receivers
from tests.harness.receivers import MailServer
from tests.messaging.conftest import NOW, RULE, fresh

TEST = Cause.system("test")


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    with receivers.mail_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_CONFIGURED = "127.0.0.1", running.port, True
        yield running


@pytest.fixture
def post_office(account: ProviderAccount, sydney: Location) -> SenderIdentity:
    """The clinic's e-mail account and the address it writes from, beside its number for texts."""
    mailer = ProviderAccount.objects.create(location=sydney, provider=Provider.EMAIL, name="E-mail")
    return create_sender(
        location_id=sydney.pk, cause=TEST,
        fields={"account": mailer, "value": "Hello@Clinic.test", "registration": "not_needed"},
    )  # fmt: skip


@pytest.fixture
def ada(anna: Contact) -> Contact:
    return contact_services.update_contact(contact_id=anna.pk, fields={"email": "ada@home.test"}, cause=TEST)


def queue(contact: Contact, key: str = "e1", **more: Any) -> Message:
    more.setdefault("template", "welcome_email")
    wish = NewMessage(contact_id=contact.pk, dedupe_key=key, cause=RULE, channel="email", **more)
    return queue_messages([wish])[0].message


def test_an_e_mail_goes_once_with_its_own_message_id_and_touchpoint(
    ada: Contact, post_office: SenderIdentity, mail: MailServer
) -> None:
    message = queue(ada)
    assert queue(ada) == message
    sending.send_due()
    sending.send_due()
    [text] = mail.mails
    assert f"Message-ID: <{message.public_id}@clinic.test>" in text
    assert "From: Avatar Imaging Sydney <hello@clinic.test>" in text
    assert "To: ada@home.test" in text
    assert "Subject: Thank you for contacting Avatar Imaging Sydney" in text
    sent = fresh(message)
    assert (sent.status, sent.sender, sent.cost_cents) == ("sent", "hello@clinic.test", 0)
    assert Touchpoint.objects.get(type="email_sent").contact == ada


def test_texts_and_e_mails_each_have_their_sender(
    ada: Contact, post_office: SenderIdentity, account: ProviderAccount, mail: MailServer
) -> None:
    text = queue_messages(
        [NewMessage(contact_id=ada.pk, dedupe_key="t", cause=RULE, template="welcome_lead")]
    )
    letter = queue(ada)
    sending.send_due()
    assert fresh(text[0].message).sender == "+61290000000"
    assert fresh(letter).sender == "hello@clinic.test"


def test_consent_is_the_addresss_own(ada: Contact, post_office: SenderIdentity, sydney: Location) -> None:
    contact_services.set_consent(
        location_id=sydney.pk, address=ada.email, channel="email", purposes=["service"], state="withdrawn",
        basis="asked", cause=TEST,
    )  # fmt: skip
    assert (queue(ada).status, queue(ada).reason) == ("suppressed", "opted_out")
    text = queue_messages(
        [NewMessage(contact_id=ada.pk, dedupe_key="t", cause=RULE, template="welcome_lead")]
    )
    assert text[0].message.status == "queued"


def test_without_an_address_of_the_person_or_the_clinic_nothing_goes(
    anna: Contact, account: ProviderAccount
) -> None:
    assert (queue(anna).status, queue(anna).reason) == ("suppressed", "no_number")
    contact_services.update_contact(contact_id=anna.pk, fields={"email": "ada@home.test"}, cause=TEST)
    assert (queue(anna, "e2").status, queue(anna, "e2").reason) == ("held", "no_sender")


def test_without_a_mail_server_an_e_mail_is_held_and_never_looks_sent(
    ada: Contact, post_office: SenderIdentity, settings: Any
) -> None:
    settings.EMAIL_CONFIGURED = False
    message = queue(ada)
    sending.send_due()
    assert (fresh(message).status, fresh(message).reason) == ("held", "no_sender")


def test_on_the_on_screen_phone_an_e_mail_is_shown_and_leaves_nothing(
    ada: Contact, account: ProviderAccount, mail: MailServer
) -> None:
    create_sender(
        location_id=account.location_id, cause=TEST,
        fields={"account": account, "value": "hello@sydney.example", "registration": "not_needed"},
    )  # fmt: skip
    message = queue(ada)
    sending.send_due()
    assert fresh(message).status == "sent"
    assert mail.mails == []


def test_a_line_that_broke_after_the_text_leaves_it_unknown_and_unsent_again(
    ada: Contact, post_office: SenderIdentity, mail: MailServer, now: Frozen
) -> None:
    mail.replies = {"data-end": [""]}
    message = queue(ada)
    sending.send_due()
    for _ in range(4):
        now.advance(timedelta(minutes=31))
        settling.ask_about_unknown()
        sending.send_due()
    assert fresh(message).status == "unknown"
    assert len(mail.mails) == 1


def test_an_address_that_is_none_is_remembered(
    ada: Contact, post_office: SenderIdentity, mail: MailServer
) -> None:
    mail.replies = {"rcpt": ["550 5.1.1 no such user"]}
    message = queue(ada)
    sending.send_due()
    assert (fresh(message).status, fresh(message).reason) == ("failed", "invalid_address")
    assert BlockedNumber.objects.get().address == "ada@home.test"
    assert queue(ada, "e2").reason == "blocked_number"


def test_marketing_names_the_clinic_and_a_way_out_and_needs_consent(
    ada: Contact, post_office: SenderIdentity, sydney: Location, mail: MailServer
) -> None:
    news: dict[str, Any] = {
        "location_id": sydney.pk, "name": "news", "channel": "email", "category": "campaign", "purpose": "marketing",
        "subject": "News from {clinic}", "cause": TEST,
    }  # fmt: skip
    with pytest.raises(Invalid):
        create_template(body="Hello {first_name}, {clinic} has news.", **news)
    create_template(body="{clinic} has news. Reply with unsubscribe to hear no more.", **news)
    assert queue(ada, template="news").reason == "no_consent"
    contact_services.set_consent(
        location_id=sydney.pk, address=ada.email, channel="email", purposes=["marketing"], state="granted",
        basis="form", cause=TEST,
    )  # fmt: skip
    queue(ada, "e2", template="news")
    sending.send_due()
    assert "List-Unsubscribe: <mailto:hello@clinic.test?subject=unsubscribe>" in mail.mails[0]


def test_care_waits_for_the_end_of_quiet_hours(
    ada: Contact, post_office: SenderIdentity, now: Frozen
) -> None:
    now.set(NOW.replace(hour=11))  # 22:00 in Sydney
    assert queue(ada, template="recall_email").status == "scheduled"


def test_an_address_cannot_stand_on_an_account_of_texts(sydney: Location) -> None:
    twilio = ProviderAccount.objects.create(location=sydney, provider=Provider.TWILIO, name="Twilio")
    with pytest.raises(Invalid) as caught:
        create_sender(location_id=sydney.pk, fields={"account": twilio, "value": "a@b.test"}, cause=TEST)
    assert list(caught.value.fields) == ["value"]


def test_a_second_address_used_first_leaves_the_number_used_first(
    account: ProviderAccount, post_office: SenderIdentity
) -> None:
    assert set(SenderIdentity.objects.filter(is_default=True).values_list("value", flat=True)) == {
        "+61290000000",
        "hello@clinic.test",
    }


def test_a_rule_sends_an_e_mail(
    ada: Contact, post_office: SenderIdentity, mail: MailServer, run_work: Callable[[], int], sydney: Location
) -> None:
    wanted = RuleInput(
        name="Write", trigger="stage_moved", conditions={},
        actions=[{"type": "send_email", "subject": "Hello {first_name}", "message": "{clinic} says hello."}],
    )  # fmt: skip
    create_rule(location=sydney, key="write", wanted=wanted, author=None, cause=TEST)
    move = contact_services.StageMove(ada.pk, "lead_to_booking", "contacted", cause=Cause.user(1))
    contact_services.move_stages([move])
    run_work()
    [text] = mail.mails
    assert "Subject: Hello Anna" in text
    assert "Avatar Imaging Sydney says hello." in text
