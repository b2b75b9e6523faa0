"""What the story's steps need to find: clinics, colleagues, people and their visits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Location, User
from avatar_cms.demo.diary import Diary, Slot
from avatar_cms.demo.people import PEOPLE, Person
from avatar_cms.demo.timeline import Plan
from bookings.models import Booking, Status
from contacts.models import Contact
from core import localtime
from core.causes import Cause
from messaging import services as message_services
from messaging.models import Conversation

#: Who does the desk's work; Melbourne is looked after by the administrator.
DESKS = {"sydney": "staff@demo.test", "melbourne": "admin@demo.test"}


@dataclass
class World:
    """The demo clinics by code, and who works there."""

    locations: dict[str, Location]
    colleagues: dict[str, User]
    plan: Plan | None = None
    _answered: int = field(default=0)

    @classmethod
    def of(cls) -> World:
        """Raises KeyError when the demo clinics or their people are not there."""
        locations = Location.objects.filter(code__in=DESKS).in_bulk(field_name="code")
        users = User.objects.filter(email__in=DESKS.values()).in_bulk(field_name="email")
        return cls(
            {code: locations[code] for code in DESKS}, {code: users[mail] for code, mail in DESKS.items()}
        )

    def diaries(self, until: datetime) -> dict[str, Diary]:
        return {
            code: Diary(code, location.hours, localtime.local_day(until, location.zone))
            for code, location in self.locations.items()
        }

    def location(self, person: Person) -> Location:
        return self.locations[person.clinic]

    def staff(self, clinic: str) -> Cause:
        return Cause.user(self.colleagues[clinic].pk)

    def find(self, who: str) -> Contact | None:
        person = PEOPLE[who]
        people = Contact.objects.select_related("location", "guardian").filter(location=self.location(person))
        return people.filter(name=who).order_by("pk").first()

    def contact(self, who: str) -> Contact:
        found = self.find(who)
        if found is None:
            raise LookupError(f"{who} is not known at the clinic yet.")
        return found

    def booking(self, who: str, slot: Slot) -> Booking | None:
        """The person's visit at that time, unless it was cancelled or moved meanwhile."""
        visits = Booking.objects.select_related("contact__guardian", "location").filter(
            contact__name=who, location=self.location(PEOPLE[who]), appointment_datetime=slot.start
        )
        return visits.exclude(status=Status.CANCELLED).order_by("pk").first()

    def answer(self, contact: Contact, body: str) -> None:
        """The desk writes to a contact, and has then seen the conversation."""
        cause = self.staff(contact.location.code)
        message_services.send_text(
            contact_id=contact.pk, body=body, cause=cause, key=f"demo:{contact.pk}:{body}"
        )
        for conversation_id in Conversation.objects.filter(contact=contact).values_list("pk", flat=True):
            message_services.mark_seen(conversation_id=conversation_id)
