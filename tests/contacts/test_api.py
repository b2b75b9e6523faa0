"""Contacts through the API, with the four roles and two locations."""

from __future__ import annotations

import pytest

from contacts import services
from contacts.models import Contact, StageChange
from core.models import Event
from tests.factories.contacts import CAUSE, log, make_contact, make_member

LEAST = {
    "id", "name", "phone", "email", "source", "intent", "current_pipeline", "current_stage", "warmness_score",
    "warmness", "is_existing_patient", "is_high_risk", "owner", "tags", "consent", "recall_due_date",
}  # fmt: skip


class Api:
    """The API as one signed-in person uses it."""

    def __init__(self, client, user):
        client.force_login(user)
        self.client = client

    def get(self, path, **query):
        return self.client.get(f"/api/{path}", query)

    def send(self, method, path, body=None):
        return getattr(self.client, method)(f"/api/{path}", body or {}, content_type="application/json")

    def post(self, path, body=None):
        return self.send("post", path, body)


@pytest.fixture
def api(client, receptionist):
    return Api(client, receptionist)


@pytest.fixture
def as_manager(client, manager):
    return Api(client, manager)


def names(response):
    assert response.status_code == 200, response.content
    return [row["name"] for row in response.json()["results"]]


def test_the_list_shows_what_a_contact_reads_at_least_newest_first(api, sydney, melbourne, now):
    make_contact(sydney, name="First", intent="procedure", email="a@b.au", tags=["vip"])
    make_contact(sydney, name="Second")
    make_contact(melbourne, name="Elsewhere")
    rows = api.get("contacts").json()["results"]
    assert [row["name"] for row in rows] == ["Second", "First"]
    assert rows[0].keys() >= LEAST
    assert rows[1]["warmness_score"] == rows[1]["warmness"]["score"] == 30
    assert rows[1]["warmness"]["parts"][0] == {
        "name": "intent", "points": 30, "reason": "Intent is procedure.", "rows": [], "lines": [],
    }  # fmt: skip
    assert rows[1]["consent"]["sms"] == {"service": "implied", "care": "none", "marketing": "none"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"warmness": "HOT"}, ["Hot"]), ({"warmness": "COOL"}, ["Cool"]), ({"warmness_min": 60}, ["Hot"]),
        ({"pipeline": "lead_to_booking", "stage": "engaged"}, ["Cool"]), ({"source": "referral"}, ["Hot"]),
        ({"intent": "procedure"}, ["Hot"]), ({"tag": "vip"}, ["Cool"]), ({"search": "cool"}, ["Cool"]),
        ({"is_high_risk": "true"}, []), ({"ordering": "-warmness_score"}, ["Hot", "Cool"]),
        ({"created_after": "2030-01-01T00:00:00Z"}, []), ({"page_size": 1}, ["Cool"]),
    ],
)  # fmt: skip
def test_the_list_is_narrowed_and_ordered(api, sydney, query, found):
    hot = make_contact(sydney, name="Hot", intent="procedure", source="referral")
    services.adjust_warmness([services.WarmnessAdjustment(hot.pk, 30, "x", cause=CAUSE)])
    cool = make_contact(sydney, name="Cool", tags=["vip"])
    services.move_stages([services.StageMove(cool.pk, "lead_to_booking", "engaged", cause=CAUSE)])
    assert names(api.get("contacts", **query)) == found


@pytest.mark.parametrize("query", [{"warmness": "BOILING"}, {"ordering": "phone"}, {"pipeline": "x"}])
def test_a_filter_that_does_not_exist_is_refused_by_name(api, query):
    response = api.get("contacts", **query)
    assert response.status_code == 422
    assert set(response.json()["error"]["fields"]) == set(query)


def test_a_list_costs_the_same_however_long_it_is(api, sydney, django_assert_max_num_queries):
    for number in range(20):
        log(make_contact(sydney, name=f"P {number}"), "sms_reply_1hr")
    with django_assert_max_num_queries(14):
        assert len(names(api.get("contacts"))) == 20
    with django_assert_max_num_queries(20):
        assert len(names(api.get("contacts/search", q="P"))) == 20


def test_a_contact_made_by_hand_begins_as_a_lead(api, sydney, receptionist):
    response = api.post("contacts", {"name": "Alex Wong", "phone": "0411 333 444", "source": "walk_in"})
    assert response.status_code == 201, response.content
    body = response.json()
    assert (body["name"], body["phone"], body["location"]) == (
        "Alex Wong",
        "+61411333444",
        str(sydney.public_id),
    )
    lead = Event.objects.get(type="lead_created")
    assert (lead.cause_kind, lead.cause_id) == ("user", str(receptionist.pk))


def test_a_contact_that_is_no_lead_sets_nothing_off(api):
    assert api.post("contacts", {"name": "Old Patient", "is_lead": False}).status_code == 201
    assert not Event.objects.filter(type="lead_created").exists()


