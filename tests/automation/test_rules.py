"""Writing, versioning, switching and restoring rules; what is refused, by path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Location
from automation import facts, rulebook, seeds, selectors, services
from automation.actions import TaskType
from automation.models import Rule, RuleVersion
from automation.services import RuleInput
from contacts.vocabulary import TouchpointType
from core.errors import Conflict, Invalid
from core.models import Event
from messaging import wordings
from messaging.seed_texts import BY_NAME
from tasks.models import Task
from tests.automation.conftest import CAUSE

WriteRule = Callable[..., Rule]
TAG = {"type": "add_tag", "tag": "seen"}


def refused(location: Location, **fields: Any) -> dict[str, list[str]]:
    given = {"name": "A rule", "trigger": "sms_received", "conditions": {}, "actions": [TAG], **fields}
    with pytest.raises(Invalid) as caught:
        services.check(location, RuleInput(**given))
    where, what = next(iter(caught.value.fields.items()))
    assert caught.value.message == f"{where}: {what[0]}"
    return caught.value.fields


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"name": "  "}, "name", "give the rule a name"),
        ({"actions": []}, "actions", "at least one action"),
        ({"priority": -1}, "priority", "from 0 to 10000"),
        ({"priority": 10_001}, "priority", "from 0 to 10000"),
        ({"trigger": "fly"}, "trigger", "no such trigger"),
        ({"every": "hourly"}, "every", "only a rule that runs by the clock"),
        ({"anchor": "day"}, "every", "only a rule that runs by the clock"),
        ({"trigger": "cron_check", "anchor": "day"}, "every", "hourly or daily"),
        ({"trigger": "cron_check", "every": "daily"}, "anchor", "acts on once"),
        ({"conditions": {"warmnes": 5}}, "conditions.warmnes", "Did you mean"),
        ({"conditions": {"current_stage": "boked"}}, "conditions.current_stage", "no value of"),
        ({"conditions": {"template": "x"}}, "conditions.template", "not carried by the trigger"),
        (
            {"trigger": "cron_check", "every": "daily", "anchor": "day", "conditions": {"message_body": "x"}},
            "conditions.message_body",
            "only an event carries it",
        ),
        (
            {"trigger": "webhook_failed", "conditions": {"warmness": 5}},
            "conditions.warmness",
            "a field of a contact",
        ),
        (
            {"actions": [{**TAG, "conditions": {"any": [{"tags": 5}]}}]},
            "actions[0].conditions.any[0].tags",
            "needs a list",
        ),
        ({"actions": [TAG, {"type": "fly"}]}, "actions[1]", "fly"),
        (
            {"actions": [{"type": "send_sms", "template": "nope"}]},
            "actions[0].template",
            "no template 'nope'",
        ),
        (
            {
                "actions": [
                    {"type": "schedule_reminders", "offsets": [5, 6], "templates": ["reminder_2hr", "nope"]}
                ]
            },
            "actions[0].templates[1]",
            "no template 'nope'",
        ),
        (
            {"actions": [TAG, {"type": "send_sms", "message": "{clinic}: your biopsy is back"}]},
            "actions[1].message",
            "about health",
        ),
        ({"actions": [{"type": "update_pipeline", "stage": "nope"}]}, "actions[0].stage", "no stage 'nope'"),
        (
            {"actions": [{"type": "update_pipeline", "pipeline": "nope", "stage": "engaged"}]},
            "actions[0].pipeline",
            "no pipeline 'nope'",
        ),
        (
            {"actions": [{"type": "update_pipeline", "pipeline": "pre_appointment", "stage": "engaged"}]},
            "actions[0].stage",
            "no stage 'engaged'",
        ),
        (
            {"actions": [{"type": "log_touchpoint", "touchpoint_type": "nope"}]},
            "actions[0].touchpoint_type",
            "no touchpoint 'nope'",
        ),
    ],
)
def test_a_wrong_rule_is_refused_by_path(
    bare: Location, fields: dict[str, Any], path: str, words: str
) -> None:
    found = refused(bare, **fields)
    assert words in found[path][0]


def test_everything_that_is_wrong_is_said_at_once(bare: Location) -> None:
    found = refused(
        bare, name="", conditions={"x": 1}, actions=[{**TAG, "conditions": {"y": 1}}, {"type": "fly"}]
    )
    assert {"name", "conditions.x", "actions[1]"} <= set(found)


def test_a_changed_wording_is_a_new_version_and_other_changes_are_not(
    bare: Location, write_rule: WriteRule
) -> None:
    rule = write_rule([TAG])
    wanted = services.input_of(rule)
    services.save_rule(rule.pk, wanted=replace(wanted, name="Other", priority=5), author=None, cause=CAUSE)
    assert rule.versions.count() == 1
    services.save_rule(
        rule.pk, wanted=replace(wanted, conditions={"is_high_risk": True}), author=None, cause=CAUSE
    )
    services.save_rule(
        rule.pk, wanted=replace(wanted, conditions={"is_high_risk": True}), author=None, cause=CAUSE
    )
    rule = Rule.objects.get(pk=rule.pk)
    assert list(rule.versions.values_list("number", flat=True)) == [2, 1]
    assert rule.current is not None
    assert (rule.current.number, rule.current.conditions) == (2, {"is_high_risk": True})
    told = Event.objects.filter(type="rule_changed").order_by("pk").values_list("data__version", flat=True)
    assert list(told) == [1, 1, 2]


def test_versions_cannot_be_changed(bare: Location, write_rule: WriteRule) -> None:
    rule = write_rule([TAG])
    for sql in ("UPDATE automation_ruleversion SET number = 9", "DELETE FROM automation_ruleversion"):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert rule.versions.get().number == 1


def test_an_earlier_version_comes_back_as_a_new_one(bare: Location, write_rule: WriteRule) -> None:
    rule = write_rule([TAG])
    wanted = services.input_of(rule)
    services.save_rule(
        rule.pk, wanted=replace(wanted, actions=[{"type": "calculate_warmness"}]), author=None, cause=CAUSE
    )
    back = services.restore_version(rule.pk, number=1, author=None, cause=CAUSE)
    assert back.current is not None
    assert (back.current.number, back.current.actions) == (3, [TAG])
    with pytest.raises(Invalid, match="no version 9"):
        services.restore_version(rule.pk, number=9, author=None, cause=CAUSE)


def test_a_rules_short_name_is_its_own(bare: Location, write_rule: WriteRule) -> None:
    write_rule([TAG], key="mine")
    with pytest.raises(Conflict, match="mine"):
        write_rule([TAG], key="mine")


def test_switching_tells_only_when_it_changes_something(bare: Location, write_rule: WriteRule) -> None:
    rule = write_rule([TAG])
    Event.objects.filter(type="rule_changed").count()
    for active in (True, False, False):
        services.set_active(rule.pk, active=active, cause=CAUSE)
    assert Event.objects.filter(type="rule_changed").count() == 2
    assert not Rule.objects.get(pk=rule.pk).is_active


# Delivered rules


def test_seeding_twice_adds_nothing_and_every_location_has_its_own(clinic: Location) -> None:
    other = Location.objects.create(name="Melbourne", code="melbourne")
    wordings.add_missing(other.pk)
    seeds.seed(demo=False)
    seeds.seed(demo=True)
    for location in (clinic, other):
        assert set(Rule.objects.filter(location=location).values_list("key", flat=True)) == set(seeds.packs())
    assert RuleVersion.objects.count() == 2 * len(seeds.packs())


def test_seeding_leaves_edited_rules_alone_and_freshens_untouched_ones(
    clinic: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited, untouched = (Rule.objects.get(location=clinic, key=key) for key in ("b6", "b7"))
    services.save_rule(
        edited.pk, wanted=replace(services.input_of(edited), actions=[TAG]), author=None, cause=CAUSE
    )
    services.set_active(untouched.pk, active=False, cause=CAUSE)
    newer = {
        **seeds.packs(),
        **{key: {**seeds.packs()[key], "actions": [{"type": "calculate_warmness"}]} for key in ("b6", "b7")},
    }
    monkeypatch.setattr(seeds, "packs", lambda: newer)
    seeds.seed(demo=False)
    edited, untouched = (Rule.objects.get(pk=rule.pk) for rule in (edited, untouched))
    assert edited.current is not None
    assert untouched.current is not None
    assert edited.current.actions == [TAG]
    assert untouched.current.actions == [{"type": "calculate_warmness"}]
    assert untouched.current.is_seed
    assert not untouched.is_active


def test_a_delivered_rule_can_be_restored_and_another_cannot(clinic: Location, write_rule: WriteRule) -> None:
    rule = Rule.objects.get(location=clinic, key="a1")
    services.save_rule(
        rule.pk, wanted=replace(services.input_of(rule), name="Mine", actions=[TAG]), author=None, cause=CAUSE
    )
    services.set_active(rule.pk, active=False, cause=CAUSE)
    restored = seeds.restore_rule(rule.pk, author=None, cause=CAUSE)
    assert restored.current is not None
    assert (restored.name, restored.is_active) == ("Lead created", False)
    assert restored.current.actions == seeds.packs()["a1"]["actions"]
    assert (restored.current.number, restored.current.is_seed) == (3, True)
    own = write_rule([TAG], key="a9")
    with pytest.raises(Conflict, match="came with the system"):
        seeds.restore_rule(own.pk, author=None, cause=CAUSE)


def test_every_delivered_rule_can_be_read_and_says_itself_in_plain_words(clinic: Location) -> None:
    for rule in Rule.objects.filter(location=clinic).select_related("current"):
        assert rulebook.text_of(rule).broken == ""
        assert "Cannot be read" not in selectors.sentence(rule)
    b5 = Rule.objects.get(location=clinic, key="b5")
    assert selectors.sentence(b5) == (
        "Every hour, once per visit, at its time, if the pipeline is Before the visit and the stage is Reminded and "
        "the hours to the visit is more than 0 and the hours to the visit is at most 20: "
        "move to Before the visit: Needs attention, then create a high task confirmation call, due now."
    )
    c1 = selectors.sentence(Rule.objects.get(location=clinic, key="c1"))
    assert "text thank_you_attended after 10 minutes (if the visit's outcome is Attended)" in c1


def test_delivered_rules_name_templates_that_are_delivered() -> None:
    names = {
        name
        for rule in seeds.packs().values()
        for action in rule["actions"]
        for name in [action.get("template"), *action.get("templates", [])]
        if name
    }
    assert names <= set(BY_NAME)


# The words of rules are the words of the system


def test_actions_know_every_type_of_task() -> None:
    assert set(TaskType.__args__) == set(Task.Type.values)


def test_choices_are_those_of_the_models() -> None:
    registry = facts.registry()
    assert set(registry["touchpoint_type"].choices) == set(TouchpointType.values)
    assert set(registry["task_type"].choices) == set(Task.Type.values)
    assert "none" in registry["outcome"].choices
    assert facts.is_private("message_body")
    assert facts.is_private("custom.anything")
    assert not facts.is_private("warmness_score")
    assert "message_body" not in facts.public_names()
