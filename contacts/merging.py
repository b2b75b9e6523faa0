"""Two contacts that are one person become one: the survivor gets everything, the other points at it.

Every foreign key to a contact is found by asking the models, so that a new app's rows move without anybody
thinking of it. Where plain re-pointing would break a rule (a log that is append-only, one open task of a
type), the app registers a mover for its model. Nothing is deleted. What is done
is written down with it, so that `contacts.unmerging` can take it back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models, transaction

from contacts import consent, editing, events, pipeline, search, stages, uniting, warmness
from contacts.commands import StageMove
from contacts.locks import contacts_for_update, email_lock, hold, identity_lock, phone_lock
from contacts.merge_journal import Journal, values
from contacts.merge_models import ContactMerge
from contacts.models import Contact, ExternalIdentity
from contacts.signals import PERSONAL
from contacts.vocabulary import Channel, ConsentState
from core import clock, work
from core import events as log
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event, FieldChange
from core.registry import Registry

REASON = "merged"
STAGE = ("current_pipeline", "current_stage", "stage_entered_at")


@dataclass(frozen=True)
class Merge:
    """Two locked contacts of one clinic on their way to being one."""

    keep: Contact
    away: Contact
    cause: Cause
    now: datetime
    journal: Journal = dataclasses.field(default_factory=Journal)

    def repoint(self, rows: models.QuerySet[Any], column: str) -> int:
        """Point rows of `away` at `keep`, and write down which; how many they were."""
        return self.journal.repoint(rows, column, old=self.away.pk, new=self.keep.pk)


Mover = Callable[[Merge], int]
"""Moves the rows of one model from `away` to `keep`, which are saved as they will be; answers how many went."""

movers: Registry[Mover] = Registry("mover of a contact's rows")
"""By model, for instance "tasks.task"; models that are not here are re-pointed."""

next_visits: Registry[Callable[[Iterable[int], datetime], Mapping[int, datetime]]] = Registry("next visit")
"""Who knows when contacts come next: (contact ids, now) -> moment by contact id."""


def stays(merge: Merge) -> int:
    """The mover of rows that stay where they are and are read from both: logs, and what is derived."""
    return 0


@transaction.atomic
def merge_contacts(*, keep_id: int, away_id: int, cause: Cause) -> Contact:
    """Make two contacts of one clinic one; returns the survivor. No rule runs because of it.

    Raises Invalid for one and the same contact or two clinics, Conflict when one of them was merged already or
    the survivor is hidden, NotFound when one is not there.
    """
    keep, away = locked(keep_id, away_id)
    _refuse(keep, away)
    merge = Merge(keep, away, cause, clock.now())
    steps = _steps(merge)
    before = personal(keep, away)
    come_from = keep.current_stage
    changed = _unite(merge, steps)
    carry_withdrawals(away, to=keep, reason=REASON, cause=cause)
    moved = {label: count for label, move in _plan() if (count := move(merge))}
    waiting = work.move_subject(f"contact:{away.pk}", f"contact:{keep.pk}")
    event = _tell(merge, before, data={
        "away": away.pk, "fields": changed, "moved": moved, "from_stage": come_from, "to_stage": keep.current_stage,
    })  # fmt: skip
    ContactMerge.objects.create(
        location_id=keep.location_id, keep=keep, away=away, event_id=event.pk, at=merge.now, work=waiting,
        moves=merge.journal.moves, changes=merge.journal.changes, cause_kind=cause.kind, cause_id=str(cause.id),
    )  # fmt: skip
    search.refresh([keep])
    warmness.rescore({keep.pk: keep}, {keep.pk: cause})
    return keep


def locked(keep_id: int, away_id: int, *, phones: Iterable[str] = ()) -> tuple[Contact, Contact]:
    """Both, with everybody whose row a merge touches, in order of id; names (and these phones) first, as whoever
    matches does."""
    pair = (keep_id, away_id)
    rows = Contact.objects.filter(pk__in=pair).values_list("location_id", "phone", "email")
    names = []
    for place, phone, email in rows:
        names += [phone_lock(place, other) for other in phones]
        names += [phone_lock(place, phone)] if phone else []
        names += [email_lock(place, email)] if email else []
    known = ExternalIdentity.objects.filter(contact__in=pair)
    names += [identity_lock(*row) for row in known.values_list("location_id", "provider", "external_id")]
    hold(names)
    theirs = models.Q(guardian__in=pair) | models.Q(merged_into__in=pair)
    found = contacts_for_update({*pair, *Contact.objects.filter(theirs).values_list("pk", flat=True)})
    return found[keep_id], found[away_id]


def _refuse(keep: Contact, away: Contact) -> None:
    if keep.pk == away.pk:
        raise Invalid(
            "A contact cannot be merged into itself. Name another one.", code="same_contact",
            fields={"into": "This is the same contact."},
        )  # fmt: skip
    if keep.location_id != away.location_id:
        raise Invalid("Only contacts of one clinic can be merged.", code="other_location")
    for contact in (keep, away):
        if contact.merged_into_id is not None:
            raise Conflict(
                "One of these contacts was merged into another one meanwhile. Open the one that is left.",
                code="merged",
            )
    if keep.deleted_at is not None:
        raise Conflict("Bring the hidden contact back before merging another one into it.", code="hidden")


def relations() -> Iterator[tuple[type[models.Model], Any]]:
    """Every foreign key to a contact, as (model, field)."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.get_fields():
            if isinstance(field, models.ForeignKey) and field.related_model is Contact:
                yield model, field


