"""Rules, runs, events and "why?" through the API and the admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Location, Membership, User
from automation import selectors, services
from automation.models import ActionRun, Rule, RuleRun
from contacts import services as contact_services
from contacts.models import Contact
from core import explain
from core.clock import Frozen
from core.models import Event, Work
from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, drain, fresh, happen
from tests.factories.contacts import make_contact

TAG = {"type": "add_tag", "tag": "seen"}


def member(location: Location, role: str) -> User:
    user = User.objects.create_user(f"{role}@{location.code}.test", name=role.title())
    Membership.objects.create(user=user, location=location, role=role)
    return user


@pytest.fixture
def api(clinic: Location) -> Callable[[str], APIClient]:
    def sign_in(role: str) -> APIClient:
        client = APIClient()
        client.force_authenticate(member(clinic, role))
        return client

    return sign_in


@pytest.fixture
def elsewhere(clinic: Location) -> APIClient:
    other = Location.objects.create(
        name="Elsewhere", code="elsewhere", automation_mode="live", live_since=NOW
    )
    client = APIClient()
    client.force_authenticate(member(other, "manager"))
    return client


@pytest.fixture
def lead(clinic: Location) -> Contact:
    contact = make_contact(clinic, name="Lee Lead", source="referral", intent="procedure", is_lead=True)
    drain()
    return contact


def rule_of(clinic: Location, key: str) -> Rule:
    return Rule.objects.get(location=clinic, key=key)


# API


def test_rules_are_listed_in_plain_words(api: Callable[[str], APIClient], clinic: Location) -> None:
    answer = api("staff").get("/api/rules?page_size=200").json()
    found = {row["key"]: row for row in answer["results"]}
    assert {"a1", "b2", "e1"} <= set(found)
    assert found["b6"]["sentence"].startswith("A message has been sent, if")
    assert found["b6"]["actions"] == [
        {"type": "update_pipeline", "pipeline": "pre_appointment", "stage": "reminded"}
    ]
    assert (found["b6"]["version"], found["b6"]["is_edited"]) == (1, False)
    assert found["b6"]["id"] == str(rule_of(clinic, "b6").public_id)


def test_the_list_of_rules_costs_the_same_for_few_and_many(api: Callable[[str], APIClient]) -> None:
    client = api("staff")

    def cost(size: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/api/rules?page_size={size}").status_code == 200
        return len(captured)

    cost(1)  # The person's grants are looked up once.
    assert cost(2) == cost(15)


def test_a_manager_writes_changes_and_switches_off_a_rule(
    api: Callable[[str], APIClient], clinic: Location, anna: Contact
) -> None:
    client = api("manager")
    body = {"key": "mine", "name": "Mine", "trigger": "contact_updated", "actions": [TAG], "priority": 7}
    made = client.post("/api/rules", body, format="json")
    assert made.status_code == 201, made.content
    path = f"/api/rules/{made.json()['id']}"
    assert (made.json()["priority"], made.json()["conditions"], made.json()["is_seeded"]) == (7, {}, False)

    changed = client.patch(path, {"conditions": {"is_high_risk": True}}, format="json")
    assert changed.status_code == 200, changed.content
    assert (changed.json()["version"], changed.json()["priority"]) == (2, 7)
    assert Rule.objects.get(key="mine").current.author.email == "manager@sydney.test"
    assert client.patch(path, {"name": "Renamed"}, format="json").json()["version"] == 2

    assert client.delete(path).status_code == 204
    assert client.get(path).json()["is_active"] is False
    contact_services.update_contact(contact_id=anna.pk, fields={"is_high_risk": True}, cause=CAUSE)
    drain()
    assert fresh(anna).tags == []


def test_a_wrong_rule_is_refused_with_the_path(api: Callable[[str], APIClient]) -> None:
    body = {
        "key": "mine", "name": "Mine", "trigger": "sms_received",
        "conditions": {"warmnes": 1},
        "actions": [{"type": "send_sms", "template": "welcome_lead", "delay_seconds": -1}],
    }  # fmt: skip
    answer = api("manager").post("/api/rules", body, format="json")
    assert answer.status_code == 422
    assert set(answer.json()["error"]["fields"]) == {"conditions.warmnes", "actions[0].delay_seconds"}
    assert not Rule.objects.filter(key="mine").exists()


@pytest.mark.parametrize("role", ["staff", "readonly"])
def test_only_who_may_change_settings_changes_rules(
    api: Callable[[str], APIClient], clinic: Location, role: str
) -> None:
    client, rule = api(role), rule_of(clinic, "a1")
    path = f"/api/rules/{rule.public_id}"
    body = {"key": "mine", "name": "Mine", "trigger": "lead_created", "actions": [TAG]}
    assert client.post("/api/rules", body, format="json").status_code == 403
    assert client.patch(path, {"name": "x"}, format="json").status_code == 403
    assert client.delete(path).status_code == 403
    assert client.post(f"{path}/restore").status_code == 403
    assert client.get(path).status_code == 200


def test_another_clinics_rules_runs_and_events_do_not_exist(
    elsewhere: APIClient, clinic: Location, lead: Contact, api: Callable[[str], APIClient]
) -> None:
    rule, run = rule_of(clinic, "a1"), RuleRun.objects.filter(contact=lead).latest("pk")
    event = Event.objects.filter(contact_id=lead.pk).latest("pk")
    insider = api("staff")
    for path in (
        f"rules/{rule.public_id}", f"runs/{run.public_id}", f"events/{event.public_id}",
        f"contacts/{lead.public_id}/why",
    ):  # fmt: skip
        assert elsewhere.get(f"/api/{path}").status_code == 404
        assert insider.get(f"/api/{path}").status_code == 200
    for name in ("rules", "runs", "events"):
        assert elsewhere.get(f"/api/{name}").json()["results"] == []
    assert elsewhere.patch(f"/api/rules/{rule.public_id}", {"name": "x"}, format="json").status_code == 404


def test_restoring_brings_back_the_delivered_wording(
    api: Callable[[str], APIClient], clinic: Location
) -> None:
    client, rule = api("manager"), rule_of(clinic, "b6")
    path = f"/api/rules/{rule.public_id}"
    assert client.patch(path, {"actions": [TAG]}, format="json").json()["is_edited"] is True
    restored = client.post(f"{path}/restore").json()
    assert (restored["version"], restored["is_edited"]) == (3, False)
    assert restored["actions"][0]["type"] == "update_pipeline"


def counts() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (RuleRun, ActionRun, Task, Message, Event, Work))


def test_a_dry_run_says_what_would_happen_and_writes_nothing(
    api: Callable[[str], APIClient], clinic: Location, anna: Contact
) -> None:
    client, rule = api("staff"), rule_of(clinic, "a1")
    drain()
    before = counts()
    answer = client.post(
        f"/api/rules/{rule.public_id}/dry-run", {"contact_id": str(anna.public_id)}, format="json"
    )
    assert answer.status_code == 200, answer.content
    seen = answer.json()
    assert (seen["matched"], seen["outcome"]) == (True, "matched")
    assert "has not happened yet" in seen["basis"]
    turns = [(step["type"], step["turn"]) for step in seen["actions"]]
    assert turns[:4] == [
        ("calculate_warmness", "do"), ("send_sms", "do"), ("create_task", "skip"), ("create_task", "skip"),
    ]  # fmt: skip
    followup = seen["actions"][4]
    assert followup["intent"]["type"] == "sms_followup"
    assert "contact_id" not in followup["intent"]
    assert "at least 70 (it is" in seen["actions"][2]["reason"]
    assert counts() == before


def test_a_dry_run_needs_a_contact_of_the_rules_clinic(
    api: Callable[[str], APIClient], clinic: Location, elsewhere: APIClient
) -> None:
    stranger = make_contact(Location.objects.get(code="elsewhere"))
    path = f"/api/rules/{rule_of(clinic, 'a1').public_id}/dry-run"
    client = api("manager")
    assert client.post(path, {"contact_id": str(stranger.public_id)}, format="json").status_code == 422
    assert client.post(path, {}, format="json").status_code == 422


def test_runs_tell_what_they_saw_and_did(api: Callable[[str], APIClient], lead: Contact) -> None:
    answer = api("staff").get(f"/api/runs?contact={lead.public_id}&key=a1").json()
    [run] = answer["results"]
    assert run["rule"]["name"] == "Lead created"
    assert (run["state"], run["version"], run["depth"], run["reason"]) == ("done", 1, 1, "Runs every time.")
    assert run["facts"]["source"] == "referral"
    assert [step["step"] for step in run["actions"]] == [1, 2, 3, 4, 5, 6, 7]
    event = Event.objects.get(type="lead_created", contact_id=lead.pk)
    assert run["event"] == str(event.public_id)
    assert run["contact"] == str(lead.public_id)


def test_runs_cost_the_same_for_few_and_many(api: Callable[[str], APIClient], clinic: Location) -> None:
    for _ in range(6):
        make_contact(clinic, is_lead=True)
    drain()
    client = api("staff")

    def cost(size: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(client.get(f"/api/runs?page_size={size}&key=a1").json()["results"]) == size
        return len(captured)

    cost(1)  # The person's grants are looked up once.
    assert cost(1) == cost(6)


def test_events_speak_in_public_ids(api: Callable[[str], APIClient], lead: Contact, clinic: Location) -> None:
    answer = api("staff").get(f"/api/events?type=stage_moved&contact={lead.public_id}").json()
    assert answer["results"] == []
    [event] = api_events(api, lead)
    assert (event["contact"], event["location"]) == (str(lead.public_id), str(clinic.public_id))
    assert (event["cause"]["kind"], event["depth"], event["data"]) == ("system", 0, {"source": "referral"})


def api_events(api: Callable[[str], APIClient], contact: Contact) -> list[dict[str, Any]]:
    client = APIClient()
    client.force_authenticate(User.objects.filter(memberships__role="staff").first())
    return client.get(f"/api/events?type=lead_created&contact={contact.public_id}").json()["results"]


def test_why_and_why_not(api: Callable[[str], APIClient], lead: Contact, clinic: Location) -> None:
    client = api("staff")
    path = f"/api/contacts/{lead.public_id}/why"
    before = counts()
    answer = client.get(path).json()
    assert {run["rule"]["key"] for run in answer["runs"]} >= {"a1"}
    would = {item["rule"]["key"]: item for item in answer["why_not"]}
    assert set(would) == set(Rule.objects.filter(location=clinic).values_list("key", flat=True))
    assert would["b5"]["matched"] is False
    assert "the pipeline is Before the visit (it is lead_to_booking)" in would["b5"]["reason"]
    assert "the clock looked" in would["b5"]["basis"]
    assert "the last time" in would["a1"]["basis"]
    one = client.get(f"{path}?rule=b5").json()
    assert [item["rule"]["key"] for item in one["why_not"]] == ["b5"]
    assert one["runs"] == []
    assert client.get(f"{path}?rule=zzz").status_code == 404
    assert counts() == before


def test_why_not_costs_the_same_for_one_rule_and_all(
    lead: Contact, clinic: Location, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8):
        assert len(selectors.why_not(lead)) == Rule.objects.filter(location=clinic).count()


def test_why_not_names_what_stands_in_the_way_besides_conditions(clinic: Location, lead: Contact) -> None:
    rule = rule_of(clinic, "a1")
    services.set_active(rule.pk, active=False, cause=CAUSE)
    rule.refresh_from_db()
    seen = selectors.preview(lead, rule)
    assert not seen.matched
    assert seen.reason.startswith("The rule is switched off.")
    Location.objects.filter(pk=clinic.pk).update(automation_mode="off")
    off = selectors.preview(Contact.objects.get(pk=lead.pk), rule_of(clinic, "a1"))
    assert "Automation is switched off at this clinic." in off.reason


def test_the_vocabulary_of_rules_can_be_asked_for(api: Callable[[str], APIClient]) -> None:
    words = api("readonly").get("/api/rules/vocabulary").json()
    assert {"sms_received", "cron_check"} <= {trigger["name"] for trigger in words["triggers"]}
    stage = next(field for field in words["fields"] if field["name"] == "current_stage")
    assert stage["choices"]["engaged"] == "Engaged"
    assert words["actions"]["type"] == "array"


def test_an_event_explains_itself(lead: Contact) -> None:
    event = Event.objects.get(type="lead_created", contact_id=lead.pk)
    text = "\n".join(explain.explain(event))
    assert "automation: a1 version 1: done. Runs every time." in text
    assert "2. send_sms: done" in text


# Admin


def test_the_rule_pages_open(desk: Callable[[str], Client], clinic: Location, lead: Contact) -> None:
    client, rule = desk("manager"), rule_of(clinic, "a1")
    page = client.get("/admin/automation/rule/", follow=True)
    assert page.status_code == 200
    assert "A lead comes in: work out the warmness" in page.content.decode()
    page = client.get(f"/admin/automation/rule/{rule.public_id}/change/", follow=True)
    assert page.status_code == 200
    assert "Switch off" in page.content.decode()
    run = RuleRun.objects.filter(rule=rule).latest("pk")
    step = run.actions.first()
    for path in (
        "rulerun/", f"rulerun/{run.public_id}/change/", "actionrun/", f"actionrun/{step.public_id}/change/",
        "factsnapshot/", f"factsnapshot/{run.facts_id}/change/",
    ):  # fmt: skip
        assert client.get(f"/admin/automation/{path}").status_code == 200, path


def press(client: Client, model: str, row: Any, button: str, **data: Any) -> str:
    path = f"/admin/automation/{model}/{row.public_id}/{button}/"
    opened = client.get(path)
    assert opened.status_code == 200, (path, opened.status_code)
    hidden = {"_form_submitted": "1", **data}
    answer = client.post(path, hidden, follow=True)
    return answer.content.decode()


def test_a_failed_step_can_be_tried_again_from_the_admin(
    desk: Callable[[str], Client], lead: Contact
) -> None:
    client = desk("manager")
    row = ActionRun.objects.filter(run__contact=lead, type="create_task", state="done").first()
    assert row is not None
    ActionRun.objects.filter(pk=row.pk).update(state="failed")
    assert "It is in line again." in press(client, "actionrun", row, "retry")
    drain()
    assert fresh(row).state == "done"


def test_the_contact_page_answers_why_and_why_not(desk: Callable[[str], Client], lead: Contact) -> None:
    page = desk("staff").get(f"/admin/contacts/contact/{lead.public_id}/panel/why/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "Lead created" in text
    assert "Runs every time." in text
    assert "would not run" in text


def test_what_rules_noticed_stands_on_the_start_page_for_a_day(
    desk: Callable[[str], Client], clinic: Location, anna: Contact, now: Frozen
) -> None:
    failed = {"receipt": "x", "provider": "wix", "reason": "unreadable"}
    for _ in range(3):
        happen("webhook_failed", None, location_id=clinic.pk, data=failed)
    happen("booking_outcome_missing", anna)
    drain()
    client = desk("staff")
    text = client.get("/admin/").content.decode()
    assert "A delivery from a provider could not be applied. Look at the parked deliveries. (3 times)" in text
    assert "A visit is over and has no outcome yet." in text
    assert "Anna Smith" in text
    now.advance(timedelta(hours=24))
    assert "What the rules noticed" not in client.get("/admin/").content.decode()
