"""Taking a merge back: two contacts again, each with its own.

What the merge moved and is still with the survivor goes back, and so does what hangs on a visit that goes back.
Values nobody has changed since become what they were. What came since stays with the survivor. An opt-out of
either stays with both. No rule runs because of it, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import models, transaction

from contacts import editing, events, merging, pipeline, search, stages, warmness
from contacts.commands import StageMove
from contacts.merge_journal import Restored, give_back, read, restore
from contacts.merge_models import ContactMerge
from contacts.models import Contact
from core import clock, work
from core import events as log
from core.causes import Cause
from core.errors import Conflict
from core.events import NewEvent
from core.models import Event
from core.registry import Registry

REASON = "unmerged"
CONTACT = "contacts.contact"
SHOWN = 200


@dataclass(frozen=True)
class Undo:
    """Two locked contacts that are two again. `back` holds the ids of the rows that went back to `away`, by model;
    `restored` those that are as they were.
    """

    keep: Contact
    away: Contact
    cause: Cause
    now: datetime
    back: dict[str, set[int]]
    restored: Restored


@dataclass(frozen=True)
class Undone:
    """What came of it. `kept` names the fields that were changed since and stayed as they are; `stayed` the rows that
    came since and stayed with the survivor: model -> ids (at most SHOWN each), newest first.
    """

    survivor: Contact
    contact: Contact
    back: Mapping[str, int]
    kept: tuple[str, ...]
    stayed: Mapping[str, list[int]]


afterwards: Registry[Callable[[Undo], None]] = Registry("what an app does after a merge was undone")

carriers: Registry[type[models.Model]] = Registry("model whose rows take along what hangs on them")
"""Rows of other models that name such a row go where it goes, whenever they were made."""


def standing(keep: Contact) -> list[ContactMerge]:
    """The merges into this contact that can be undone one after the other: the last first."""
    rows = ContactMerge.objects.filter(keep=keep, undone_at__isnull=True)
    return list(rows.select_related("away").order_by("-pk"))


@transaction.atomic
def unmerge_contact(*, contact_id: int, cause: Cause) -> Undone:
    """Make a contact that was merged into another one a contact of its own again.

    Raises Conflict when it is not merged (`not_merged`), was merged before merges were written down
    (`no_record`), or another merge has to be undone first (`undo_order`; `fields.first` says whose).
    """
    record = _record_of(contact_id)
    phones = {value for change in record.changes if change[2] == "phone" for value in change[3:] if value}
    keep, away = merging.locked(record.keep_id, record.away_id, phones=phones)
    record = _record_of(contact_id)
    _refuse(record, keep)
    now, before = clock.now(), merging.personal(keep, away)
    since = list(made_since(record))
    back = give_back(record.moves)
    _take_along(record, back)
    people = [change for change in record.changes if change[0] == CONTACT]
    kept = _restore_people(keep, away, people, _Doing(cause, now, back))
    restored = restore(change for change in record.changes if change[0] != CONTACT)
    kept += sorted(label for label, ids in restored.left.items() if ids)
    for _, finish in afterwards.items():
        finish(Undo(keep, away, cause, now, back, restored))
    _give_back_work(record, back)
    # The stricter still holds for both: nobody can tell which of the two said STOP while they were one.
    for of, to in ((keep, away), (away, keep)):
        merging.carry_withdrawals(of, to=to, reason=REASON, cause=cause)
    moved = {label: len(ids) for label, ids in back.items() if ids}
    stayed = dict(_left(since, back))
    _tell(
        keep,
        away,
        cause,
        before,
        kept=kept,
        moved=moved,
        stayed={label: len(ids) for label, ids in stayed.items()},
    )
    record.undone_at, record.undone_by_kind, record.undone_by_id = now, cause.kind, str(cause.id)
    record.save(update_fields=["undone_at", "undone_by_kind", "undone_by_id"])
    search.refresh([keep, away])
    # Whoever becomes hot by being two again did nothing to tell of.
    warmness.rescore(
        {row.pk: row for row in (keep, away)}, {row.pk: cause for row in (keep, away)}, tell=False
    )
    return Undone(keep, away, moved, tuple(kept), stayed)


def _left(
    since: Iterable[tuple[str, list[int]]], back: Mapping[str, set[int]]
) -> Iterator[tuple[str, list[int]]]:
    """Of what came since the merge, what did not go along with a visit."""
    for label, ids in since:
        left = [pk for pk in ids if pk not in back.get(label, ())][:SHOWN]
        if left:
            yield label, left


def _record_of(contact_id: int) -> ContactMerge:
    record = ContactMerge.objects.filter(away=contact_id, undone_at__isnull=True).first()
    if record is not None:
        return record
    if Contact.objects.filter(pk=contact_id, merged_into__isnull=False).exists():
        raise Conflict(
            "This merge was made before merges were written down, so it cannot be undone.", code="no_record"
        )
    raise Conflict("This contact is not merged into another one.", code="not_merged")


def _refuse(record: ContactMerge, keep: Contact) -> None:
    """The last merge is undone first: into this survivor, and of the survivor itself."""
    if keep.merged_into_id is not None:
        raise Conflict(
            "The contact it was merged into was itself merged into another one since. Undo that merge first.",
            code="undo_order", fields={"first": str(keep.public_id)},
        )  # fmt: skip
    later = standing(keep)[0]
    if later.pk != record.pk:
        raise Conflict(
            "Another contact was merged into the same one later. Undo that merge first.",
            code="undo_order", fields={"first": str(later.away.public_id)},
        )  # fmt: skip


def made_since(record: ContactMerge) -> Iterator[tuple[str, list[int]]]:
    """The rows of the survivor that came after a merge, newest first, by model. One query for each model."""
    for model, field in merging.carried():
        rows = model._base_manager.filter(**{field.attname: record.keep_id}, created_at__gte=record.at)
        ids = list(rows.order_by("-pk").values_list("pk", flat=True)[: SHOWN + 1])
        if ids:
            yield model._meta.label_lower, ids


def named(stayed: Mapping[str, list[int]]) -> dict[str, list[str]]:
    """The public ids of these rows, by model."""
    found = {}
    for label, ids in stayed.items():
        rows = apps.get_model(label)._base_manager.filter(pk__in=ids)
        by_pk = dict(rows.values_list("pk", "public_id"))
        found[label] = [str(by_pk[pk]) for pk in ids if pk in by_pk]
    return found


def _take_along(record: ContactMerge, back: dict[str, set[int]]) -> None:
    """What hangs on a row that went back goes with it, though it came since: the reminder with its visit."""
    for label, carrier in carriers.items():
        ids = back.get(label)
        if not ids:
            continue
        for model, field in merging.relations():
            for link in model._meta.concrete_fields:
                if link.related_model is carrier:
                    rows = model._base_manager.filter(
                        **{f"{link.name}__in": ids, field.attname: record.keep_id}
                    )
                    made = list(rows.values_list("pk", flat=True))
                    model._base_manager.filter(pk__in=made).update(**{field.attname: record.away_id})
                    back.setdefault(model._meta.label_lower, set()).update(made)


@dataclass(frozen=True)
class _Doing:
    cause: Cause
    now: datetime
    back: dict[str, set[int]]


def _restore_people(keep: Contact, away: Contact, changes: list[list[Any]], doing: _Doing) -> list[str]:
    """Write both rows; the names of the survivor's fields that somebody changed since, which stay."""
    was = {
        (pk, name): (read(Contact, name, old), read(Contact, name, new)) for _, pk, name, old, new in changes
    }
    of_keep = {name: pair for (pk, name), pair in was.items() if pk == keep.pk}
    kept = [name for name, (_, new) in of_keep.items() if getattr(keep, name) != new]
    back = {name: old for name, (old, _) in of_keep.items() if name not in kept}
    away.merged_into_id = None
    away.updated_at = keep.updated_at = doing.now
    if set(merging.STAGE) & of_keep.keys() and not set(merging.STAGE) & set(kept):
        _step_back(keep, back, doing)
    kept = ["stage", *(n for n in kept if n not in merging.STAGE)] if set(merging.STAGE) & set(kept) else kept
    for name in back.keys() - {*merging.STAGE, "phone", "guardian_id"}:
        setattr(keep, name, back[name])
    kept += _restore_reach(keep, away, was, back, doing)
    # The phone is given up before it is taken.
    Contact.objects.bulk_update([keep], [*back, *merging.STAGE, "phone", "guardian", "updated_at"])
    Contact.objects.bulk_update([away], ["phone", "guardian", "merged_into", "updated_at"])
    for contact in (keep, away):
        contact.remember()
    return sorted(set(kept))


