"""The page on which a template is written: what stands beside it, and going back."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location
from contacts.services import set_consent
from core.causes import Cause
from integrations.models import Provider, ProviderAccount, SenderIdentity
from messaging.models import Message, SendAttempt, Template
from messaging.services import create_template, save_template
from tests.factories.contacts import make_contact
from tests.messaging.conftest import member
from tests.messaging.test_pages import desk, form_of

__all__ = ["desk"]
CAUSE = Cause.system("test")
LIVE = {"HX-Request": "true"}


@pytest.fixture
def template(sydney):
    return Template.objects.select_related("location").get(name="thank_you_attended")


@pytest.fixture
def look(client, template):
    """The live part, for a form that says `data`."""

    def ask(user, **data):
        client.force_login(user)
        url = reverse("admin:messaging_template_preview", args=(template.public_id,))
        return client.post(url, data, headers=LIVE)

    return ask


def test_what_is_typed_is_shown_filled_measured_and_judged(look, manager):
    plain = look(manager, body="{clinic}: hi {first_name}, see you {date}.").content.decode()
    fancy = look(manager, body="Hi \N{RIGHT SINGLE QUOTATION MARK} 😊").content.decode()
    wrong = look(manager, body="Hi {nope}").content.decode()
    marketing = look(manager, body="{clinic}: hi", purpose="marketing").content.decode()

    assert "see you Tue 24 Nov" in plain
    assert "1 segment</strong>" in plain
    assert "Nothing to object to" in plain
    assert "UCS-2" in fancy
    assert "right single quotation mark" in fancy
    assert "There is no placeholder {nope}" in wrong
    assert 'data-code="marketing"' in marketing


def test_it_reads_as_a_chosen_person_would_read_it(look, manager, sydney, anna):
    body = "{clinic}: hi {first_name}, your visit is {date}."
    assert str(anna.public_id) in look(manager, body=body, preview_find="anna").content.decode()
    page = look(manager, body=body, preview_for=str(anna.public_id)).content.decode()
    assert "hi Anna, your visit is {date}." in page
    assert "Anna Smith has no value for" in page


def test_people_and_templates_of_other_clinics_are_not_there(look, manager, stranger, template):
    other = make_contact(Location.objects.exclude(pk=template.location_id).first(), name="Zoe Away")
    assert "Zoe Away" not in look(manager, body="x", preview_find="zoe").content.decode()
    assert look(manager, body="x", preview_for=str(other.public_id)).status_code == 404
    assert look(manager, body="x", preview_for="nonsense").status_code == 404
    assert look(stranger, body="x").status_code == 404


def test_a_preview_without_scripts_keeps_what_was_typed_and_saves_nothing(desk, manager, template):
    before = template.body
    data = form_of(template, body="{clinic}: brand new words", _preview="1")
    page = desk(manager, "messaging_template_change", template.public_id, data=data)
    assert page.status_code == 200
    assert page.content.decode().count("brand new words") >= 2
    assert Template.objects.get(pk=template.pk).body == before
    assert template.versions.count() == 1


def test_versions_say_what_changed_and_come_back(desk, manager, reader, template):
    delivered = template.body
    save_template(template_id=template.pk, body=f"{delivered} Bye!", cause=CAUSE)
    page = desk(manager, "messaging_template_change", template.public_id).content.decode()
    assert "<ins>Bye!</ins>" in page
    assert "Restore<" in page
    assert "Restore<" not in desk(reader, "messaging_template_change", template.public_id).content.decode()
    name = "messaging_template_restore"
    assert desk(reader, name, template.public_id, data={"number": "1"}).status_code == 403
    for refused in ("", "99", "x"):
        assert desk(manager, name, template.public_id, data={"number": refused}).status_code == 302
    assert template.versions.count() == 2
    desk(manager, name, template.public_id, data={"number": "1"})
    assert Template.objects.get(pk=template.pk).body == delivered
    assert template.versions.count() == 3


def test_another_language_begins_with_the_words_of_the_first(desk, manager, template):
    page = desk(manager, "messaging_template_add", **{"from": str(template.public_id)}).content.decode()
    assert 'value="thank_you_attended"' in page
    data = form_of(
        template, body="{clinic}: danke", name=template.name, channel="sms", language="de",
        location=template.location_id,
    )  # fmt: skip
    assert desk(manager, "messaging_template_add", data=data).status_code == 302
    german = Template.objects.get(name=template.name, language="de")
    page = desk(manager, "messaging_template_change", template.public_id).content.decode()
    assert reverse("admin:messaging_template_change", args=(german.public_id,)) in page


def test_a_new_template_says_beside_itself_how_it_will_read(desk, manager, sydney, client):
    assert "A typical person" in desk(manager, "messaging_template_add").content.decode()
    url = reverse("admin:messaging_template_preview_new")
    page = client.post(url, {"body": "{clinic}: hi", "location": sydney.pk}, headers=LIVE).content.decode()
    assert f"{sydney.name}: hi" in page
    assert client.post(url, {"body": "x", "location": "999999"}, headers=LIVE).status_code == 404


def test_it_is_shown_on_a_phone_and_sent_to_nobody(desk, manager, template, account, anna):
    name = "messaging_template_phone"
    page = desk(manager, name, template.public_id, data={"preview_for": str(anna.public_id)})
    assert "Phone of Anna Smith" in page.content.decode()
    assert not Message.objects.exists()


@pytest.fixture
def send_test(client, template, anna):
    """Press “Send to the on-screen phone” for Anna, with a key."""

    def send(user, *, key="once", person=anna):
        client.force_login(user)
        url = reverse("admin:messaging_template_phone", args=(template.public_id,))
        given = {"do": "send", "key": key, "preview_for": str(person.public_id) if person else ""}
        return client.post(url, given, follow=True)

    return send


def test_a_test_goes_through_the_ledger_to_the_on_screen_phone_once(
    send_test, manager, template, account, anna, now, run_work
):
    now.advance(timedelta(hours=11))  # Midnight: a simulated phone wakes nobody.
    page = send_test(manager)
    send_test(manager)
    assert page.redirect_chain[-1][0] == f"/admin/phone/?contact={anna.public_id}"
    run_work()
    message = Message.objects.get()
    assert (message.status, message.template_id, message.cause_kind) == ("sent", template.pk, "user")
    assert SendAttempt.objects.get().account_id == account.pk
    assert message.body in client_text(send_test(manager))


def test_a_page_gone_back_to_sends_another_test_to_another_person_and_of_another_wording(
    send_test, manager, template, account, anna, sydney
):
    ben = make_contact(sydney, name="Ben Other", phone="+61412000077")
    send_test(manager)
    assert "on its way to the phone of Ben" in client_text(send_test(manager, person=ben))
    save_template(template_id=template.pk, body="{clinic}: brand new", cause=CAUSE)
    assert "on its way to the phone of Anna" in client_text(send_test(manager))
    sent = Message.objects.order_by("pk").values_list("contact_id", flat=True)
    assert [*sent] == [anna.pk, ben.pk, anna.pk]


def client_text(answer):
    return unescape(answer.content.decode())


@pytest.mark.parametrize(
    "case", ["real", "none", "off", "nobody", "no_value", "opted_out", "elsewhere", "reader"]
)
def test_a_test_is_refused_with_what_to_do_and_leaves_nothing(
    case, send_test, manager, template, account, anna, sydney, client
):
    person = anna
    if case == "real":
        twilio = ProviderAccount.objects.create(location=sydney, provider=Provider.TWILIO, enabled=True)
        SenderIdentity.objects.create(location=sydney, account=twilio, value="+61480000009")
    elif case == "none":
        ProviderAccount.objects.update(enabled=False)
    elif case == "off":
        Template.objects.filter(pk=template.pk).update(is_active=False)
    elif case == "nobody":
        person = None
    elif case == "no_value":
        save_template(template_id=template.pk, body="{clinic}: see you {date}", cause=CAUSE)
    elif case == "opted_out":
        set_consent(
            location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service", "care"],
            state="withdrawn", basis="reply", cause=CAUSE,
        )  # fmt: skip
    elif case == "elsewhere":
        there = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
        person = make_contact(there, name="Mel Away", phone="+61412000009")
    user = member(sydney, "readonly", "reader@clinic.test") if case == "reader" else manager
    answer = send_test(user, person=person)
    words = {
        "real": "go out through Twilio: a test would be a real text", "none": "has no on-screen phone. Under Providers",
        "off": "The template is switched off", "nobody": "Choose whose phone", "no_value": "has no value for {date}",
        "opted_out": "It would not go now.",
    }  # fmt: skip
    assert answer.status_code == {"elsewhere": 404, "reader": 403}.get(case, 200)
    assert words.get(case, "") in client_text(answer)
    assert not Message.objects.exists()


def test_the_page_costs_the_same_with_more_versions(desk, manager, template):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            desk(manager, "messaging_template_change", template.public_id)
        return len(queries)

    cost()
    few = cost()
    for n in range(6):
        save_template(template_id=template.pk, body=f"{{clinic}}: {n}", cause=Cause.user(str(manager.pk)))
    create_template(
        location_id=template.location_id, name=template.name, body="{clinic}: ja", language="de",
        category="follow_up", purpose="care", cause=CAUSE,
    )  # fmt: skip
    cost()
    assert cost() <= min(few + 1, 25)  # Who wrote them is asked once, when a person did.
