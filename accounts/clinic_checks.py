"""What `doctor` asks of a clinic's own settings and people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from django.urls import reverse

from accounts import calendars, doctor, roles
from accounts.doctor import Finding, Level
from accounts.models import Location, Membership

#: Texts need some hours of the day in which they may go out.
LEAST_AWAKE_MINUTES = 240
#: US law lets texts of advertising go out from 8:00 to 21:00 only.
US_NIGHT = (time(21), time(8))


def contact_details(location: Location) -> Iterator[Finding]:
    """Phone, address and links that texts carry."""
    link = _page(location)
    for name, value, why in (
        ("Phone", location.phone, "Patients are told whom to call."),
        ("Address", location.address, "Patients are told where to come."),
        ("Booking link", location.booking_link, "Texts that ask to book lead there."),
    ):
        if not value.strip():
            yield Finding(
                Level.MISSING, "Clinic", f"{name} is empty. {why}", "Type it on the clinic's page.", link
            )
    if not location.review_link:
        yield Finding(
            Level.WARNING, "Clinic", "There is no review link, so nobody is asked for a review.",
            "Type the address of the clinic's review page.", link,
        )  # fmt: skip
    if all((location.phone.strip(), location.address.strip(), location.booking_link)):
        yield Finding(Level.OK, "Clinic", "Phone, address and booking link are there.", link=link)


def clock(location: Location) -> Iterator[Finding]:
    """A time zone that belongs to the clinic's country."""
    link, country = _page(location), location.region
    name = calendars.COUNTRIES.get(country, country)
    if location.time_zone in calendars.zones(country):
        yield Finding(Level.OK, "Time zone", f"{location.time_zone}, in {name}.", link=link)
        return
    yield Finding(
        Level.WARNING, "Time zone", f"{location.time_zone} is not a time zone of {name}.",
        "Choose the clinic's own, or mend its phone region.", link,
    )  # fmt: skip


def opening_hours(location: Location) -> Iterator[Finding]:
    """Some hours in which the clinic is open, and a calendar for the days on which it is not."""
    link = _page(location)
    days = sum(1 for spans in location.hours.week if spans)
    if days:
        yield Finding(Level.OK, "Opening hours", f"Open on {days} days of the week.", link=link)
    else:
        yield Finding(
            Level.MISSING, "Opening hours", "The clinic is never open, so no day has an end for tasks to be due.",
            "Give its hours.", link,
        )  # fmt: skip
    country, state = location.holiday_country, location.holiday_state
    if not country:
        yield Finding(
            Level.WARNING, "Holidays", "No public holidays are known.", "Choose the clinic's calendar.", link
        )
    elif not calendars.is_known(country, state):
        yield Finding(
            Level.MISSING, "Holidays", f"There is no calendar {country} {state}, so holidays count as open.",
            "Choose the clinic's calendar.", link,
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "Holidays", f"Calendar {country} {state}".strip() + ".", link=link)


def quiet_hours(location: Location) -> Iterator[Finding]:
    """A night in which no care or marketing text goes out, and a day that is left over."""
    link, start, end = _page(location), location.quiet_hours_start, location.quiet_hours_end
    said = f"From {start:%H:%M} to {end:%H:%M}."
    asleep = _minutes(start, end)
    if asleep == 0:
        yield Finding(
            Level.WARNING, "Quiet hours", "There are none: texts may go out in the night.", "Set them.", link
        )
    elif 24 * 60 - asleep < LEAST_AWAKE_MINUTES:
        yield Finding(
            Level.MISSING, "Quiet hours", f"{said} That leaves less than four hours for texts.", "Shorten them.", link
        )  # fmt: skip
    elif location.legal_profile == "US" and not _covers(start, end, *US_NIGHT):
        yield Finding(
            Level.WARNING, "Quiet hours", f"{said} In the United States they cover 21:00 to 08:00.",
            "Set at least those.", link,
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "Quiet hours", said, link=link)


def people(location: Location) -> Iterator[Finding]:
    """Somebody who works there."""
    link = reverse("admin:accounts_user_changelist")
    held = Membership.objects.filter(location=location, user__is_active=True)
    found = set(held.order_by().values_list("role", flat=True).distinct())
    if not found & {roles.MANAGER, roles.STAFF}:
        yield Finding(
            Level.MISSING, "People", "Nobody works here: tasks would wait for ever.",
            "Add a person with the role Manager or Staff at this clinic.", reverse("admin:accounts_user_add"),
        )  # fmt: skip
    elif roles.MANAGER not in found:
        yield Finding(
            Level.WARNING, "People", "There is no manager, so only an admin can change settings.",
            "Give somebody the role Manager here.", link,
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "People", "A manager is there.", link=link)


def mode(location: Location) -> Iterator[Finding]:
    """What automation may do."""
    link = _page(location)
    if location.automation_mode == Location.AutomationMode.OFF:
        yield Finding(
            Level.WARNING, "Automation", "It is off: no rule runs.", "Switch to shadow to see what would run.", link
        )  # fmt: skip
    elif location.automation_mode == Location.AutomationMode.SHADOW:
        yield Finding(
            Level.OK, "Automation", "Shadow: what rules would do is recorded, nothing is sent.",
            "Go live once nothing is missing.", link,
        )  # fmt: skip
    else:
        since = f" since {location.local(location.live_since):%d %b %Y, %H:%M}" if location.live_since else ""
        yield Finding(Level.OK, "Automation", f"Live{since}.", link=link)


def _page(location: Location) -> str:
    return reverse("admin:accounts_location_change", args=(location.public_id,))


def _minutes(start: time, end: time) -> int:
    """Minutes from one time of day to the next time it is the other."""
    return ((end.hour - start.hour) * 60 + end.minute - start.minute) % (24 * 60)


def _covers(start: time, end: time, first: time, last: time) -> bool:
    """Whether the quiet time from `start` to `end` holds all of the night from `first` to `last`."""
    return _minutes(start, first) + _minutes(first, last) <= _minutes(start, end)


def connect() -> None:
    """Called from AppConfig.ready()."""
    for check in (contact_details, clock, opening_hours, quiet_hours, people, mode):
        doctor.checks.register(f"accounts.{check.__name__}", check)