def _plan() -> list[tuple[str, Mover]]:
    """What moves, by model: its app's mover, or plain re-pointing of each of its keys."""
    plan: dict[str, Mover] = {}
    for model, field in relations():
        label = model._meta.label_lower
        if label in movers:
            plan[label] = movers.get(label)
        else:
            plan[label if label not in plan else f"{label}.{field.name}"] = _repoint(model, field.attname)
    return list(plan.items())


def _repoint(model: type[models.Model], column: str) -> Mover:
    def move(merge: Merge) -> int:
        return merge.repoint(model._base_manager.filter(**{column: merge.away.pk}), column)

    return move


def _move_people(merge: Merge) -> int:
    """The household is reached through the survivor, and whoever was merged before points at it too."""
    members = merge.repoint(Contact.objects.filter(guardian=merge.away), "guardian_id")
    return members + merge.repoint(Contact.objects.filter(merged_into=merge.away), "merged_into_id")


def _steps(merge: Merge) -> tuple[pipeline.Place, ...]:
    """The way to the stage that fits the next visit; without a visit, to the one further along."""
    keep, away = merge.keep, merge.away
    coming: dict[int, datetime] = {}
    for _, visits in next_visits.items():
        coming.update(visits([keep.pk, away.pk], merge.now))
    here, there = stages.where(keep), stages.where(away)
    if coming:
        wanted = there if min(coming, key=lambda pk: coming[pk]) == away.pk else here
    else:
        wanted = pipeline.further(here, there)
    return pipeline.way(here, wanted) or ()


def _unite(merge: Merge, steps: tuple[pipeline.Place, ...]) -> list[str]:
    """Write both rows; the names of the survivor's fields that changed."""
    keep, away = merge.keep, merge.away
    wanted = uniting.united(_known(keep), _known(away)) | _reached(keep, away)
    # Whoever was called hot already does not become so by two records becoming one.
    wanted["warmness_score"] = max(keep.warmness_score, away.warmness_score)
    changed = sorted(name for name, value in wanted.items() if getattr(keep, name) != value)
    before = (
        values(keep, sorted({*changed, *STAGE} - {"warmness_score"})),
        values(away, ("phone", "guardian_id")),
    )
    if wanted["phone"] == away.phone:
        away.phone = ""
    if away.guardian_id == keep.pk:
        away.guardian_id = None
    for name in changed:
        setattr(keep, name, wanted[name])
    stages.follow(keep, steps, _move(merge))
    away.merged_into_id = keep.pk
    away.updated_at = keep.updated_at = merge.now
    # The phone is given up before it is taken.
    Contact.objects.bulk_update([away], ["phone", "guardian_id", "merged_into_id", "updated_at"])
    Contact.objects.bulk_update([keep], [*changed, *STAGE, "updated_at"])
    for contact, was in zip((keep, away), before, strict=True):
        merge.journal.changed(contact, was)
    for contact in (keep, away):
        contact.remember({*changed, "phone", "guardian_id"})
    return changed


