"""Numbers and e-mails that people had: from the log of personal fields, as far as it was not erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from contacts.models import Contact
from core.models import FieldChange

_Changes = dict[tuple[int, str], list[tuple[datetime, str]]]


@dataclass(frozen=True, slots=True)
class Addresses:
    """What contacts, and the owners of their numbers, are reached on; before each change and now."""

    changes: _Changes

    @classmethod
    def of(cls, contacts: Collection[Contact]) -> Addresses:
        """Those of some contacts; one query."""
        ids = {one.pk for one in contacts} | {
            one.guardian_id for one in contacts if one.guardian_id is not None
        }
        rows = FieldChange.objects.filter(
            contact_id__in=ids, model="contacts.contact", field__in=("phone", "email")
        )
        changes: _Changes = defaultdict(list)
        for contact_id, field, at, old in rows.order_by("pk").values_list("contact_id", "field", "at", "old"):
            changes[contact_id or 0, field].append((at, old))
        return cls(dict(changes))

    def all(self) -> set[str]:
        """Every address that was given up."""
        return {old for changes in self.changes.values() for _, old in changes if old}

    def phone(self, contact: Contact, at: datetime) -> str:
        """The number that texts went to."""
        owner = contact if contact.guardian is None else contact.guardian
        return self._then(owner, "phone", owner.phone, at)

    def email(self, contact: Contact, at: datetime) -> str:
        """Where e-mails went to."""
        return self._then(contact, "email", contact.email, at)

    def _then(self, contact: Contact, field: str, now: str, at: datetime) -> str:
        later = (old for changed, old in self.changes.get((contact.pk, field), ()) if changed > at)
        return next(later, now)
