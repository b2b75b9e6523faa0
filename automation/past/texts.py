"""Whether a text or an e-mail would have been kept from a person, by what they allowed then and whether their number
could be reached. Limits, quiet hours and stopped sending are left out: they ask what else went out.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from automation.actions import Action, SendEmail, SendSms
from contacts import services as contact_services
from contacts.models import Contact
from contacts.vocabulary import Channel, Purpose
from messaging import policy
from messaging.models import BlockedNumber, Template

if TYPE_CHECKING:
    from automation.past.people import People


class Texts:
    """What was allowed and possible for the addresses of some people."""

    def __init__(self, people: People) -> None:
        self.people = people

    @cached_property
    def _purposes(self) -> dict[tuple[str, str], str]:
        rows = Template.objects.filter(location=self.people.location).values_list(
            "channel", "name", "purpose"
        )
        return {(channel, name): purpose for channel, name, purpose in rows}

    @cached_property
    def _blocked(self) -> list[tuple[str, datetime, datetime | None]]:
        present = {one.reach_phone for one in self.people.contacts.values()} - {""}
        addresses = present | self.people.addresses.all()
        rows = BlockedNumber.objects.filter(location=self.people.location, address__in=addresses)
        return list(rows.values_list("address", "at", "lifted_at"))

    def kept_back(self, contact: Contact | None, action: Action, at: datetime) -> str:
        """Why what this action sends would not have gone, in plain words; empty when it would, or sends nothing."""
        if contact is None or not isinstance(action, SendSms | SendEmail):
            return ""
        channel = Channel.SMS if isinstance(action, SendSms) else Channel.EMAIL
        known = self.people.addresses
        address = known.phone(contact, at) if channel == Channel.SMS else known.email(contact, at)
        purpose = self._purposes.get((channel, action.template or ""), Purpose.SERVICE)
        said = contact_services.states_at(self.people.consents.get(address, ()), at)
        decision = policy.may_send(
            policy.Request(
                purpose=purpose,
                zone=self.people.location.zone,
                consent=said.get((channel, purpose), contact_services.CONSENT_DEFAULTS[purpose]),  # type: ignore[arg-type]
                opted_out=said.get((channel, Purpose.SERVICE)) == "withdrawn",
                blocked_number=any(
                    blocked == address and since <= at and (lifted is None or at < lifted)
                    for blocked, since, lifted in self._blocked
                ),
            ),
            now=at,
        )
        return decision.words if decision.kind == "suppress" else ""
