"""The page on which a clinic says what things are worth."""

from __future__ import annotations

import re
from typing import Any

import pytest

from accounts.models import Location
from contacts import scoreboard
from contacts.models import ScoringTable
from contacts.seeds import seed
from core.models import Event
from tests.clinic import pages, staff
from tests.factories.contacts import make_contact

__all__ = ["pages", "staff"]

pytestmark = pytest.mark.django_db
PAGE = "/admin/scoring/"


@pytest.fixture
def sydney(staff: Any) -> Location:
    seed(demo=False)
    return Location.objects.get(code="sydney")


def typed(client: Any, **changes: str) -> dict[str, str]:
    """What a browser would post back."""
    found = re.findall(r'name="([a-z_]+\.[a-z0-9_]+)" value="(-?\d+)"', client.get(PAGE).content.decode())
    assert len(found) > 20
    return {**dict(found), **{name.replace("__", "."): value for name, value in changes.items()}}


def test_a_change_scores_everybody_anew_and_says_so_while_it_lasts(
    pages: Any, sydney: Location, run_work: Any
) -> None:
    contact = make_contact(sydney, intent="procedure")
    client = pages("manager")
    page = client.post(PAGE, typed(client, intent__procedure="50"), follow=True).content.decode()
    assert "1 weights changed." in page
    assert "being scored anew since" in page
    assert "(usual: 30)" in page
    run_work()
    contact.refresh_from_db()
    assert contact.warmness_score == 50
    assert "being scored anew since" not in client.get(PAGE).content.decode()
    event = Event.objects.get(type="scoring_changed")
    assert (event.data["weights"], event.cause_kind) == (["intent.procedure"], "user")


def test_all_defaults_come_back_at_once(pages: Any, sydney: Location, run_work: Any) -> None:
    client = pages("manager")
    client.post(PAGE, typed(client, intent__procedure="50", source__sms="7", task_base__recall_call="90"))
    page = client.post(PAGE, {"restore": "1"}, follow=True).content.decode()
    assert "3 weights changed." in page
    shown = [row for _, rows in scoreboard.weights(sydney.pk) for row in rows]
    assert all(row.points == row.default for row in shown)


def test_saving_without_a_change_costs_nothing(pages: Any, sydney: Location) -> None:
    client = pages("manager")
    rows = ScoringTable.objects.count()
    assert "Nothing differed." in client.post(PAGE, typed(client), follow=True).content.decode()
    assert (ScoringTable.objects.count(), scoreboard.under_way(sydney.pk)) == (rows, None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"intent__procedure": "201"}, "Between -200 and 200."),
        ({"engagement__cap": "-1"}, "Between 0 and 200."),
        ({"intent__procedure": "many"}, "Give a whole number."),
        ({"intent__dancing": "5"}, None),
    ],
)
def test_what_cannot_be_is_refused_at_its_place_and_nothing_is_saved(
    pages: Any, sydney: Location, change: dict[str, str], said: str | None
) -> None:
    client = pages("manager")
    answer = client.post(PAGE, typed(client, source__referral="25", **change))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "Nothing was saved" in page
    assert said is None or said in page
    assert 'name="source.referral" value="25"' in page, "what was typed is kept"
    assert ScoringTable.objects.get(location=sydney, kind="source", key="referral").points == 20


def test_the_weights_of_tasks_stand_on_the_same_page_and_rank_at_once(pages: Any, sydney: Location) -> None:
    from tasks.queue import weights_by_location

    client = pages("manager")
    client.post(PAGE, typed(client, task_base__recall_call="90"))
    assert weights_by_location([sydney.pk])[sydney.pk].base["recall_call"] == 90
    assert scoreboard.under_way(sydney.pk) is None, "tasks are ranked when somebody looks"


def test_staff_look_and_do_not_touch(pages: Any, sydney: Location) -> None:
    page = pages("staff").get(PAGE)
    assert page.status_code == 200
    assert "Restore all defaults" not in page.content.decode()
    assert pages("staff").post(PAGE, {"intent.procedure": "50"}).status_code == 403


def test_the_page_costs_few_queries(pages: Any, sydney: Location, django_assert_max_num_queries: Any) -> None:
    client = pages("manager")
    with django_assert_max_num_queries(25):
        client.get(PAGE)
