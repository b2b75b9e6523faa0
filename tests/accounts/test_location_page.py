"""The clinic's page: every setting a field, and automation moved by buttons."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Location
from bookings.models import Practitioner
from core.models import Event
from tests.accounts.clinics import make_ready
from tests.accounts.test_admin import change, typed

ADD = "/admin/accounts/location/add/"
NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


def errors(answer: Any) -> dict[str, str]:
    return {name: " ".join(map(str, said)) for name, said in answer.context["adminform"].form.errors.items()}


def save(client: Any, location: Location, **changes: Any) -> Any:
    return client.post(change(location), typed(client.get(change(location)), **changes))


def press(client: Any, location: Location, name: str, **data: Any) -> Any:
    address = reverse(f"admin:accounts_location_{name}", args=(location.public_id,))
    return client.post(address, {"_form_submitted": "on", **data}, follow=True)


def test_saving_without_a_change_changes_nothing(pages: Any, sydney: Location) -> None:
    before = {field.name: getattr(sydney, field.name) for field in Location._meta.concrete_fields}
    assert save(pages("manager"), sydney).status_code == 302
    sydney.refresh_from_db()
    after = {field.name: getattr(sydney, field.name) for field in Location._meta.concrete_fields}
    assert {name for name in before if before[name] != after[name]} <= {"updated_at"}
    assert not Event.objects.filter(type="location_changed").exists()


def test_a_week_is_typed_day_by_day_with_a_break(pages: Any, sydney: Location) -> None:
    answer = save(
        pages("manager"), sydney,
        **{
            "opening_hours-mon-0-from": "14:00", "opening_hours-mon-0-to": "18:00",
            "opening_hours-mon-1-from": "08:00", "opening_hours-mon-1-to": "12:30",
            "opening_hours-sat-closed": "on",
        },
    )  # fmt: skip
    assert answer.status_code == 302, errors(answer)
    sydney.refresh_from_db()
    assert sydney.opening_hours["mon"] == [["08:00", "12:30"], ["14:00", "18:00"]]
    assert sydney.opening_hours["sat"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"opening_hours-mon-0-from": "", "opening_hours-mon-0-to": ""},
            "Monday: give times, or tick “Closed”.",
        ),
        ({"opening_hours-tue-0-to": ""}, "Tuesday: give both times, from and to."),
        ({"opening_hours-wed-0-to": "07:00"}, "Wednesday: closing 07:00 must be later than opening 08:30."),
        (
            {"opening_hours-thu-1-from": "17:00", "opening_hours-thu-1-to": "19:00"},
            "Thursday: the span from 17:00 overlaps the one before it.",
        ),
        ({"opening_hours-fri-0-from": "eight"}, "Friday: ['eight', '17:30'] is not a span of two times"),
    ],
)
def test_hours_that_cannot_be_are_refused_at_the_field(
    pages: Any, sydney: Location, changes: dict[str, str], said: str
) -> None:
    answer = save(pages("manager"), sydney, **changes)
    assert said in errors(answer)["opening_hours"]
    for key, value in changes.items():
        assert not value or f'name="{key}" value="{value}"' in answer.content.decode(), (
            "what was typed is kept"
        )


def test_holidays_are_chosen_by_name_and_the_next_are_shown(
    pages: Any, sydney: Location, frozen_time: Any
) -> None:
    frozen_time(NOW)
    client = pages("manager")
    days = ["2026-12-24", "", "2026-11-30", "2026-12-24"]
    answer = save(client, sydney, holiday_calendar="AU:VIC", holiday_own_days=days)
    assert answer.status_code == 302, errors(answer)
    sydney.refresh_from_db()
    assert (sydney.holiday_country, sydney.holiday_state) == ("AU", "VIC")
    assert sydney.holiday_own_days == ["2026-11-30", "2026-12-24"]
    page = client.get(change(sydney)).content.decode()
    assert "Victoria (VIC)" in page
    assert (
        "Closed next: Mon 30 Nov 2026 (Own closing day), Thu 24 Dec 2026 (Own closing day), Fri 25 Dec"
        in page
    )


def test_a_day_that_is_no_date_is_refused(pages: Any, sydney: Location) -> None:
    answer = save(pages("manager"), sydney, holiday_own_days=["Christmas"])
    assert errors(answer)["holiday_own_days"] == "“Christmas” is not a date. Give day, month and year."


def test_money_is_typed_in_dollars(pages: Any, sydney: Location) -> None:
    client = pages("manager")
    assert 'value="50.00"' in client.get(change(sydney)).content.decode()
    answer = save(client, sydney, daily_sms_cap_cents="75.50", own_sms_segment_price="0.0792")
    assert answer.status_code == 302, errors(answer)
    sydney.refresh_from_db()
    assert (sydney.daily_sms_cap_cents, sydney.settings["sms_segment_price"]) == (7550, 7920)
    assert 'value="0.0792' in client.get(change(sydney)).content.decode()


def test_settings_of_apps_are_kept_beside_what_nobody_typed_here(pages: Any, sydney: Location) -> None:
    Location.objects.filter(pk=sydney.pk).update(settings={"mark": 1, "care_limit": 3})
    answer = save(pages("manager"), sydney, own_care_limit="0", own_storm_limit="5")
    assert answer.status_code == 302, errors(answer)
    sydney.refresh_from_db()
    assert sydney.settings == {"mark": 1, "care_limit": 0, "storm_limit": 5}
    save(pages("manager"), sydney, own_care_limit="", own_storm_limit="")
    sydney.refresh_from_db()
    assert sydney.settings == {"mark": 1}


def test_targets_have_names_and_bounds(pages: Any, sydney: Location) -> None:
    answer = save(pages("manager"), sydney, kpi_attendance_rate="101")
    assert "less than or equal to 100" in errors(answer)["kpi_attendance_rate"]
    assert save(pages("manager"), sydney, kpi_attendance_rate="91.5").status_code == 302
    sydney.refresh_from_db()
    assert (sydney.kpi_targets["attendance_rate"], sydney.kpi_targets["no_show_rate"]) == (91.5, 10)


def test_the_hour_of_daily_rules_and_quiet_hours_are_times(pages: Any, sydney: Location) -> None:
    answer = save(pages("manager"), sydney, daily_at="05:45", quiet_hours_start="19:30")
    assert answer.status_code == 302, errors(answer)
    sydney.refresh_from_db()
    assert (sydney.daily_at, sydney.quiet_hours_start) == (time(5, 45), time(19, 30))


def test_a_new_clinic_leads_to_its_set_up_page_and_one_works_in_it(pages: Any, sydney: Location) -> None:
    client = pages("admin")
    data = typed(
        client.get(ADD), name="Perth", code="perth", time_zone="Australia/Perth", holiday_calendar="AU:WA"
    )
    answer = client.post(ADD, data, follow=True)
    assert answer.redirect_chain, errors(answer)
    assert answer.redirect_chain[-1][0] == "/admin/set-up/?location=perth"
    page = answer.content.decode()
    assert "Perth is there, in shadow." in page
    assert "Phone is empty" in page
    assert answer.context["staff_location"].code == "perth"
    perth = Location.objects.get(code="perth")
    assert (perth.holiday_state, perth.automation_mode, perth.rules.exists()) == ("WA", "shadow", True)


def test_only_an_admin_makes_a_clinic(pages: Any, sydney: Location) -> None:
    assert pages("manager").get(ADD).status_code == 403


def test_staff_see_the_clinic_and_change_nothing(pages: Any, sydney: Location) -> None:
    page = pages("staff").get(change(sydney))
    assert page.status_code == 200
    assert "12 Demo Street" in page.content.decode()
    assert press(pages("staff"), sydney, "switch_off").status_code == 403


@pytest.fixture
def shadow(sydney: Location) -> Location:
    make_ready(sydney)
    Location.objects.filter(pk=sydney.pk).update(automation_mode="shadow", live_since=None)
    return Location.objects.get(pk=sydney.pk)


def test_a_ready_clinic_is_switched_by_buttons(pages: Any, shadow: Location) -> None:
    client = pages("manager")
    for button, mode, said in (
        ("go_live", "live", "is live."),
        ("shadow", "shadow", "Nothing is sent any more"),
        ("switch_off", "off", "No rule runs any more"),
    ):
        assert said in press(client, shadow, button).content.decode()
        shadow.refresh_from_db()
        assert shadow.automation_mode == mode
    assert shadow.live_since is not None


def test_the_question_says_what_is_missing_and_only_an_admin_may_insist(pages: Any, shadow: Location) -> None:
    Location.objects.filter(pk=shadow.pk).update(phone="")
    address = reverse("admin:accounts_location_go_live", args=(shadow.public_id,))
    asked = pages("manager").get(address).content.decode()
    assert "Phone is empty" in asked
    assert 'name="reason"' not in asked
    refused = press(pages("manager"), shadow, "go_live", reason="I want to")
    assert "is not ready to go live" in refused.content.decode()
    client = pages("admin")
    assert 'name="reason"' in client.get(address).content.decode()
    press(client, shadow, "go_live", reason="")
    shadow.refresh_from_db()
    assert shadow.automation_mode == "shadow", "no reason, no force"
    press(client, shadow, "go_live", reason="The phone comes tomorrow")
    shadow.refresh_from_db()
    assert shadow.automation_mode == "live"


def test_a_practitioner_works_when_the_clinic_is_open_unless_said(pages: Any, sydney: Location) -> None:
    add = "/admin/bookings/practitioner/add/"
    client = pages("manager")
    data = typed(client.get(add), name="Dr Lee", **{"roster-mon-closed": "on"})
    answer = client.post(add, data)
    assert answer.status_code == 302, errors(answer)
    roster = Practitioner.objects.get().roster
    assert (roster["mon"], roster["tue"]) == ([], [["08:30", "17:30"]])


def test_another_clinics_service_is_refused_at_the_field(
    pages: Any, sydney: Location, melbourne: Location
) -> None:
    from bookings.models import Service

    add = "/admin/bookings/room/add/"
    theirs = Service.objects.create(location=melbourne, name="Skin check")
    client = pages("admin")
    data = typed(client.get(add), name="Room 1", location=sydney.pk, services=[theirs.pk])
    assert "Another clinic's: Skin check" in errors(client.post(add, data))["services"]
