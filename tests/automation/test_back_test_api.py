"""Rules tried on the past, over HTTP and from the command line; played on what really happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Location, Membership, PermissionOverride, User
from automation.backtest_models import BackTest
from automation.models import Rule
from contacts.models import Contact
from core.clock import Frozen
from core.models import Event
from messaging.models import Message
from tests.automation.conftest import drain, happen
from tests.factories.contacts import make_contact

TAG = {"type": "add_tag", "tag": "seen"}
OWN = {"type": "send_sms", "message": "Hello {first_name}"}

Api = Callable[..., Any]


@pytest.fixture
def rule(write_rule: Callable[..., Rule]) -> Rule:
    return write_rule([TAG], trigger="lead_created", key="tagged")


@pytest.fixture
def leads(bare: Location, rule: Rule, now: Frozen) -> list[Contact]:
    """Three leads that came in an hour ago, which the rule has met."""
    found = [make_contact(bare, name=f"Lead {n}", phone=f"+61412000{n:03}") for n in range(3)]
    for contact in found:
        happen("lead_created", contact, data={"source": "wix"})
    drain()
    now.advance(timedelta(hours=1))
    return found


@pytest.fixture
def api(bare: Location) -> Api:
    """`api(role, method, path, body)` as somebody of the clinic, or of `at`."""
    clients: dict[tuple[str, str], Client] = {}

    def call(role: str, method: str, path: str, body: Any = None, *, at: Location | None = None) -> Any:
        place = at or bare
        if (role, place.code) not in clients:
            user = User.objects.create_user(f"{role}@{place.code}.test", name=role.title())
            Membership.objects.create(user=user, location=place, role=role)
            clients[role, place.code] = Client()
            clients[role, place.code].force_login(user)
        data = json.dumps(body) if body is not None else ""
        path = path if path.startswith("http") else f"/api/{path}"
        return clients[role, place.code].generic(method, path, data, content_type="application/json")

    return call


def test_a_try_is_asked_for_watched_and_read(api: Api, rule: Rule, leads: list[Contact]) -> None:
    asked = api(
        "manager", "POST", f"rules/{rule.public_id}/back-test", {"wording": {"actions": [OWN]}, "days": 30}
    )
    assert asked.status_code == 202
    body = asked.json()
    assert (body["state"], body["days"], body["rule"]) == ("waiting", 30, str(rule.public_id))
    assert asked["Location"] == body["address"]
    assert body["address"].endswith(f"/api/back-tests/{body['id']}")
    drain()
    found = api("manager", "GET", body["address"]).json()
    assert (found["state"], found["progress"]["done"]) == ("done", found["progress"]["all"])
    assert found["figures"]["draft"]["texts"]["a text of its own"]["count"] == 3
    assert found["figures"]["diff"] == {"draft": 0, "live": 0, "both": 3, "changed": 3}
    assert found["not_compared"] is None
    assert not Message.objects.exists()


def test_its_occasions_are_paged(api: Api, rule: Rule, leads: list[Contact]) -> None:
    asked = api(
        "manager", "POST", f"rules/{rule.public_id}/back-test", {"wording": {"actions": [OWN]}}
    ).json()
    drain()
    first = api("manager", "GET", f"{asked['hits']}?page_size=2").json()
    rest = api("manager", "GET", first["next"]).json()
    hits = [*first["results"], *rest["results"]]
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)
    assert {hit["contact"] for hit in hits} == {str(lead.public_id) for lead in leads}
    assert {hit["by"] for hit in hits} == {"both"}
    assert hits[0]["steps"][0]["does"] == 'text "Hello {first_name}"'
    assert hits[0]["live_steps"][0]["does"] == "add the tag seen"


def test_without_a_wording_the_rule_is_tried_as_it_is(api: Api, rule: Rule) -> None:
    body = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    assert (body["days"], body["live"]) == (90, None)
    assert body["not_compared"].startswith("It is what the rule says now")


@pytest.mark.parametrize("nothing", [None, [], "", False])
def test_a_part_left_empty_is_as_the_rule_holds_it_empty(api: Api, rule: Rule, nothing: Any) -> None:
    wording = {"every": nothing, "anchor": nothing}
    body = api("manager", "POST", f"rules/{rule.public_id}/back-test", {"wording": wording}).json()
    assert (body["live"], body["wording"]["every"], body["wording"]["anchor"]) == (None, "", "")
    assert body["not_compared"].startswith("It is what the rule says now")


def test_a_value_that_cannot_be_stored_is_refused(api: Api, rule: Rule) -> None:
    for wording in ({"name": "A\x00B"}, {"actions": [{"type": "add_tag", "tag": "A\x00B"}]}):
        answer = api("manager", "POST", f"rules/{rule.public_id}/back-test", {"wording": wording})
        assert answer.status_code == 422, answer.content


def test_it_is_stopped_once(api: Api, rule: Rule) -> None:
    body = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    for _ in range(2):
        answer = api("manager", "POST", f"back-tests/{body['id']}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    again = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    drain()
    answer = api("manager", "POST", f"back-tests/{again['id']}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ended")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"wording": {"actions": []}}, "wording.actions"),
        ({"wording": {"actions": [{"type": "send_sms", "template": "none"}]}}, "wording.actions[0].template"),
        ({"wording": {"conditions": {"no_such": 1}}}, "wording.conditions.no_such"),
        ({"wording": {"conditions": 7}}, "wording.conditions"),
        ({"wording": {"actions": "all"}}, "wording.actions"),
        ({"wording": {"trigger": "nothing"}}, "wording.trigger"),
        ({"wording": {"priority": "high"}}, "wording.priority"),
        ({"wording": {"every": ["daily"]}}, "wording.every"),
        ({"wording": {"every": "daily" * 10}}, "wording.every"),
        ({"wording": {"anchor": {"of": "day"}}}, "wording.anchor"),
        ({"wording": {"name": ["x"]}}, "wording.name"),
        ({"wording": {"name": "x" * 100_000}}, "wording.name"),
        ({"wording": {"trigger": 5}}, "wording.trigger"),
        ({"wording": {"colour": "red"}}, "wording.colour"),
        ({"wording": "all"}, "wording"),
        ({"days": 0}, "days"),
        ({"days": 91}, "days"),
        ({"days": "many"}, "days"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(api: Api, rule: Rule, body: Any, field: str) -> None:
    answer = api("manager", "POST", f"rules/{rule.public_id}/back-test", body)
    assert answer.status_code == 422, answer.content
    assert field in answer.json()["error"]["fields"], answer.json()
    assert not BackTest.objects.exists()


@pytest.mark.parametrize("role", ["staff", "readonly"])
def test_who_may_not_change_rules_may_not_try_them(api: Api, rule: Rule, role: str) -> None:
    made = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    assert api(role, "POST", f"rules/{rule.public_id}/back-test", {}).status_code == 403
    for path in ("back-tests", f"back-tests/{made['id']}", f"back-tests/{made['id']}/hits"):
        assert api(role, "GET", path).status_code == 403, path
    assert api(role, "POST", f"back-tests/{made['id']}/cancel").status_code == 403


def test_another_clinic_s_is_not_there(api: Api, rule: Rule) -> None:
    other = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
    made = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    assert api("manager", "POST", f"rules/{rule.public_id}/back-test", {}, at=other).status_code == 404
    for path in (f"back-tests/{made['id']}", f"back-tests/{made['id']}/hits"):
        assert api("manager", "GET", path, at=other).status_code == 404, path
    assert api("manager", "POST", f"back-tests/{made['id']}/cancel", at=other).status_code == 404
    assert api("manager", "GET", "back-tests", at=other).json()["results"] == []
    assert len(api("manager", "GET", f"back-tests?rule={rule.public_id}").json()["results"]) == 1


def test_people_one_may_not_see_are_left_out_of_the_occasions(
    api: Api, rule: Rule, leads: list[Contact]
) -> None:
    made = api("manager", "POST", f"rules/{rule.public_id}/back-test", {}).json()
    drain()
    user = User.objects.get(email="manager@sydney.test")
    PermissionOverride.objects.create(user=user, resource="contacts", action="read", allow=False)
    assert api("manager", "GET", made["hits"]).json()["results"] == []


# The command line


def test_the_command_plays_it_without_a_worker_and_prints_the_figures(
    rule: Rule, leads: list[Contact], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wording.json"
    file.write_text(json.dumps({"actions": [OWN]}))
    call_command("back_test", "tagged", "--location", "sydney", "--file", str(file), "--days", "7")
    said = " ".join(capsys.readouterr().out.split())
    assert 'A lead comes in: text "Hello {first_name}".' in said
    assert "Texts 3 0" in said
    assert "Cost of the texts, estimated AUD 0.24 AUD 0.00" in said
    assert "3 Either way, but something else would be done" in said
    assert BackTest.objects.get().state == "done"
    drain()  # A worker that comes later finds every part played.
    assert BackTest.objects.get().figures["draft"]["fired"] == 3
    assert Event.objects.filter(type="back_test_ended").count() == 1


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (["none", "--location", "sydney"], None, "has no rule 'none'"),
        (["tagged", "--location", "nowhere"], None, "has no rule 'tagged'"),
        (["tagged", "--location", "sydney", "--days", "91"], None, "days"),
        (["tagged", "--location", "sydney"], "{", "is no JSON"),
        (["tagged", "--location", "sydney"], "[]", "give an object"),
        (["tagged", "--location", "sydney"], '{"colour": 1}', "not colour"),
        (["tagged", "--location", "sydney"], '{"actions": []}', "actions: give at least one action"),
        (["tagged", "--location", "sydney"], '{"key": 5}', "key: this must be a text"),
        (["tagged", "--location", "sydney"], '{"priority": NaN}', "NaN is no number"),
        (
            ["tagged", "--location", "sydney"],
            '{"conditions": {"warmness": 1e999}}',
            "warmness|cannot be stored",
        ),
        (["tagged", "--location", "sydney"], '{"name": "A\\u0000B"}', "cannot be stored"),
        (["tagged", "--location", "sydney"], '{"name": "A\\ud800B"}', "cannot be stored"),
    ],
)
def test_the_command_says_what_is_wrong(
    rule: Rule, tmp_path: Path, arguments: list[str], text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "wording.json").write_text(text)
        arguments = [*arguments, "--file", str(tmp_path / "wording.json")]
    with pytest.raises(CommandError, match=said):
        call_command("back_test", *arguments)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("back_test", "tagged", "--location", "sydney", "--file", str(tmp_path / "none.json"))
