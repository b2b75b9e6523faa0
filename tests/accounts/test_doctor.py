"""What a clinic lacks: by command, on the set-up page, and as a gate before going live."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import time, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts import doctor, services
from accounts.doctor import Finding, Level
from accounts.models import Location, Membership
from automation.models import Rule
from bookings.models import Practitioner, Service
from contacts import scoring
from contacts.models import ScoringTable
from core import clock
from core.causes import Cause
from core.errors import Conflict
from core.models import Event, FieldChange, Heartbeat
from integrations.models import ProviderAccount, SenderIdentity
from messaging.models import Template
from tests.accounts.clinics import make_ready

PERTH = {
    "name": "Avatar Imaging Perth",
    "code": "perth",
    "time_zone": "Australia/Perth",
    "phone": "+61855501000",
    "address": "1 Demo Road, Perth",
    "booking_link": "https://book.example.com/perth",
    "review_link": "https://review.example.com/perth",
    "holiday_state": "WA",
}
CAUSE = Cause.system("test")


def run(*arguments: str) -> tuple[int, str]:
    """The command's exit status and what it said."""
    said = StringIO()
    try:
        call_command("doctor", *arguments, stdout=said)
    except SystemExit as exit:
        return int(exit.code or 0), said.getvalue()
    return 0, said.getvalue()


def worst(location: Location, area: str) -> Finding:
    """The gravest finding of an area."""
    order = [Level.MISSING, Level.WARNING, Level.OK]
    return min((f for f in doctor.examine(location) if f.area == area), key=lambda f: order.index(f.level))


@pytest.fixture
def ready(sydney: Location) -> Location:
    return make_ready(sydney)


@pytest.mark.django_db
def test_without_a_clinic_the_command_says_where_to_make_one() -> None:
    status, said = run()
    assert status == 1
    assert "/admin/accounts/location/add/" in said


def test_a_clinic_that_lacks_nothing_is_well(ready: Location) -> None:
    status, said = run("--location", "sydney")
    assert (status, "MISSING" in said) == (0, False), said
    assert "Nothing is missing." in said


def test_each_clinic_is_told_of_with_the_page_where_to_act(ready: Location, melbourne: Location) -> None:
    status, said = run()
    assert status == 1
    assert said.index("Avatar Imaging Melbourne") < said.index("Avatar Imaging Sydney")
    assert "MISSING  Services: The clinic offers nothing yet." in said
    assert "/admin/bookings/service/add/" in said


def test_a_machine_reads_the_same(ready: Location) -> None:
    status, said = run("--json", "--location", "sydney")
    (clinic,) = json.loads(said)
    assert (status, clinic["location"], clinic["ready"]) == (0, "sydney", True)
    assert {"level", "area", "text", "todo", "link"} == set(clinic["findings"][0])


def test_an_unknown_clinic_is_an_error_that_names_those_there_are(ready: Location) -> None:
    with pytest.raises(CommandError, match="There are: melbourne, sydney"):
        call_command("doctor", "--location", "perth")


def _break_b1(location: Location) -> None:
    """A wording that an older release could read."""
    rule = Rule.objects.get(location=location, key="b1")
    rule.current = rule.versions.create(number=99, actions=[{"type": "dance"}])
    rule.save()


def _set(**fields: Any) -> Callable[[Location], object]:
    return lambda location: Location.objects.filter(pk=location.pk).update(**fields)