def preview(keep: Contact, away: Contact) -> Contact:
    """The survivor as it would be; neither row is locked, and nothing is written."""
    steps = _steps(Merge(keep, away, Cause.system(REASON), clock.now()))
    after = copy(keep)
    for name, value in (uniting.united(_known(keep), _known(away)) | _reached(keep, away)).items():
        setattr(after, name, value)
    if steps:
        after.current_pipeline, after.current_stage = steps[-1]
    return after


def counts(away: Contact) -> list[tuple[str, int]]:
    """How many rows of each kind would go to the survivor, in the words of staff. One query for each kind."""
    found = []
    for model, field in carried():
        count = model._base_manager.filter(**{field.attname: away.pk}).count()
        if count:
            found.append((in_words(model, count), count))
    return found


def carried() -> Iterator[tuple[type[models.Model], Any]]:
    """The keys of the rows that go along, as (model, field): not what stays, and not who was merged before."""
    for model, field in relations():
        label = model._meta.label_lower
        if field.name != "merged_into" and not (label in movers and movers.get(label) is stays):
            yield model, field


def in_words(model: type[models.Model], count: int) -> str:
    """What staff call so many rows that go along."""
    if model is Contact:
        return "of the household"
    return str(model._meta.verbose_name if count == 1 else model._meta.verbose_name_plural)


def _known(contact: Contact) -> dict[str, Any]:
    return {name: getattr(contact, name) for name in uniting.FIELDS}


def _reached(keep: Contact, away: Contact) -> dict[str, Any]:
    """How the survivor is reached: on its own phone, else on the other's own, else through a household."""
    if keep.phone:
        return {"phone": keep.phone, "guardian_id": None}
    if away.phone:
        return {"phone": away.phone, "guardian_id": None}
    guardian_id = keep.guardian_id or away.guardian_id
    return {"phone": "", "guardian_id": guardian_id if guardian_id != keep.pk else None}


def _move(merge: Merge) -> StageMove:
    place = stages.where(merge.keep)
    return StageMove(merge.keep.pk, place.pipeline, place.stage, REASON, cause=merge.cause)


def carry_withdrawals(of: Contact, *, to: Contact, reason: str, cause: Cause) -> None:
    """The stricter holds: whoever said STOP on one number said it on the other too."""
    states = consent.consent_for(to.location_id, [of.phone, of.email])
    for channel, mine, theirs in ((Channel.SMS, to.phone, of.phone), (Channel.EMAIL, to.email, of.email)):
        purposes = [
            purpose for (where, purpose), state in states.get(theirs, {}).items()
            if where == channel and state == ConsentState.WITHDRAWN
        ]  # fmt: skip
        if mine and purposes:
            consent.set_consent(
                location_id=to.location_id, address=mine, channel=channel, purposes=purposes,
                state=ConsentState.WITHDRAWN, basis=reason, source="desk", cause=cause, contact_id=to.pk,
            )  # fmt: skip


def _tell(merge: Merge, before: Mapping[int, Mapping[str, str]], *, data: dict[str, Any]) -> Event:
    event = log.record(
        events.CONTACT_MERGED, cause=merge.cause, location_id=merge.keep.location_id, contact_id=merge.keep.pk,
        data=data, source=editing.event_source(merge.cause),
    )  # fmt: skip
    assert event is not None
    keep_personal(event, (merge.keep, merge.away), before)
    return event


def personal(*contacts: Contact) -> dict[int, dict[str, str]]:
    """The personal values of these contacts, for `keep_personal`."""
    return {contact.pk: {name: getattr(contact, name) for name in PERSONAL} for contact in contacts}


def keep_personal(event: Event, contacts: Iterable[Contact], before: Mapping[int, Mapping[str, str]]) -> None:
    """Write which personal values an event changed."""
    FieldChange.objects.bulk_create(
        FieldChange(
            event_id=event.pk, location_id=contact.location_id, contact_id=contact.pk, model="contacts.contact",
            object_id=contact.pk, field=name, old=old, new=getattr(contact, name), at=event.recorded_at,
        )
        for contact in contacts
        for name, old in before[contact.pk].items()
        if old != getattr(contact, name)
    )  # fmt: skip


def connect() -> None:
    """Called when the app is ready."""
    movers.register("contacts.contact", _move_people)
    for label in ("stagechange", "warmnessdelta", "warmnesshistory", "contactsearch", "contactmerge"):
        movers.register(f"contacts.{label}", stays)
