"""Saved segments: who is in one, what may not be asked, and texts to everybody in it."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location, Membership, User
from automation import segments
from automation.models import SavedSegment
from contacts.models import Contact
from core.models import Event
from messaging.models import BulkSend, Message
from tests.automation.conftest import CAUSE, NOW, drain
from tests.automation.rule_forms import fields_of
from tests.factories.contacts import make_contact

HOT = {"warmness_score": {"gte": 20}, "has_future_booking": False}
#: What the database cannot decide: the words of a custom field.
INEXACT = {"custom.suburb": "Glebe"}


def member(location, role, email):
    user = User.objects.create_user(email, "a long password 1", name=role.title(), default_location=location)
    Membership.objects.create(user=user, location=location, role=role)
    return user


@pytest.fixture
def manager(bare):
    return member(bare, "manager", "manager@clinic.test")


@pytest.fixture
def desk(bare):
    return member(bare, "staff", "desk@clinic.test")


@pytest.fixture
def stranger(bare):
    other = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
    return member(other, "manager", "stranger@clinic.test")


@pytest.fixture
def api(client):
    def call(user, method, path, data=None):
        client.force_login(user)
        body = json.dumps(data) if data is not None else ""
        return client.generic(method, f"/api/{path}", body, content_type="application/json")

    return call


def ids(location, raw):
    return [pk for part in segments.members(location, segments.parse(raw)) for pk in part]


def test_a_segment_holds_whoever_meets_its_conditions_now(bare, anna, book):
    bea = make_contact(bare, name="Bea", intent="procedure", source="referral")
    make_contact(bare, name="Cold")
    assert ids(bare, HOT) == [bea.pk]
    book(bea)
    assert ids(bare, HOT) == []


def test_conditions_the_database_cannot_decide_are_decided_person_by_person(bare):
    near = make_contact(bare, name="Near", custom_fields={"suburb": "Glebe"})
    make_contact(bare, name="Far", custom_fields={"suburb": "Manly"})
    assert ids(bare, INEXACT) == [near.pk]
    assert str(segments.count(bare, segments.parse(INEXACT))) == "1"


def test_people_of_another_clinic_and_hidden_ones_are_in_no_segment(bare, anna, stranger):
    make_contact(Location.objects.get(code="melbourne"), name="Mel")
    assert ids(bare, {}) == [anna.pk]
    anna.deleted_at = NOW
    anna.save()
    assert ids(bare, {}) == []


def test_a_count_looks_no_further_than_it_must_and_says_so(bare, monkeypatch):
    monkeypatch.setattr(segments, "LOOKED_AT", 2)
    for n in range(3):
        make_contact(bare, name=f"P{n}", custom_fields={"suburb": "Glebe"})
    assert segments.count(bare, segments.parse(INEXACT)) == segments.Count(2, at_least=True)
    assert str(segments.count(bare, segments.parse(INEXACT))) == "at least 2"
    assert str(segments.count(bare, segments.parse({}))) == "3"


@pytest.mark.parametrize(
    ("conditions", "path", "words"),
    [
        ({"message_body": "x"}, "conditions.message_body", "only an event carries it"),
        ({"any": [{"service": "x"}]}, "conditions.any[0].service", "has_future_booking"),
        ({"local_hour": 5}, "conditions.local_hour", "time of day"),
        ({"warmnes": 5}, "conditions.warmnes", "Did you mean"),
        ({"tags": {"contains": 5}}, "conditions.tags.contains", "needs a text"),
    ],
)
def test_a_wrong_condition_is_refused_by_path(api, manager, conditions, path, words):
    answer = api(manager, "POST", "segments", {"name": "Wrong", "conditions": conditions})

    assert answer.status_code == 422
    assert words in answer.json()["error"]["fields"][path][0]
    assert not SavedSegment.objects.exists()


def test_a_segment_is_made_counted_changed_and_deleted_over_the_api(api, bare, manager, desk, stranger, anna):
    made = api(manager, "POST", "segments", {"name": "Hot", "conditions": HOT})
    path = f"segments/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json()["sentence"].startswith("Everyone for whom the warmness is at least 20 and")
    assert api(desk, "GET", f"{path}/count").json()["people"] == 0
    assert api(desk, "POST", "segments/preview", {"conditions": {}}).json()["people"] == 1
    assert api(desk, "PATCH", path, {"name": "Mine"}).status_code == 403
    assert api(stranger, "GET", path).status_code == 404
    assert api(stranger, "DELETE", path).status_code == 404
    assert api(manager, "PATCH", path, {"conditions": {}}).json()["name"] == "Hot"
    assert api(manager, "GET", "segments").json()["results"][0]["sentence"] == "Everyone."
    assert api(manager, "POST", "segments", {"name": "hot", "conditions": {}}).status_code == 409
    assert api(manager, "POST", "segments", {"name": " ", "conditions": {}}).status_code == 422
    assert api(manager, "DELETE", path).status_code == 204
    assert set(Event.objects.values_list("type", flat=True)) >= {"segment_changed", "segment_deleted"}


NEW = "/admin/segments/new/"


def press(client, url, do, fields=None, **typed):
    """Send the form as it stands, with what was typed, by a button; answers the page and its fields."""
    answer = client.post(url, {**(fields or {}), **typed, "do": do})
    return answer, fields_of(unescape(answer.content.decode()))


def test_a_segment_is_written_in_words_without_scripts_and_counted(client, bare, manager, anna):
    client.force_login(manager)
    make_contact(bare, name="Bea", intent="procedure")
    _, fields = press(client, NEW, "add:c", fields_of(client.get(NEW).content.decode()))
    page, fields = press(client, NEW, "show:c.0", fields, **{"c.0:field": "intent", "name": "Procedures"})
    assert "Give a value, or remove this line." in page.content.decode()
    assert "2</strong> at Avatar Imaging Sydney now" in page.content.decode(), (
        "an unfinished line holds nobody back"
    )
    page, fields = press(client, NEW, "show", fields, **{"c.0:op": "eq", "c.0:value": "procedure"})
    assert "1</strong> at Avatar Imaging Sydney now" in page.content.decode()
    saved, _ = press(client, NEW, "save", fields)
    segment = SavedSegment.objects.get()
    assert saved["Location"] == f"/admin/segments/{segment.public_id}/"
    assert (segment.name, segment.conditions) == ("Procedures", {"intent": "procedure"})
    assert ids(bare, segment.conditions) == [Contact.objects.get(name="Bea").pk]


def test_a_segment_of_a_clinic_that_is_not_theirs_is_not_there_and_none_is_made(client, bare, manager):
    client.force_login(manager)
    fields = fields_of(client.get(NEW).content.decode()) | {
        "name": "Elsewhere",
        "location": "elsewhere",
        "do": "save",
    }
    assert client.get(NEW, {"location": "elsewhere"}).status_code == 404
    assert client.post(NEW, fields).status_code == 404
    assert not SavedSegment.objects.exists()


def test_a_name_that_cannot_be_stored_is_refused_in_words(client, bare, manager):
    client.force_login(manager)
    fields = fields_of(client.get(NEW).content.decode()) | {"name": "No\x00body", "do": "save"}
    answer = client.post(NEW, fields)
    assert (answer.status_code, SavedSegment.objects.count()) == (422, 0)
    assert "holds a character or a number that cannot be stored" in answer.content.decode()


def test_only_what_is_known_of_people_is_offered(client, bare, manager):
    client.force_login(manager)
    _, fields = press(client, NEW, "add:c", fields_of(client.get(NEW).content.decode()))
    page = client.post(NEW, {**fields, "do": "show"}).content.decode()
    assert '<option value="warmness_score"' in page
    for other in ("local_hour", "message_body", "service"):
        assert f'<option value="{other}"' not in page


def test_json_for_experts_counts_and_says_what_is_wrong_with_it(client, bare, manager):
    client.force_login(manager)
    fields = fields_of(client.get(NEW).content.decode())
    page, shown = press(client, NEW, "use_json", fields, json=json.dumps(HOT))
    assert "Everyone for whom the warmness is at least 20" in page.content.decode()
    assert json.loads(shown["json"][0]) == HOT
    for text, words in (
        ('{"warm', "This is no JSON"),
        ("[]", "must be an object"),
        ('{"local_hour": 5}', "it depends on the time of day"),
        ('{"warmnes": 5}', "Did you mean"),
    ):
        page, _ = press(client, NEW, "save", fields, json=text, name="Wrong")
        assert words in unescape(page.content.decode()), text
    assert not SavedSegment.objects.exists()


def test_a_segment_keeps_its_spelling_is_not_overwritten_and_is_shown_to_readers(
    client, bare, manager, desk, stranger, now
):
    spelled = {"all": [{"warmness": {"gte": 20}}]}
    row = segments.create_segment(location=bare, name="Warm", conditions=spelled, cause=CAUSE)
    url = f"/admin/segments/{row.public_id}/"
    client.force_login(manager)
    assert (
        client.get(reverse("admin:automation_savedsegment_change", args=(row.public_id,)))["Location"] == url
    )
    fields = fields_of(client.get(url).content.decode())
    now.advance(timedelta(seconds=1))
    press(client, url, "save", fields, name="Warm ones")
    row.refresh_from_db()
    assert (row.name, row.conditions) == ("Warm ones", spelled)
    page, _ = press(client, url, "save", fields, name="Too late")
    assert segments.CHANGED in page.content.decode()
    fresh = fields_of(client.get(url).content.decode())
    for name, words in ((" ", "Give the segment a name"), ("x" * 121, "at most 120 letters")):
        page, _ = press(client, url, "save", fresh, name=name)
        assert words in page.content.decode()
    client.force_login(desk)
    read = client.get(url).content.decode()
    assert "Everyone for whom the warmness is at least 20" in read
    assert 'id="rule-editor"' not in read
    assert client.post(url, {**fresh, "do": "save"}).status_code == 403
    assert client.get(NEW).status_code == 403
    assert client.get(reverse("admin:automation_savedsegment_changelist")).status_code == 200
    client.force_login(stranger)
    assert client.get(url).status_code == 404


def test_the_list_of_segments_costs_the_same_queries_whatever_its_length(client, bare, manager):
    def cost(names):
        for name in names:
            segments.create_segment(location=bare, name=name, conditions=INEXACT, cause=CAUSE)
        client.get(reverse("admin:automation_savedsegment_changelist"))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("admin:automation_savedsegment_changelist"))
        return len(queries)

    client.force_login(manager)
    assert cost(["a"]) == cost(["b", "c", "d"])


def test_a_text_to_a_segment_reaches_who_is_in_it_when_it_is_confirmed(
    api, bare, desk, manager, anna, account
):
    bea = make_contact(bare, name="Bea", tags=["vip"])
    made = api(manager, "POST", "segments", {"name": "VIP", "conditions": {"tags": {"contains": "vip"}}})
    wish = {
        "segment": made.json()["id"],
        "message": "{clinic}: we are closed on Friday.",
        "purpose": "service",
    }
    drafted = api(desk, "POST", "sms/bulk", wish).json()
    make_contact(bare, name="Cleo", tags=["vip"])
    bea.tags = []
    bea.save()
    confirmed = api(desk, "POST", f"sms/bulk/{drafted['id']}/confirm").json()
    drain()

    assert (drafted["state"], drafted["preview"]["going"], drafted["label"]) == ("draft", 1, "VIP")
    assert (confirmed["state"], confirmed["recipients"]) == ("sending", 1)
    assert [message.contact.name for message in Message.objects.all()] == ["Cleo"]


def test_a_text_to_a_segment_of_another_clinic_or_one_that_is_gone_is_refused(
    api, bare, manager, stranger, anna
):
    segment = segments.create_segment(location=bare, name="All", conditions={}, cause=CAUSE)
    wish = {"segment": str(segment.public_id), "message": "{clinic}: hello", "purpose": "service"}

    assert api(stranger, "POST", "sms/bulk", wish).status_code == 404
    draft = api(manager, "POST", "sms/bulk", wish).json()
    segments.delete_segment(segment.pk, cause=CAUSE)
    assert api(manager, "POST", f"sms/bulk/{draft['id']}/confirm").status_code == 404
    assert BulkSend.objects.get().state == "draft"


def test_an_audience_that_grew_much_is_looked_at_again(api, bare, manager, anna):
    segment = segments.create_segment(location=bare, name="All", conditions={}, cause=CAUSE)
    wish = {"segment": str(segment.public_id), "message": "{clinic}: hello", "purpose": "service"}
    draft = api(manager, "POST", "sms/bulk", wish).json()
    for n in range(6):
        make_contact(bare, name=f"P{n}")
    refused = api(manager, "POST", f"sms/bulk/{draft['id']}/confirm")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "audience_grew")


def test_a_draft_is_not_sent_the_day_after(api, bare, manager, anna, now):
    segment = segments.create_segment(location=bare, name="All", conditions={}, cause=CAUSE)
    wish = {"segment": str(segment.public_id), "message": "{clinic}: hello", "purpose": "service"}
    draft = api(manager, "POST", "sms/bulk", wish).json()
    now.advance(timedelta(hours=25))

    assert api(manager, "POST", f"sms/bulk/{draft['id']}/confirm").json()["error"]["code"] == "stale"