@pytest.mark.parametrize(
    ("spoil", "area", "level", "said"),
    [
        (_set(phone=""), "Clinic", Level.MISSING, "Phone is empty"),
        (_set(review_link=""), "Clinic", Level.WARNING, "no review link"),
        (_set(time_zone="Europe/Paris"), "Time zone", Level.WARNING, "not a time zone of Australia"),
        (_set(opening_hours={}), "Opening hours", Level.MISSING, "never open"),
        (_set(holiday_country=""), "Holidays", Level.WARNING, "No public holidays"),
        (_set(holiday_state="XX"), "Holidays", Level.MISSING, "no calendar AU XX"),
        (_set(quiet_hours_end=time(20)), "Quiet hours", Level.WARNING, "none"),
        (_set(quiet_hours_end=time(19)), "Quiet hours", Level.MISSING, "less than four hours"),
        (_set(legal_profile="US"), "Quiet hours", Level.OK, "From 20:00 to 08:00"),
        (_set(legal_profile="US", quiet_hours_end=time(7)), "Quiet hours", Level.WARNING, "21:00 to 08:00"),
        (_set(automation_mode="off"), "Automation", Level.WARNING, "no rule runs"),
        (lambda c: Membership.objects.all().delete(), "People", Level.MISSING, "Nobody works here"),
        (
            lambda c: Membership.objects.filter(role="manager").delete(),
            "People", Level.WARNING, "no manager",
        ),
        (lambda c: Service.objects.update(is_active=False), "Services", Level.MISSING, "offers nothing"),
        (lambda c: Service.objects.update(needs_review=True), "Services", Level.WARNING, "1 came with a booking"),
        (lambda c: Practitioner.objects.all().delete(), "Practitioners", Level.MISSING, "Nobody sees"),
        (lambda c: Practitioner.objects.update(roster={}), "Practitioners", Level.WARNING, "no working hours"),
        (
            lambda c: Service.objects.update(service_type="procedure"),
            "Practitioners", Level.WARNING, "no recall interval",
        ),
        (lambda c: c.rooms.all().delete(), "Rooms", Level.WARNING, "none"),
        (
            lambda c: SenderIdentity.objects.update(registration="pending"),
            "Senders", Level.MISSING, "no sender that may be used",
        ),
        (_break_b1,
            "Rules", Level.MISSING, "cannot be read"),
        (
            lambda c: Template.objects.filter(name="booking_confirmation").update(is_active=False),
            "Templates", Level.WARNING, "switched off",
        ),
        (
            lambda c: Template.objects.filter(name="booking_confirmation").update(body="Hi {nick}"),
            "Templates", Level.MISSING, "do not exist: nick",
        ),
        (
            lambda c: Template.objects.filter(name="booking_confirmation").delete(),
            "Templates", Level.MISSING, "which there is not",
        ),
        (lambda c: Heartbeat.objects.filter(name="beat").delete(), "Beat", Level.MISSING, "not shown life"),
        (
            lambda c: Heartbeat.objects.update(at=clock.now() - timedelta(minutes=5)),
            "Worker", Level.MISSING, "Nothing is sent",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_named(
    ready: Location, spoil: Any, area: str, level: Level, said: str
) -> None:
    spoil(ready)
    finding = worst(Location.objects.get(pk=ready.pk), area)
    assert (finding.level, said in finding.text) == (level, True), finding


def test_a_template_that_needs_what_the_clinic_lacks_is_found(ready: Location) -> None:
    Template.objects.filter(name="booking_confirmation").update(body="Rate us: {review_link}")
    Location.objects.filter(pk=ready.pk).update(review_link="")
    finding = worst(Location.objects.get(pk=ready.pk), "Templates")
    assert (finding.level, "no review link" in finding.text) == (Level.MISSING, True), finding


def test_a_provider_is_followed_from_its_credentials_to_its_first_delivery(
    ready: Location, settings: Any
) -> None:
    settings.WIX_PUBLIC_KEY = settings.WIX_PUBLIC_KEY_FILE = ""
    account = ProviderAccount.objects.create(location=ready, provider="wix", name="Wix")
    area = str(account)

    def said() -> set[str]:
        return {f.text for f in doctor.examine(ready) if f.area == area and f.level is Level.MISSING}

    assert said() == {
        "Not typed yet: Public key.", "The provider cannot reach this clinic: there is no webhook address.",
    }  # fmt: skip
    account.credentials, account.external_instance_id = {"public_key": "-----"}, "abc"
    account.save()
    assert not said()
    assert "Nothing has come" in worst(ready, area).text


def test_the_on_screen_phone_is_no_phone_in_production(ready: Location, settings: Any) -> None:
    settings.ENVIRONMENT_NAME = "production"
    assert worst(ready, "On-screen phone").level is Level.WARNING


def test_the_page_shows_the_same_and_links_to_where_it_is_mended(pages: Any, ready: Location) -> None:
    Location.objects.filter(pk=ready.pk).update(phone="")
    page = pages("manager").get("/admin/set-up/").content.decode()
    assert "Phone is empty" in page
    assert f"/admin/accounts/location/{ready.public_id}/change/" in page
    assert 'href="/admin/set-up/"' in pages("staff").get("/admin/").content.decode()


@pytest.mark.parametrize(
    ("who", "status"), [("admin", 200), ("manager", 404), ("staff", 404), ("readonly", 404)]
)
def test_another_clinics_page_is_not_found(
    pages: Any, ready: Location, melbourne: Location, who: str, status: int
) -> None:
    assert pages(who).get("/admin/set-up/?location=melbourne").status_code == status


def test_the_page_costs_the_same_however_much_there_is(
    pages: Any, ready: Location, django_assert_max_num_queries: Any
) -> None:
    client = pages("manager")

    def count() -> int:
        with django_assert_max_num_queries(25) as made:
            assert client.get("/admin/set-up/").status_code == 200
        return len(made)

    few = count()
    for number in range(10):
        Practitioner.objects.create(location=ready, name=f"Dr {number}")
        Service.objects.create(location=ready, name=f"Service {number}")
        ProviderAccount.objects.create(location=ready, provider="wix", name=f"Wix {number}")
    assert count() == few


# -- a new clinic


@pytest.mark.django_db
def test_a_new_clinic_has_what_a_seeded_one_has_and_belongs_to_nobody_else() -> None:
    perth = services.create_location(fields=PERTH, cause=CAUSE)
    assert (perth.automation_mode, perth.live_since) == ("shadow", None)
    assert ScoringTable.objects.filter(location=perth).count() == len(scoring.DEFAULT_WEIGHTS.as_rows())
    assert [sender.usable for sender in SenderIdentity.objects.filter(location=perth)] == [True, True]
    rules, templates = Rule.objects.filter(location=perth), Template.objects.filter(location=perth)
    assert rules.exists()
    assert templates.exists()
    before = (rules.count(), templates.count(), ProviderAccount.objects.count())
    call_command("seed", "--no-demo", verbosity=0)
    assert (rules.count(), templates.count(), ProviderAccount.objects.count()) == before
    assert Event.objects.get(type="location_created").location_id == perth.pk


@pytest.mark.django_db
def test_a_clinic_whose_start_fails_is_not_there_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts import new_clinic

    def fail(location: Location) -> None:
        raise Conflict("no")

    monkeypatch.setitem(new_clinic.parts._items, "broken", fail)
    with pytest.raises(Conflict):
        services.create_location(fields=PERTH, cause=CAUSE)
    assert not Location.objects.exists()


# -- going live


def _switch(location: Location, mode: str, **more: Any) -> Location:
    from accounts import golive

    return golive.set_automation_mode(location_id=location.pk, mode=mode, cause=CAUSE, **more)


@pytest.fixture
def shadow(ready: Location) -> Location:
    Location.objects.filter(pk=ready.pk).update(automation_mode="shadow", live_since=None)
    return Location.objects.get(pk=ready.pk)


def test_a_ready_clinic_goes_live_and_back_at_once_and_both_are_told(shadow: Location) -> None:
    since = _switch(shadow, "live").live_since
    assert since is not None
    assert _switch(shadow, "shadow").automation_mode == "shadow"
    assert _switch(shadow, "live").live_since == since, "what came before the first time stays history"
    told = Event.objects.filter(type="automation_mode_changed").order_by("id")
    assert [(e.data["previous"], e.data["mode"]) for e in told] == [
        ("shadow", "live"), ("live", "shadow"), ("shadow", "live"),
    ]  # fmt: skip
    _switch(shadow, "live")
    assert told.count() == 3, "nothing happens when nothing changes"


def test_a_clinic_that_lacks_something_stays_in_shadow(shadow: Location) -> None:
    Location.objects.filter(pk=shadow.pk).update(phone="")
    with pytest.raises(Conflict, match="Phone is empty"):
        _switch(shadow, "live")
    assert Location.objects.get(pk=shadow.pk).automation_mode == "shadow"


def test_going_live_by_force_keeps_the_reason_where_it_can_be_erased(shadow: Location) -> None:
    Location.objects.filter(pk=shadow.pk).update(phone="")
    _switch(shadow, "live", force_reason="Phone comes tomorrow")
    event = Event.objects.get(type="automation_mode_changed")
    assert (event.data["forced"], event.data["missing"]) == (True, ["Clinic", "Templates"])
    assert "tomorrow" not in str(event.data)
    assert FieldChange.objects.get(event_id=event.pk).new == "live: Phone comes tomorrow"


@pytest.mark.django_db
def test_a_clinic_cannot_be_made_live_from_nothing() -> None:
    with pytest.raises(Conflict, match="not ready to go live"):
        services.create_location(fields={**PERTH, "automation_mode": "live"}, cause=CAUSE)
    assert not Location.objects.exists()