def test_a_contact_who_is_here_already_is_a_conflict_that_says_who(api, sydney):
    contact = make_contact(sydney, phone="0411333444", name="Alex Wong")
    response = api.post("contacts", {"name": "Alex", "phone": "+61411333444"})
    assert response.status_code == 409
    error = response.json()["error"]
    assert (error["code"], error["fields"]["id"]) == ("contact_exists", [str(contact.public_id)])


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "A", "phone": "12"}, 422, "phone"),
        ({"name": "A", "email": "x"}, 422, "email"),
        ({}, 422, "name"),
        ({"name": "A", "source": "moon"}, 422, "source"),
        ({"name": "A" * 300}, 422, "name"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_field(api, body, status, field):
    response = api.post("contacts", body)
    assert response.status_code == status, response.content
    assert field in response.json()["error"]["fields"]
    assert not Contact.objects.exists()


def test_the_detail_holds_the_contact_and_the_newest_of_what_belongs_to_it(api, sydney, now):
    contact = make_contact(sydney, notes="Likes mornings")
    log(contact, "ad_click", source="meta_ads")
    body = api.get(f"contacts/{contact.public_id}").json()
    assert body["contact"].keys() >= LEAST
    assert body["contact"]["notes"] == "Likes mornings"
    touch = next(line for line in body["touchpoints"] if line["kind"] == "touchpoint")
    assert (touch["type"], touch["source"], touch["at"]) == ("ad_click", "meta_ads", "2026-11-23T01:00:00Z")
    assert touch["cause"] == {"kind": "system", "id": "test"}


def test_one_contact_costs_few_queries_whatever_its_history(api, sydney, django_assert_max_num_queries):
    contact = make_contact(sydney)
    for _ in range(30):
        log(contact, "sms_reply_1hr")
    with django_assert_max_num_queries(24):
        assert api.get(f"contacts/{contact.public_id}").status_code == 200


def test_patch_changes_what_is_given_and_put_wants_everything(api, sydney, receptionist):
    contact = make_contact(sydney, name="Jane Doe")
    path = f"contacts/{contact.public_id}"
    changed = api.send("patch", path, {"intent": "procedure", "owner": str(receptionist.public_id)})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["intent"], changed.json()["warmness_score"]) == ("procedure", 30)
    assert changed.json()["owner"] == str(receptionist.public_id)
    refused = api.send("put", path, {"name": "Jane"})
    assert refused.status_code == 422
    assert "tags" in refused.json()["error"]["fields"]
    whole = {
        "name": "Jane Roe",
        "phone": contact.phone,
        "email": "",
        "source": "other",
        "intent": "",
        "owner": None,
        "is_existing_patient": True,
        "is_high_risk": False,
        "tags": ["a"],
        "recall_due_date": "2027-01-01",
        "preferred_channel": "",
        "language": "",
        "notes": "",
        "custom_fields": {},
    }
    assert api.send("put", path, whole).status_code == 200
    contact.refresh_from_db()
    assert (contact.name, contact.owner, contact.tags, contact.is_existing_patient) == (
        "Jane Roe",
        None,
        ["a"],
        True,
    )


def test_stage_and_score_cannot_be_patched(api, sydney):
    contact = make_contact(sydney)
    api.send("patch", f"contacts/{contact.public_id}", {"current_stage": "booked", "warmness_score": 99})
    contact.refresh_from_db()
    assert (contact.current_stage, contact.warmness_score) == ("new_lead", 0)


def test_another_locations_contact_does_not_exist(client, stranger, sydney):
    contact = make_contact(sydney, name="Jane", phone="0412345678")
    api = Api(client, stranger)
    path = f"contacts/{contact.public_id}"
    assert api.get(path).status_code == 404
    assert api.send("patch", path, {"name": "X"}).status_code == 404
    assert api.post(f"{path}/opt-out").status_code == 404
    assert api.get(f"{path}/timeline").status_code == 404
    assert names(api.get("contacts")) == []
    assert names(api.get("contacts/search", q="0412345678")) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", ""), ("patch", "/{}"), ("delete", "/{}"), ("post", "/{}/move-stage"), ("post", "/{}/opt-out"),
     ("post", "/{}/warmness")],
)  # fmt: skip
def test_a_reader_changes_nothing(client, reader, sydney, method, path):
    contact = make_contact(sydney)
    before = Contact.objects.values().get()
    body = {"name": "X", "stage": "engaged"}
    assert (
        Api(client, reader).send(method, f"contacts{path.format(contact.public_id)}", body).status_code == 403
    )
    assert Contact.objects.values().get() == before


def test_nobody_gets_in_without_signing_in(client, db):
    assert client.get("/api/contacts").status_code == 401


def test_a_manager_hides_a_contact_and_brings_it_back(as_manager, sydney):
    contact = make_contact(sydney)
    path = f"contacts/{contact.public_id}"
    assert as_manager.send("delete", path).status_code == 204
    assert as_manager.get(path).status_code == 404
    assert names(as_manager.get("contacts")) == []
    assert as_manager.post(f"{path}/undo-delete").status_code == 200
    assert as_manager.get(path).status_code == 200


