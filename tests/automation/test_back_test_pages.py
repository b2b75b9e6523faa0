"""The pages on which a rule is tried on the past, as plain forms: nothing here needs JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location, Membership, PermissionOverride, User
from automation import backtests, drafts
from automation.backtest_models import BackTest
from automation.editor import past as past_pages
from automation.models import Rule, RuleDraft
from contacts.models import Contact
from core.models import Work
from tests.automation import past_stand_in
from tests.automation.conftest import CAUSE, drain, fresh
from tests.automation.past_stand_in import TAG, TRIED, Past
from tests.automation.rule_forms import Form
from tests.factories.contacts import make_contact

OWN = {"type": "send_sms", "message": "Hello {first_name}"}
MOST_QUERIES = 25

Desk = Callable[..., Client]


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> Past:
    return past_stand_in.put_in_place(monkeypatch)


@pytest.fixture
def rule(write_rule: Callable[..., Rule]) -> Rule:
    return write_rule([TAG])


@pytest.fixture
def desk(bare: Location) -> Desk:
    def log_in(role: str, at: Location | None = None) -> Client:
        place = at or bare
        user = User.objects.create_user(f"{role}@{place.code}.test", name=role.title())
        Membership.objects.create(user=user, location=place, role=role)
        client = Client()
        client.force_login(user)
        return client

    return log_in


def editor(rule: Rule) -> str:
    return reverse("admin:automation_rule_edit", args=[rule.public_id])


def tries(rule: Rule) -> str:
    return reverse("admin:automation_rule_edit_past", args=[rule.public_id])


def ask(rule: Rule, **changed: Any) -> BackTest:
    wording = {**drafts.wording_of(rule), "name": TRIED, **changed}
    return backtests.ask(location=rule.location, rule=rule, wording=wording, author=None, cause=CAUSE)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_from_the_form_the_draft_is_saved_and_tried_on_the_last_90_days(
    desk: Desk, rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    form = Form(desk("manager"), editor(rule))
    form.type("name", TRIED).press("card", new_kind="create_task").type("a.1:p.task_type", "call").press(
        "past"
    )
    test = BackTest.objects.get()
    assert form.url == past_pages.address(test)
    assert (test.days, [one["type"] for one in test.wording["actions"]]) == (90, ["add_tag", "create_task"])
    assert RuleDraft.objects.get(rule=rule).wording == test.wording
    assert "It waits for its turn." in form.text
    assert "Look again" in form.text
    drain()
    shown = text_of(form.client.get(form.url))
    assert "1 of 1 parts of the past played, 1 occasion found." in shown
    assert "Anna Smith" in shown
    assert "Look again" not in shown


def test_trying_what_the_rule_says_already_saves_no_draft(desk: Desk, rule: Rule, past: Past) -> None:
    Form(desk("manager"), editor(rule)).press("past")
    assert BackTest.objects.get().alone == "same"
    assert not RuleDraft.objects.exists()


def test_an_unfinished_draft_is_not_tried_and_what_is_missing_is_marked(
    desk: Desk, rule: Rule, past: Past
) -> None:
    form = Form(desk("manager"), editor(rule)).press("card", new_kind="create_task").press("past")
    assert "This rule is not finished" in form.text
    assert not BackTest.objects.exists()


def test_a_new_rule_is_tried_before_it_is_published(
    desk: Desk, bare: Location, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    client = desk("manager")
    started = client.post("/admin/rules/new/", {"location": bare.code, "trigger": "sms_received"})
    form = Form(client, started["Location"])
    form.type("name", TRIED).press("card", new_kind="add_tag").type("a.0:p.tag", "seen").press("past")
    drain()
    test = BackTest.objects.get()
    assert (test.state, test.draft) == ("done", RuleDraft.objects.get())
    shown = text_of(client.get(form.url))
    assert "It is a new rule, so there is nothing to compare it with." in shown
    assert "As it is now" not in shown
    listed = text_of(client.get(reverse("admin:automation_draft_edit_past", args=[test.draft.public_id])))  # type: ignore[union-attr]
    assert "Last 90 days" in listed


def test_a_number_of_days_is_chosen_on_the_page_of_tries(desk: Desk, rule: Rule, past: Past) -> None:
    client = desk("manager")
    answer = client.post(tries(rule), {"days": "30"}, follow=True)
    assert BackTest.objects.get().days == 30
    assert "Tried on the last 30 days" in text_of(answer)
    for wrong in ("0", "91", "many", "", "9" * 30):
        answer = client.post(tries(rule), {"days": wrong}, follow=True)
        assert "Give a number of days from 1 to 90." in text_of(answer)
    assert BackTest.objects.count() == 1


def test_before_it_is_published_a_draft_is_tried_from_the_last_look_at_it(
    desk: Desk, rule: Rule, past: Past
) -> None:
    form = Form(desk("manager"), editor(rule)).type("name", TRIED).press("publish")
    button = re.search(r'formaction="([^"]*)" name="days" value="(\d+)"', form.page)
    assert button is not None
    shown = text_of(form.client.post(button[1], {"days": button[2], "mode": "on"}, follow=True))
    assert "Tried on the last 90 days" in shown
    assert BackTest.objects.get().wording["name"] == TRIED
    assert RuleDraft.objects.filter(rule=rule).exists()


def test_the_page_says_what_differs_what_it_costs_and_for_whom(
    desk: Desk, rule: Rule, past: Past, bare: Location
) -> None:
    new, old = (
        make_contact(bare, name=name, phone=f"+6141200020{n}")
        for n, name in enumerate(["New One", "Old One"])
    )
    past.happen(new, by="draft", days_ago=3)
    past.happen(new, by="draft", days_ago=1)
    past.happen(old, by="live")
    test = ask(rule, actions=[OWN])
    drain()
    client = desk("manager")
    shown = text_of(client.get(past_pages.address(test)))
    for words in (
        "Only as tried: these are new 2", "Only as the rule is now: these would be gone 1",
        "Cost of the texts, estimated AUD 0.16 AUD 0.00", "Most for one person 2, within 2 days 1",
        "A text of its own 2 2 segments, AUD 0.16", "2 times in all", "The cost is an estimate",
    ):  # fmt: skip
        assert words in shown, words

    def named(part: str) -> set[str]:
        said = text_of(client.get(past_pages.address(test), {"part": part}))
        return {name for name in ("New One", "Old One") if name in said}

    assert named("draft") == named("often") == {"New One"}
    assert named("live") == {"Old One"}
    assert named("stopped") == named("both") == set()
    assert named("no such part") == {"New One", "Old One"}


def test_it_is_stopped_by_a_button_and_what_has_ended_says_so(
    desk: Desk, rule: Rule, past: Past, anna: Contact
) -> None:
    test = ask(rule)
    client = desk("manager")
    stop = past_pages.address(test, "_stop")
    assert client.get(stop).status_code == 405
    assert "Stopped. What was found until then stays." in text_of(client.post(stop, follow=True))
    drain()
    assert fresh(test).state == "cancelled"
    done = ask(rule, actions=[OWN])
    drain()
    answer = client.post(past_pages.address(done, "_stop"), follow=True)
    assert "It has ended already" in text_of(answer)


def test_the_bar_goes_on_by_itself_and_loads_the_page_anew_at_the_end(
    desk: Desk, rule: Rule, past: Past
) -> None:
    test = ask(rule)
    client = desk("manager")
    going = client.get(past_pages.address(test, "_bar"))
    assert "every 1s" in going.content.decode()
    assert "HX-Refresh" not in going
    drain()
    assert client.get(past_pages.address(test, "_bar"))["HX-Refresh"] == "true"


def test_what_went_wrong_is_said(desk: Desk, rule: Rule, past: Past) -> None:
    def fail(part: int) -> None:
        raise ValueError("broken")

    past.before_play = fail
    failed = ask(rule)
    drain()
    client = desk("manager")
    assert "Something went wrong while it was played" in text_of(client.get(past_pages.address(failed)))
    stuck = ask(rule, actions=[OWN])
    Work.objects.filter(subject=backtests.subject_of(stuck)).update(state=Work.State.PARKED)
    page = client.get(past_pages.address(stuck))
    assert "Something went wrong while it was played" in text_of(page)
    assert "every 1s" not in page.content.decode()


def test_one_that_is_stuck_is_stopped_or_tried_again_from_its_page(
    desk: Desk, rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    client = desk("manager")
    client.post(tries(rule), {"days": "30"})
    stuck = BackTest.objects.get()
    Work.objects.filter(subject=backtests.subject_of(stuck)).update(state=Work.State.PARKED)
    page = client.get(past_pages.address(stuck))
    assert past_pages.address(stuck, "_stop") in page.content.decode()
    assert "Stop</button>" in page.content.decode()
    tried = client.post(tries(rule), {"days": "30"}, follow=True)
    drain()
    again = BackTest.objects.exclude(pk=stuck.pk).get()
    assert tried.redirect_chain[-1][0] == past_pages.address(again)
    assert (fresh(stuck).state, again.state) == ("failed", "done")
    other = ask(rule, actions=[OWN])
    Work.objects.filter(subject=backtests.subject_of(other)).update(state=Work.State.PARKED)
    assert "Stopped." in text_of(client.post(past_pages.address(other, "_stop"), follow=True))
    assert fresh(other).state == "cancelled"


def test_a_wording_that_can_no_longer_be_read_keeps_its_page(
    desk: Desk, rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    test = ask(rule, actions=[OWN])
    drain()
    test.refresh_from_db()
    test.wording["actions"] = [{"type": "no_longer_known"}]
    test.save()
    page = desk("manager").get(past_pages.address(test))
    assert page.status_code == 200
    assert "Cannot be read" in text_of(page)


def test_what_goes_on_is_listed_however_old_it_is(desk: Desk, rule: Rule, past: Past) -> None:
    going = [ask(rule, priority=number) for number in range(7)]
    assert len(set(going)) == 7
    page = desk("manager").get(tries(rule)).content.decode()
    assert all(past_pages.address(test) in page for test in going)


def test_a_wording_changed_since_is_said(desk: Desk, rule: Rule, past: Past, manager: User) -> None:
    test = ask(rule, actions=[OWN])
    client = desk("manager")
    assert "no longer what was tried here" in text_of(client.get(past_pages.address(test)))
    drafts.save_draft(location=rule.location, wording=test.wording, author=manager, cause=CAUSE, rule=rule)
    assert "no longer what was tried here" not in text_of(client.get(past_pages.address(test)))


@pytest.fixture
def manager(bare: Location) -> User:
    return User.objects.create_user("author@clinic.test", name="Author")


@pytest.mark.parametrize("role", ["staff", "readonly"])
def test_who_may_not_change_rules_neither_tries_nor_sees_what_was_tried(
    desk: Desk, rule: Rule, past: Past, role: str
) -> None:
    test = ask(rule)
    client = desk(role)
    assert "past" not in client.get(editor(rule)).content.decode().partition("<main")[2].lower()
    for url in (tries(rule), past_pages.address(test), past_pages.address(test, "_bar")):
        assert client.get(url).status_code == 403
    assert client.post(tries(rule), {"days": "9"}).status_code == 403
    assert client.post(past_pages.address(test, "_stop")).status_code == 403
    assert client.post(editor(rule), {"do": "past"}).status_code == 403
    assert BackTest.objects.count() == 1


def test_of_another_clinic_nothing_is_there(desk: Desk, rule: Rule, past: Past) -> None:
    test = ask(rule)
    other = Location.objects.create(name="Avatar Imaging Melbourne", code="melbourne")
    client = desk("manager", other)
    for url in (tries(rule), past_pages.address(test), past_pages.address(test, "_bar")):
        assert client.get(url).status_code == 404
    assert client.post(past_pages.address(test, "_stop")).status_code == 404
    assert fresh(test).state == "waiting"


def test_who_may_see_no_people_sees_the_figures_only(
    desk: Desk, rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    past.happen(None)
    test = ask(rule)
    drain()
    client = desk("manager")
    user = User.objects.get(email="manager@sydney.test")
    PermissionOverride.objects.create(user=user, resource="contacts", action="read", allow=False)
    shown = text_of(client.get(past_pages.address(test)))
    assert "Anna" not in shown
    assert "Your account may not see people" in shown
    assert "About nobody" in shown


def test_a_page_of_many_occasions_costs_no_more_than_one_of_few(
    desk: Desk, rule: Rule, past: Past, bare: Location
) -> None:
    client = desk("manager")

    def cost(url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as found:
            assert client.get(url).status_code == 200
        return len(found)

    everybody = [make_contact(bare, name=f"P {n}", phone=f"+614120003{n:02}") for n in range(40)]
    past.happen(everybody[0])
    few = ask(rule, actions=[OWN])
    drain()
    for contact in everybody[1:]:
        past.happen(contact)
    many = ask(rule, actions=[OWN])
    drain()
    costs = [cost(past_pages.address(test)) for test in (few, many)]
    assert costs[1] <= costs[0] <= MOST_QUERIES
    assert "Page 1 of 2" in text_of(client.get(past_pages.address(many)))
    assert cost(tries(rule)) <= MOST_QUERIES
    assert cost(editor(rule)) <= MOST_QUERIES
