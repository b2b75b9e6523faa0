"""The rule editor and the pages around it, as plain forms: nothing here needs JavaScript."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

from django.test import Client
from django.urls import reverse

from accounts.models import Location, Membership, User
from automation import services
from automation.models import Rule, RuleDraft
from contacts.models import Contact
from core.clock import Frozen
from tests.automation.conftest import CAUSE
from tests.automation.rule_forms import TAG, Desk, Form, editor, rule_of


def test_a_new_rule_is_built_from_choices_and_published_without_any_json(
    desk: Desk, clinic: Location
) -> None:
    client = desk("manager")
    started = client.post("/admin/rules/new/", {"location": clinic.code, "trigger": "sms_received"})
    form = Form(client, started["Location"])
    form.type("name", "Hot replies")
    form.press("add:c").type("c.0:field", "warmness_score").press("show:c.0")
    form.type("c.0:value", "70").press("group:c").type("c.1.0:field", "current_stage").press("show:c.1.0")
    form.type("c.1.0:value", "contacted").press("add:c.1").type("c.1.1:field", "last_touchpoint_age_seconds")
    form.press("show:c.1.1").type("c.1.1:value", "1.5").type("c.1.1:unit", "hours")
    form.press("card", new_kind="create_task").type("a.0:p.task_type", "call")
    form.type("a.0:p.due_in_seconds", "2").type("a.0:p.due_in_seconds.unit", "hours")
    form.press("publish")
    assert "What it will say" in form.text, form.text
    client.post(form.url, {"mode": "shadow", "seen": re.search(r'name="seen" value="([^"]*)"', form.page)[1]})  # type: ignore[index]
    rule = rule_of("hot_replies")
    assert rule.current is not None
    assert rule.current.conditions == {
        "warmness_score": {"gte": 70},
        "any": [{"current_stage": "contacted"}, {"last_touchpoint_age_seconds": {"gte": 5400}}],
    }
    assert rule.current.actions == [{"type": "create_task", "task_type": "call", "due_in_seconds": 7200}]
    assert rule.mode == Rule.Mode.SHADOW
    assert not RuleDraft.objects.exists()


def test_showing_a_rule_in_the_form_changes_nothing_of_it(desk: Desk) -> None:
    client = desk("manager")
    for rule in Rule.objects.select_related("current"):
        form = editor(client, rule.key)
        assert rule.current is not None
        shown = json.loads(form.fields["json"][0])
        assert shown == {"conditions": rule.current.conditions, "actions": rule.current.actions}, rule.key


def test_an_error_stands_beside_its_field_and_what_was_typed_is_kept(desk: Desk) -> None:
    form = editor(desk("manager"), "a4a").press("add:c").type("c.2:field", "warmness_score").press("show:c.2")
    form.type("c.2:value", "very").press("publish")
    row = form.page[form.page.index('id="c.2"') :]
    assert "needs a number" in row[: row.index("</li>")]
    assert form.fields["c.2:value"] == ["very"]


def test_json_and_form_follow_each_other(desk: Desk) -> None:
    form = editor(desk("manager"), "b6")
    body = {"conditions": {"not": {"is_high_risk": True}}, "actions": [TAG]}
    form.type("json", json.dumps(body)).press("use_json")
    assert (form.fields["c:mode"], form.fields["c.0:field"]) == (["none"], ["is_high_risk"])
    form.type("a.0:p.tag", "other").press("show")
    assert json.loads(form.fields["json"][0])["actions"] == [{"type": "add_tag", "tag": "other"}]
    form.type("json", "{").press("save")
    assert "This is no JSON" in form.text
    assert form.fields["json"][0] == "{"
    form.type("a.0:p.tag", "third").press("save")
    assert "Both the form and the JSON were changed" in form.text
    form.press("use_form")
    assert json.loads(form.fields["json"][0])["actions"][0]["tag"] == "third"


def test_event_fields_are_offered_only_where_the_trigger_gives_them(desk: Desk) -> None:
    client = desk("manager")
    assert 'value="message_intent"' in editor(client, "a2").page
    assert 'value="message_intent"' not in editor(client, "b1").press("add:c").page


def test_parts_are_moved_grouped_and_removed(desk: Desk) -> None:
    form = editor(desk("manager"), "a2").press("down:c.0")
    assert form.fields["c.0:field"] == ["message_intent"]
    form.press("wrap:c.0")
    assert form.fields["c.0:mode"] == ["any"]
    form.press("remove:c.0.1").press("unwrap:c.0").press("move:c.0>c.3")
    assert [form.fields[f"c.{n}:field"][0] for n in range(3)] == [
        "current_stage",
        "current_pipeline",
        "message_intent",
    ]
    form.press("up:a.1").press("double:a.0").press("remove:a.2")
    assert form.fields["a.0:kind"] == form.fields["a.1:kind"] == ["update_pipeline"]
    assert "no longer there" in form.press("remove:c.77").text


def test_an_action_becomes_one_of_another_kind_with_the_fields_of_that(desk: Desk) -> None:
    form = editor(desk("manager"), "b6").type("a.0:kind", "add_tag").press("show:a.0")
    assert "a.0:p.tag" in form.fields
    assert "a.0:p.stage" not in form.fields
    assert json.loads(form.fields["json"][0])["actions"] == [{"type": "add_tag"}]


def test_a_rule_that_sets_itself_off_is_published_only_when_that_was_read(desk: Desk) -> None:
    client = desk("manager")
    form = editor(client, "a5").type("json", json.dumps({"conditions": {}, "actions": [
        {"type": "log_touchpoint", "touchpoint_type": "form_submit"}]})).press("publish")  # fmt: skip
    assert "can set itself off" in form.text
    seen = re.search(r'name="seen" value="([^"]*)"', form.page)[1]  # type: ignore[index]
    refused = client.post(form.url, {"mode": "on", "seen": seen})
    assert refused.status_code == 422
    assert rule_of("a5").current.number == 1  # type: ignore[union-attr]
    client.post(form.url, {"mode": "on", "seen": seen, "read": "circle"})
    assert rule_of("a5").current.number == 2  # type: ignore[union-attr]


def test_who_saves_over_the_draft_of_another_is_told_first(desk: Desk, clinic: Location) -> None:
    mine = editor(desk("manager"), "b6").type("name", "Mine")
    editor(desk("admin"), "b6").type("name", "Theirs").press("save")
    for ending in ("save", "publish"):
        mine.press(ending)
        assert "Somebody else saved this draft meanwhile" in mine.text
        assert RuleDraft.objects.get().wording["name"] == "Theirs"
        assert mine.fields["name"] == ["Mine"]
        mine.fields["seen"] = [""]
    mine.press("save").press("save")
    assert RuleDraft.objects.get().wording["name"] == "Mine"


def test_what_is_published_is_what_was_looked_at(desk: Desk, now: Frozen) -> None:
    form = editor(desk("manager"), "b6").type("name", "Looked at").press("publish")
    seen = re.search(r'name="seen" value="([^"]*)"', form.page)[1]  # type: ignore[index]
    now.advance(timedelta(minutes=1))
    editor(desk("admin"), "b6").type("name", "Other").press("save")
    refused = form.client.post(form.url, {"mode": "on", "seen": seen})
    assert refused.status_code == 422
    assert "The draft was changed meanwhile" in refused.content.decode()
    assert rule_of("b6").name not in ("Looked at", "Other")


def test_a_dry_run_marks_each_condition_with_what_was_seen(desk: Desk, anna: Contact) -> None:
    form = editor(desk("manager"), "a4a").press("try", try_contact="Anna Smith")
    assert "Would not run for Anna Smith" in " ".join(form.text.split())
    assert "✗ does not hold" in form.page
    assert "✓ holds" in form.page


def test_versions_are_compared_and_restored(desk: Desk) -> None:
    client, rule = desk("manager"), rule_of("b6")
    wanted = services.input_of(rule)
    services.save_rule(rule.pk, wanted=replace(wanted, actions=[TAG]), author=None, cause=CAUSE)
    url = reverse("admin:automation_rule_versions", args=[rule.public_id])
    page = client.get(f"{url}?number=1").content.decode()
    assert "add the tag seen" in page
    client.post(reverse("admin:automation_rule_restore", args=[rule.public_id]), {"number": "1"})
    assert rule_of("b6").current.actions == wanted.actions  # type: ignore[union-attr]


def test_rules_travel_by_file_after_a_plan(desk: Desk, clinic: Location) -> None:
    client = desk("manager")
    body = json.loads(client.get("/admin/rules/export/").content)
    body["rules"] = [row for row in body["rules"] if row["key"] in ("b6", "b7")]
    body["rules"][0]["actions"] = [TAG]
    body["rules"].append({**body["rules"][1], "key": "own", "name": "Own"})
    text = json.dumps(body)
    page = client.post("/admin/rules/import/", {"text": text, "do": "plan"}).content.decode()
    assert 'value="b6"' in page
    assert 'value="b7"' not in page
    assert rule_of("b6").current.number == 1  # type: ignore[union-attr]
    client.post("/admin/rules/import/", {"text": text, "do": "apply", "key": ["b6", "own"]})
    assert rule_of("b6").current.actions == [TAG]  # type: ignore[union-attr]
    assert rule_of("own").mode == Rule.Mode.OFF
    assert client.post("/admin/rules/import/", {"text": "{}", "do": "plan"}).status_code == 422


def test_who_may_only_read_sees_the_sentence_and_no_button(desk: Desk) -> None:
    rule = rule_of("b6")
    url = reverse("admin:automation_rule_edit", args=[rule.public_id])
    for role in ("staff", "readonly"):
        client = desk(role)
        page = client.get(url).content.decode()
        assert "A message has been sent, if" in unescape(page)
        assert 'name="do"' not in page
        assert "Switch off" not in page
        assert client.post(url, {"do": "save"}).status_code == 403
        assert (
            client.post(
                reverse("admin:automation_rule_mode", args=[rule.public_id]), {"mode": "off"}
            ).status_code
            == 403
        )
        assert "A lead comes in" in client.get("/admin/rules/").content.decode()


def test_rules_of_another_clinic_are_not_there(desk: Desk, clinic: Location) -> None:
    other = Location.objects.create(name="Elsewhere", code="elsewhere")
    user = User.objects.create_user("m@elsewhere.test", name="M")
    Membership.objects.create(user=user, location=other, role="manager")
    client = Client()
    client.force_login(user)
    pk = rule_of("b6").public_id
    for page in ("edit", "edit_publish", "versions", "figures"):
        assert client.get(reverse(f"admin:automation_rule_{page}", args=[pk])).status_code == 404
    assert client.post(reverse("admin:automation_rule_mode", args=[pk]), {"mode": "off"}).status_code == 404


def test_the_buttons_of_a_rule_switch_duplicate_and_restore_it(desk: Desk) -> None:
    client, rule = desk("manager"), rule_of("b6")
    client.post(reverse("admin:automation_rule_mode", args=[rule.public_id]), {"mode": "shadow"})
    assert rule_of("b6").mode == Rule.Mode.SHADOW
    client.post(reverse("admin:automation_rule_duplicate", args=[rule.public_id]))
    assert RuleDraft.objects.get().wording["name"] == f"Copy of {rule.name}"
    wanted = services.input_of(rule)
    services.save_rule(rule.pk, wanted=replace(wanted, actions=[TAG]), author=None, cause=CAUSE)
    client.post(reverse("admin:automation_rule_restore_delivered", args=[rule.public_id]))
    assert rule_of("b6").current.is_seed  # type: ignore[union-attr]
    assert client.get(reverse("admin:automation_rule_figures", args=[rule.public_id])).status_code == 200
