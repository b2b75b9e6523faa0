"""What staff do to chosen contacts, and how it is taken back: moving along a pipeline, giving to an owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts import access, roles
from accounts.desk_kinds import Doing, Kind, State, back_one_by_one, kinds, one_by_one
from accounts.models import User
from contacts import pipeline, stages
from contacts.commands import StageMove
from contacts.editing import update_contact
from contacts.locks import lock_those_there
from contacts.models import Contact
from contacts.pipeline import Place
from core.errors import DomainError, Invalid

MOVE_STAGE = "contacts.move_stage"
ASSIGN_OWNER = "contacts.assign_owner"


def _place(parameters: Mapping[str, Any]) -> Place:
    return pipeline.place(str(parameters["pipeline"]), str(parameters["stage"]))


def _stages(ids: Sequence[int]) -> dict[int, State]:
    rows = Contact.objects.live().filter(pk__in=ids)
    return {
        pk: {"pipeline": name, "stage": stage, "since": since.isoformat()}
        for pk, name, stage, since in rows.values_list(
            "pk", "current_pipeline", "current_stage", "stage_entered_at"
        )
    }


def _move(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    target = _place(doing.parameters)
    results = stages.move_stages([StageMove(pk, *target, doing.reason, cause=doing.cause) for pk in ids])
    return {result.contact_id: result.error for result in results if result.error is not None}


def _judge_move(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    target, refused = _place(doing.parameters), {}
    for pk, state in _stages(ids).items():
        try:
            pipeline.staff_path(Place(state["pipeline"], state["stage"]), target, reason=doing.reason)
        except DomainError as refusal:
            refused[pk] = refusal
    return refused


def _move_back(doing: Doing, pk: int, before: State) -> None:
    place = pipeline.place(before["pipeline"], before["stage"])
    since = datetime.fromisoformat(before["since"])
    stages.take_move_back(contact_id=pk, place=place, since=since, cause=doing.cause)


def _owners(ids: Sequence[int]) -> dict[int, State]:
    rows = Contact.objects.live().filter(pk__in=ids).values_list("pk", "owner_id")
    return {pk: {"owner": owner_id} for pk, owner_id in rows}


def _new_owner(doing: Doing) -> int | None:
    wanted = doing.parameters.get("owner")
    if wanted is None:
        return None
    user = User.objects.filter(pk=wanted, is_active=True).first()
    if user is None or not access.allowed(user, roles.UPDATE, "contacts", doing.location):
        raise Invalid(
            "That person does not work with this clinic's contacts.", code="not_at_location",
            fields={"owner": "works elsewhere"},
        )  # fmt: skip
    return user.pk


def _assign(doing: Doing, pk: int) -> None:
    update_contact(contact_id=pk, fields={"owner_id": _new_owner(doing)}, cause=doing.cause)


def _assign_back(doing: Doing, pk: int, before: State) -> None:
    update_contact(contact_id=pk, fields={"owner_id": before["owner"]}, cause=doing.cause)


def _judge_owner(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    try:
        _new_owner(doing)
    except DomainError as refusal:
        return dict.fromkeys(ids, refusal)
    return {}


def _who(ids: Sequence[int]) -> dict[int, int]:
    return {pk: pk for pk in ids}


def _given(parameters: Mapping[str, Any]) -> str:
    return "Given to a colleague" if parameters.get("owner") else "Given to nobody"


def connect() -> None:
    """Called from AppConfig.ready()."""
    kinds.register(
        MOVE_STAGE,
        Kind(
            label="Move to another stage", resource="contacts", model="contacts.Contact", read=_stages, run=_move,
            undo=back_one_by_one(_move_back), lock=lock_those_there, contacts=_who, judge=_judge_move,
            said=lambda parameters: f"Moved to {pipeline.label(_place(parameters))}",
        ),
    )  # fmt: skip
    kinds.register(
        ASSIGN_OWNER,
        Kind(
            label="Give to an owner", resource="contacts", model="contacts.Contact", read=_owners,
            run=one_by_one(_assign), undo=back_one_by_one(_assign_back), lock=lock_those_there, contacts=_who,
            judge=_judge_owner, said=_given,
        ),
    )  # fmt: skip
