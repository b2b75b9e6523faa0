"""Meta's lead ads: the address is asked for, notices are kept lead by lead, leads are fetched and applied."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts import doctor
from contacts.models import Consent, Contact, Touchpoint
from core.causes import Cause
from core.models import Event
from integrations import fetching, graph, http, inbound, services
from integrations.models import Fetch, Provider, ProviderAccount, Receipt
from tests.factories.integrations import make_account, token_of
from tests.harness.graph import FakeGraph

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parents[1] / "webhooks" / "meta"
PATH = "/webhooks/meta/leads"
SECRET = "the-app-secret"
PAGE = "724302907610309"
LEAD_ID = "1958340478236214"
NOTICE = (SAMPLES / "leadgen.json").read_bytes()
ANSWERED = (SAMPLES / "leadgen_with_answers.json").read_bytes()
LEAD = json.loads((SAMPLES / "lead.json").read_bytes())
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def notice(*leads: tuple[str, str]) -> bytes:
    entries = [
        {
            "id": page,
            "time": 1,
            "changes": [{"field": "leadgen", "value": {"leadgen_id": lead, "page_id": page}}],
        }
        for page, lead in leads
    ]
    return json.dumps({"object": "page", "entry": entries}).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


@pytest.fixture
def meta(sydney) -> ProviderAccount:
    credentials = {"webhook_secret": SECRET, "access_token": "page-token", "verify_token": "our word"}
    return make_account(sydney, Provider.META, external_instance_id=PAGE, credentials=credentials)


@pytest.fixture
def fake(settings) -> Iterator[FakeGraph]:
    with FakeGraph(app_secret=SECRET) as server:
        settings.META_GRAPH_URL = server.url
        server.leads[LEAD_ID] = LEAD
        yield server


@pytest.fixture
def post(client, meta):
    def send(body: bytes, headers: dict[str, str] | None = None, path: str = PATH) -> Any:
        given = signed(body) if headers is None else headers
        return client.generic("POST", path, body, content_type="application/json", headers=given)

    return send


# Whether the address is ours


def test_the_challenge_is_answered_to_who_knows_the_word(client, meta) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "our word"}
    answer = client.get(PATH, asked)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (
        200, b"1158201444", "text/plain; charset=utf-8",
    )  # fmt: skip
    assert client.get(f"{PATH}/{token_of(meta)}", asked).content == b"1158201444"
    assert client.get(PATH, {**asked, "hub.verify_token": "a guess"}).status_code == 401
    assert client.get(PATH, {**asked, "hub.mode": "unsubscribe"}).status_code == 400
    assert client.get(PATH, {**asked, "hub.challenge": "<" * 300}).status_code == 400
    assert client.get(f"{PATH}/wrong", asked).status_code == 404


def test_without_a_word_nobody_is_answered(client, sydney, settings) -> None:
    make_account(sydney, Provider.META)
    asked = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": ""}
    assert client.get(PATH, asked).status_code == 503
    settings.META_VERIFY_TOKEN = "of all"
    assert client.get(PATH, asked).status_code == 401
    assert client.get(PATH, {**asked, "hub.verify_token": "of all"}).status_code == 200


# Notices


def test_a_lead_is_kept_fetched_and_applied(post, fake, run_work) -> None:
    response = post(NOTICE)
    receipt = Receipt.objects.get()
    assert (response.status_code, response.json()["receiptIds"]) == (200, [str(receipt.public_id)])
    assert receipt.state == "fetching"
    run_work()
    receipt.refresh_from_db()
    assert (receipt.state, fake.calls) == ("applied", [LEAD_ID])
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.email) == ("Ana Silva", "+61412345678", "ana@example.com")
    assert (contact.source, contact.intent) == ("meta_form", "procedure")
    touch = contact.first_touch
    assert (touch["campaign"], touch["ad_name"], touch["form_id"], touch["platform"]) == (
        "Spring skin checks", "Skin check carousel", "793235552669212", "ig",
    )  # fmt: skip
    [touchpoint] = Touchpoint.objects.filter(type="form_submit")
    assert touchpoint.answers["best_time_to_call"] == "Morning, Evening"
    assert touchpoint.at == datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC)
    assert Event.objects.filter(type="lead_created").count() == 1
    assert set(Consent.objects.values_list("purpose", "state")) == {
        ("service", "granted"),
        ("care", "granted"),
    }


def test_answers_that_come_along_need_no_fetching(post, fake, run_work, meta) -> None:
    meta.external_instance_id = "1635959142565683"
    meta.save()
    post(ANSWERED)
    run_work()
    assert (Contact.objects.get().phone, fake.calls) == ("+61412999888", [])


def test_a_lead_told_of_twice_is_kept_once(post, fake, run_work) -> None:
    first = post(NOTICE)
    run_work()
    again = post(NOTICE)
    run_work()
    assert again.json() == first.json()
    assert len(fake.calls) == Contact.objects.count() == 1


def test_one_delivery_may_tell_of_many_leads_of_two_clinics(post, fake, melbourne, run_work) -> None:
    make_account(
        melbourne, Provider.META, external_instance_id="page-2",
        credentials={"webhook_secret": SECRET, "access_token": "page-token"},
    )  # fmt: skip
    for number in ("1", "2", "3"):
        fake.leads[number] = {"field_data": [{"name": "email", "values": [f"a{number}@b.example"]}]}
    assert post(notice((PAGE, "1"), ("page-2", "2"), (PAGE, "3"))).status_code == 200
    run_work()
    assert dict(Contact.objects.values_list("email", "location__code")) == {
        "a1@b.example": "sydney", "a2@b.example": "melbourne", "a3@b.example": "sydney",
    }  # fmt: skip


def test_another_clinics_secret_does_not_speak_for_this_page(post, melbourne) -> None:
    make_account(
        melbourne, Provider.META, external_instance_id="page-2", credentials={"webhook_secret": "theirs"}
    )
    assert post(NOTICE, signed(NOTICE, "theirs")).status_code == 401
    assert not Receipt.objects.exists()


def test_a_page_nobody_entered_waits_for_a_person(post, fake, run_work, meta) -> None:
    post(notice(("unknown-page", LEAD_ID)))
    run_work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.error) == ("parked", "unknown_instance")
    assert fake.calls == []
    meta.external_instance_id = "unknown-page"
    meta.save()
    inbound.apply_again(receipt)
    run_work()
    assert Contact.objects.get().name == "Ana Silva"


def test_made_up_leads_of_the_testing_tool_make_nobody(post, fake, run_work) -> None:
    fake.leads[LEAD_ID] = json.loads((SAMPLES / "test_lead.json").read_bytes())
    post(NOTICE)
    run_work()
    assert (Receipt.objects.get().state, Contact.objects.count()) == ("ignored", 0)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (NOTICE, {}, 401),
        (NOTICE, signed(NOTICE, "another"), 401),
        (NOTICE + b" ", signed(NOTICE), 401),
        (NOTICE, {"X-Api-Key": SECRET}, 401),
        (b"{", signed(b"{"), 400),
        (b'{"entry": 7}', signed(b'{"entry": 7}'), 400),
        (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', None, 413),
    ],
)
def test_what_is_not_metas_or_not_readable_is_refused_and_not_kept(body, headers, status, post) -> None:
    assert post(body, headers).status_code == status
    assert not Receipt.objects.exists()
    assert not Fetch.objects.exists()


def test_what_speaks_of_no_lead_is_answered_and_not_kept(post) -> None:
    body = b'{"object": "page", "entry": [{"id": "1", "changes": [{"field": "feed", "value": {}}]}]}'
    assert post(body).status_code == 200
    assert not Receipt.objects.exists()


def test_an_unset_secret_is_503_and_other_methods_are_405(client, sydney) -> None:
    make_account(sydney, Provider.META, external_instance_id=PAGE)
    answer = client.generic("POST", PATH, NOTICE, content_type="application/json", headers=signed(NOTICE, ""))
    assert answer.status_code == 503
    put = client.put(PATH, NOTICE, content_type="application/json")
    assert (put.status_code, put["Allow"]) == (405, "GET, POST")


# Fetching


@pytest.mark.parametrize("fault", [1, 2, "html", "cut", "redirect", "odd", "huge"])
def test_a_passing_fault_is_tried_again_after_a_pause(fault, post, fake, run_work, frozen_time) -> None:
    time = frozen_time(NOW)
    fake.faults = [fault]
    post(NOTICE)
    run_work()
    receipt = Receipt.objects.get()
    assert receipt.state == "fetching"
    assert receipt.error.startswith("asked 1 times, tried again")
    assert len(fake.calls) == 1
    time.advance(timedelta(minutes=1))
    run_work()
    receipt.refresh_from_db()
    assert (receipt.state, receipt.error, len(fake.calls)) == ("applied", "", 2)


def test_silence_is_tried_again(post, fake, run_work, frozen_time, monkeypatch) -> None:
    time = frozen_time(NOW)
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    fake.faults = ["slow"]
    post(NOTICE)
    run_work()
    assert Receipt.objects.get().state == "fetching"
    time.advance(timedelta(minutes=1))
    run_work()
    assert Receipt.objects.get().state == "applied"


def test_what_fails_on_and_on_is_parked_and_can_be_asked_for_again(post, fake, run_work, frozen_time) -> None:
    time = frozen_time(NOW)
    fake.faults = [2] * fetching.MAX_TRIES
    post(NOTICE)
    for _ in range(fetching.MAX_TRIES):
        run_work()
        time.advance(timedelta(hours=2))
    receipt = Receipt.objects.get()
    assert (receipt.state, len(fake.calls)) == ("parked", fetching.MAX_TRIES)
    assert Event.objects.get(type="webhook_failed").data["reason"] == "fetch_retry"
    inbound.apply_again(receipt)
    run_work()
    assert Contact.objects.get().name == "Ana Silva"


def test_a_lead_that_is_gone_is_parked_at_once(post, fake, run_work) -> None:
    fake.leads.clear()
    post(NOTICE)
    run_work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.error) == ("parked", "The provider does not give it (100)")
    assert Event.objects.get(type="webhook_failed").data["reason"] == "fetch_gone"


@pytest.mark.parametrize("code", [4, 17, 32, 613])
def test_too_many_calls_make_the_whole_account_wait_as_long_as_it_is_told(
    code, post, fake, run_work, frozen_time
) -> None:
    time = frozen_time(NOW)
    usage = {PAGE: [{"type": "leadgen", "call_count": 100, "estimated_time_to_regain_access": 20}]}
    fake.headers = {"X-Business-Use-Case-Usage": json.dumps(usage)}
    fake.leads["2"] = {"field_data": [{"name": "email", "values": ["b@c.example"]}]}
    fake.faults = [code]
    post(notice((PAGE, LEAD_ID), (PAGE, "2")))
    run_work()
    assert len(fake.calls) == 1, "the second is not even asked for"
    assert set(Receipt.objects.values_list("state", "error")) == {
        ("fetching", f"Waits: the account asked too often ({code})")
    }
    time.advance(timedelta(minutes=19))
    run_work()
    assert len(fake.calls) == 1
    time.advance(timedelta(minutes=2))
    run_work()
    assert Contact.objects.count() == 2
    assert not Event.objects.filter(type="webhook_failed").exists()


def test_a_token_that_ended_is_told_once_a_day_and_a_new_one_sets_everything_going(
    post, fake, run_work, frozen_time, meta
) -> None:
    time = frozen_time(NOW)
    fake.token = "the new token"
    fake.leads["2"] = {"field_data": [{"name": "email", "values": ["b@c.example"]}]}
    post(notice((PAGE, LEAD_ID), (PAGE, "2")))
    for _ in range(3):
        run_work()
        time.advance(timedelta(hours=1, minutes=1))
    assert len(fake.calls) == 3
    assert set(Receipt.objects.values_list("state", "error")) == {
        ("fetching", "Waits: the provider does not let the account in (190)")
    }
    assert [event.data["reason"] for event in Event.objects.filter(type="webhook_failed")] == ["not_let_in"]
    services.update_account(
        account_id=meta.pk,
        fields={},
        credentials={"access_token": "the new token"},
        cause=Cause.system("test"),
    )
    run_work()
    assert Contact.objects.count() == 2


def test_doctor_names_the_account_whose_leads_wait(post, fake, run_work, meta, sydney) -> None:
    fake.token = "the new token"
    post(NOTICE)
    run_work()
    missing = [found for found in doctor.examine(sydney) if found.level is doctor.Level.MISSING]
    assert ("Meta lead ads", "Leads wait to be fetched: the provider answers 190.") in {
        (found.area, found.text) for found in missing
    }


def test_doctor_only_warns_of_what_heals_by_itself(post, fake, run_work, meta, sydney) -> None:
    fake.faults = ["html"]
    post(NOTICE)
    run_work()
    [found] = [row for row in doctor.examine(sydney) if "wait to be fetched" in row.text]
    assert (found.level, found.text) == (
        doctor.Level.WARNING, "Leads wait to be fetched: the provider answers http_502."
    )  # fmt: skip


def test_doctor_names_what_was_not_typed_and_where_leads_come_from_nowhere(sydney) -> None:
    assert "Leads from outside" in {found.area for found in doctor.examine(sydney)}
    make_account(sydney, Provider.META, external_instance_id=PAGE)
    texts = {found.text for found in doctor.examine(sydney)}
    assert "Not typed yet: App secret, Page access token, Verify token." in texts


def test_without_a_token_nothing_is_asked_for(post, fake, run_work, meta) -> None:
    meta.credentials = {"webhook_secret": SECRET}
    meta.save()
    post(NOTICE)
    run_work()
    assert fake.calls == []
    assert "no_access_token" in Receipt.objects.get().error


def test_a_worker_that_died_asking_is_followed_by_another(post, fake, run_work, frozen_time) -> None:
    time = frozen_time(NOW)
    post(NOTICE)
    [left] = fetching.claim()
    run_work()
    assert fake.calls == [], "somebody is at it"
    time.advance(fetching.LEASE + timedelta(seconds=1))
    run_work()
    assert Contact.objects.count() == 1
    assert fetching.record(left, fetching.FetchAnswer("gone", code="100")) is False
    assert Receipt.objects.get().state == "applied"


def test_nothing_is_open_while_the_provider_is_asked(post, fake, run_work, monkeypatch) -> None:
    outer = len(connection.savepoint_ids)
    seen: list[int] = []
    ask = graph.fetch_lead

    def watched(account: ProviderAccount, body: bytes) -> Any:
        seen.append(len(connection.savepoint_ids) - outer)
        return ask(account, body)

    known = fetching._fetchers.get("meta")
    watching = fetching.Fetcher(watched, known.put, known.instance_of)
    monkeypatch.setitem(fetching._fetchers._items, "meta", watching)
    post(NOTICE)
    run_work()
    assert seen == [0]


def test_the_token_stands_in_no_address_and_no_log(post, fake, run_work, caplog) -> None:
    fake.faults = ["html"]
    post(NOTICE)
    run_work()
    assert "page-token" not in caplog.text


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (200, {"error": {"code": 190}}, "refused"),
        (401, {}, "refused"),
        (429, {}, "wait"),
        (404, {}, "gone"),
        (400, {"error": {"code": 999}}, "retry"),
        (400, {"error": {"code": 200, "is_transient": True}}, "retry"),
        (302, {}, "retry"),
    ],
)
def test_answers_are_read_by_code_then_by_status(status: int, answer: dict[str, Any], kind: str) -> None:
    assert graph.read(status, {}, json.dumps(answer).encode()).kind == kind


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"retry-after": "soon"}, None),
        ({"X-Business-Use-Case-Usage": "nonsense"}, None),
        ({"X-Business-Use-Case-Usage": '{"1": [{"estimated_time_to_regain_access": 0}]}'}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_where_it_is_told(headers: dict[str, str], seconds: float | None) -> None:
    assert graph.read(429, headers, b"{}").retry_after == seconds