def test_staff_may_not_delete(api, sydney):
    contact = make_contact(sydney)
    assert api.send("delete", f"contacts/{contact.public_id}").status_code == 403


def test_a_move_is_made_or_refused_naming_both_stages(api, sydney):
    contact = make_contact(sydney)
    path = f"contacts/{contact.public_id}/move-stage"
    moved = api.post(path, {"stage": "engaged"})
    assert (moved.status_code, moved.json()["current_stage"]) == (200, "engaged")
    refused = api.post(path, {"pipeline": "pre_appointment", "stage": "ready"})
    assert refused.status_code == 409
    assert "lead_to_booking/engaged" in refused.json()["error"]["message"]
    assert "pre_appointment/ready" in refused.json()["error"]["message"]
    assert api.post(path, {"stage": "dead_lost"}).json()["error"]["code"] == "reason_needed"
    assert api.post(path, {"stage": "nowhere"}).status_code == 422
    assert StageChange.objects.count() == 2


@pytest.mark.parametrize("name", ["recalculate-warmness", "warmness"])
def test_a_recalculation_answers_with_the_parts(api, sydney, name):
    contact = make_contact(sydney, source="referral")
    Contact.objects.update(warmness_score=77)
    body = api.post(f"contacts/{contact.public_id}/{name}").json()
    assert (body["success"], body["warmness_score"], body["score"]) == (True, 20, 20)
    assert [part["name"] for part in body["parts"]] == [
        "intent",
        "source",
        "engagement",
        "speed",
        "adjustments",
    ]
    contact.refresh_from_db()
    assert contact.warmness_score == 20


def test_opting_out_and_in_is_recorded_for_the_number(api, sydney):
    owner = make_contact(sydney)
    member = make_member(owner, name="Peter Lee")
    out = api.post(f"contacts/{member.public_id}/opt-out", {"wording": "asked at the desk"})
    assert out.status_code == 200, out.content
    shown = api.get(f"contacts/{owner.public_id}").json()["contact"]["consent"]["sms"]
    assert set(shown.values()) == {"withdrawn"}
    back = api.post(f"contacts/{owner.public_id}/opt-in").json()["consent"]["sms"]
    assert back == {"service": "granted", "care": "granted", "marketing": "withdrawn"}


def test_the_timeline_is_paged(api, sydney):
    contact = make_contact(sydney)
    for _ in range(5):
        log(contact, "ad_click")
    first = api.get(f"contacts/{contact.public_id}/timeline", page_size=4).json()
    assert len(first["results"]) == 4
    second = api.client.get(first["next"]).json()
    assert [row["type"] for row in second["results"]] == ["ad_click", "stage_moved"]
    assert second["next"] is None
    assert api.get(f"contacts/{contact.public_id}/timeline", cursor="nonsense").status_code == 400


def test_the_board_counts_and_shows_who_stands_where(api, sydney, melbourne):
    engaged = make_contact(sydney, name="Engaged")
    services.move_stages([services.StageMove(engaged.pk, "lead_to_booking", "engaged", cause=CAUSE)])
    make_contact(sydney, name="New")
    make_contact(melbourne, name="Elsewhere")
    leads = api.get("pipelines").json()["results"][0]
    assert (leads["name"], leads["count"]) == ("lead_to_booking", 2)
    assert [(s["name"], s["count"]) for s in leads["stages"]][:3] == [
        ("new_lead", 1),
        ("contacted", 0),
        ("engaged", 1),
    ]
    assert set(names(api.get("pipelines/lead_to_booking/contacts"))) == {"Engaged", "New"}
    assert names(api.get("pipelines/lead_to_booking/contacts", stage="engaged")) == ["Engaged"]
    assert api.get("pipelines/moon/contacts").status_code == 404


def test_what_a_search_finds_comes_best_first(api, sydney):
    make_contact(sydney, name="Janet Roe", phone="0498765432")
    make_contact(sydney, name="Jane Doe", phone="0412345678", email="jane@example.com")
    assert names(api.get("contacts/search", q="jane")) == ["Jane Doe", "Janet Roe"]
    assert names(api.get("contacts/search", q="0412 345")) == ["Jane Doe"]
    assert names(api.get("contacts/search", q="JANE@example.com")) == ["Jane Doe"]
    assert names(api.get("contacts/search")) == []


def test_custom_fields_read_as_they_were_written(api, sydney):
    contact = make_contact(sydney)
    fields = {"fund": "Medibank", "visits": 2, "allergies": ["latex"]}
    answer = api.send("patch", f"contacts/{contact.public_id}", {"custom_fields": fields})
    assert answer.json()["custom_fields"] == fields
    assert api.get(f"contacts/{contact.public_id}").json()["contact"]["custom_fields"] == fields
