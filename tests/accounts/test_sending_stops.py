"""Sending is stopped by one row, everywhere or at one clinic, and a copy of a database stops by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts import sending_stops
from accounts.models import Installation, Location, SendingStop
from core.causes import Cause
from core.models import Event

CAUSE = Cause.system("test")
KILL, SAFE = SendingStop.Kind.KILL_SWITCH, SendingStop.Kind.SAFE_MODE


@pytest.fixture(autouse=True)
def a_new_process() -> Iterator[None]:
    sending_stops._known_here.clear()
    yield
    sending_stops._known_here.clear()


def kinds(*locations: Location) -> dict[int, str]:
    return {pk: row.kind for pk, row in sending_stops.stopped_for([row.pk for row in locations]).items()}


def test_a_stop_holds_its_clinic_or_all_until_it_is_resumed(sydney: Location, melbourne: Location) -> None:
    sending_stops.stop(kind=KILL, reason="Wrong price", cause=CAUSE, location_id=sydney.pk)
    assert kinds(sydney, melbourne) == {sydney.pk: "kill_switch"}
    assert sending_stops.where() == (False, {sydney.pk})
    sending_stops.stop(kind=KILL, reason="All of it", cause=CAUSE)
    assert kinds(sydney, melbourne) == {sydney.pk: "kill_switch", melbourne.pk: "kill_switch"}
    assert sending_stops.where() == (True, {sydney.pk})
    assert sending_stops.resume(kind=KILL, cause=CAUSE) == {}
    assert kinds(sydney, melbourne) == {sydney.pk: "kill_switch"}
    assert sending_stops.resume(kind=KILL, cause=CAUSE, location_id=sydney.pk) == {}
    assert kinds(sydney, melbourne) == {}
    assert sending_stops.resume(kind=KILL, cause=CAUSE) is None
    told = Event.objects.order_by("id").values_list("type", flat=True)
    assert [name for name in told if name.startswith("sending_")] == [
        "sending_stopped", "sending_stopped", "sending_resumed", "sending_resumed",
    ]  # fmt: skip


def test_stopping_twice_keeps_the_first_stop_and_its_reason(sydney: Location) -> None:
    first = sending_stops.stop(kind=KILL, reason="The first", cause=CAUSE)
    again = sending_stops.stop(kind=KILL, reason="The second", cause=CAUSE)
    assert (again.pk, again.reason) == (first.pk, "The first")


def test_safe_mode_is_named_before_the_kill_switch(sydney: Location) -> None:
    sending_stops.stop(kind=KILL, reason="A person", cause=CAUSE, location_id=sydney.pk)
    sending_stops.stop(kind=SAFE, reason="A restore", cause=CAUSE)
    assert kinds(sydney) == {sydney.pk: "safe_mode"}


def test_a_database_of_another_installation_comes_up_in_safe_mode(sydney: Location, settings: Any) -> None:
    settings.INSTALLATION = "production"
    assert kinds(sydney) == {}
    assert Installation.objects.get().name == "production"
    sending_stops._known_here.clear()
    settings.INSTALLATION = "staging"
    assert kinds(sydney) == {sydney.pk: "safe_mode"}
    assert "“production”" in sending_stops.in_force().get().reason


def test_who_leaves_safe_mode_makes_the_copy_an_installation_of_its_own(
    sydney: Location, settings: Any
) -> None:
    Installation.objects.create(pk=1, name="production")
    settings.INSTALLATION = "staging"
    assert sending_stops.where() == (True, set())
    sending_stops.resume(kind=SAFE, cause=CAUSE)
    assert sending_stops.where() == (False, set())
    assert Installation.objects.get().name == "staging"


def test_every_page_of_the_staff_says_that_nothing_is_sent(
    sydney: Location, melbourne: Location, pages: Any
) -> None:
    sending_stops.stop(kind=SAFE, reason="Restored from a backup.", cause=CAUSE)
    sending_stops.stop(kind=KILL, reason="Of Melbourne alone.", cause=CAUSE, location_id=melbourne.pk)
    for address in ("/admin/", "/admin/contacts/contact/", "/admin/set-up/"):
        shown = pages("staff" if "set-up" not in address else "manager").get(address).content.decode()
        assert "Restored from a backup." in shown, address
    Location.objects.filter(pk=melbourne.pk).update(name="Elsewhere")
    sydneys = {row.pk for row in sending_stops.shown_to([sydney])}
    assert sydneys == {sending_stops.in_force().get(kind=SAFE).pk}