def _step_back(keep: Contact, back: dict[str, Any], doing: _Doing) -> None:
    """To the stage of before, entered when it was: what waits for a stage to last does not begin anew."""
    there = pipeline.Place(
        back.get("current_pipeline", keep.current_pipeline), back.get("current_stage", keep.current_stage)
    )
    if there != stages.where(keep):
        stages.follow(keep, [there], StageMove(keep.pk, *there, REASON, cause=doing.cause))
    keep.stage_entered_at = back.get("stage_entered_at", keep.stage_entered_at)


def _restore_reach(
    keep: Contact, away: Contact, was: Mapping[Any, Any], back: Mapping[str, Any], doing: _Doing
) -> list[str]:
    """Phones and households as they were, where that still can be; what could not be given back."""
    kept = []
    phone = was.get((away.pk, "phone"), ("", ""))[0]
    guardian = was.get((away.pk, "guardian_id"), (None, None))[0]
    if "phone" in back:
        keep.phone = back["phone"]
    if not keep.phone and "guardian_id" in back:
        keep.guardian_id = _head_of(back["guardian_id"], keep, away)
    if phone and _owned_by_another(keep, away, phone):
        kept.append("phone_of_other")
    elif phone:
        away.phone = phone
        if not keep.phone:
            # Whoever joined the household since is reached on the phone that goes back.
            joined = list(
                Contact.objects.filter(guardian=keep).exclude(pk=away.pk).values_list("pk", flat=True)
            )
            Contact.objects.filter(pk__in=joined).update(guardian=away, updated_at=doing.now)
            doing.back.setdefault(CONTACT, set()).update(joined)
    if guardian is not None and not away.phone:
        away.guardian_id = keep.guardian_id or keep.pk
    return kept


def _head_of(guardian_id: int | None, keep: Contact, away: Contact) -> int | None:
    """Whom that guardian is today: somebody merged since is who they were merged into."""
    if guardian_id is None or guardian_id == away.pk:
        return guardian_id
    found = Contact.objects.filter(pk=guardian_id).who().get()
    return None if found == keep.pk else found


def _owned_by_another(keep: Contact, away: Contact, phone: str) -> bool:
    others = Contact.objects.filter(location=keep.location_id, phone=phone).exclude(pk__in=(keep.pk, away.pk))
    return keep.phone == phone or others.exists()


def _give_back_work(record: ContactMerge, back: Mapping[str, set[int]]) -> None:
    """What waited for the other one waits for it again, with what is about a visit that went back."""
    here, there = f"contact:{record.keep_id}", f"contact:{record.away_id}"
    visits = [pk for label, _ in carriers.items() for pk in back.get(label, ())]
    about = Event.objects.filter(contact_id=record.keep_id, booking_id__in=visits, pk__gt=record.event_id)
    later = work.waiting_for(here, events=about.values_list("pk", flat=True)) if visits else []
    work.move_subject(here, there, only=[*record.work, *later])


def _tell(
    keep: Contact, away: Contact, cause: Cause, before: Mapping[int, Mapping[str, str]], **data: Any
) -> None:
    """One event in the history of each."""
    told = log.record_many([
        NewEvent(
            type=events.CONTACT_UNMERGED, cause=cause, location_id=keep.location_id, contact_id=contact.pk,
            data={**data, "keep": keep.pk, "away": away.pk}, source=editing.event_source(cause),
        )
        for contact in (keep, away)
    ])  # fmt: skip
    for event, contact in zip(told, (keep, away), strict=True):
        merging.keep_personal(event, [contact], before)
