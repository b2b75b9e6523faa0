"""The four pipelines: their stages, the moves between them, and the way a booking takes a contact along.

Pure. The table is domain.md §3: "forward" is any later stage of the row, and a row's further moves stand
beside it. A move to the present stage is no move and succeeds. Two things ask: rules and bookings ask
``path``, people ask ``staff_path``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from core.errors import Invalid
from core.machine import Machine, MoveRefused

LEAD_TO_BOOKING = "lead_to_booking"
PRE_APPOINTMENT = "pre_appointment"
POST_APPOINTMENT = "post_appointment"
PARTNERSHIP = "partnership"


class Place(NamedTuple):
    """Where a contact stands: a pipeline and one of its stages."""

    pipeline: str
    stage: str

    def __str__(self) -> str:
        return f"{self.pipeline}/{self.stage}"


_TABLE: dict[str, tuple[str, dict[str, str]]] = {
    LEAD_TO_BOOKING: (
        "Lead to booking",
        {
            "new_lead": "New lead",
            "contacted": "Contacted",
            "engaged": "Engaged",
            "booking_attempted": "Booking attempted",
            "booked": "Booked",
            "dead_lost": "Lost",
        },
    ),
    PRE_APPOINTMENT: (
        "Before the visit",
        {
            "booking_confirmed": "Booked in",
            "reminded": "Reminded",
            "confirmed": "Confirmed",
            "needs_attention": "Needs attention",
            "ready": "Ready",
        },
    ),
    POST_APPOINTMENT: (
        "After the visit",
        {
            "attended": "Attended",
            "results_sent": "Results sent",
            "review_requested": "Review requested",
            "referral_invited": "Referral invited",
            "recall_due": "Recall due",
            "cancelled_rescue": "Cancelled, to rescue",
            "did_not_attend": "Did not attend",
            "dormant": "Dormant",
        },
    ),
    PARTNERSHIP: (
        "Partnership",
        {
            "identified": "Identified",
            "qualified": "Qualified",
            "contacted": "Contacted",
            "in_discussion": "In discussion",
            "active": "Active",
            "completed": "Completed",
        },
    ),
}

PIPELINES: dict[str, tuple[str, ...]] = {name: tuple(stages) for name, (_, stages) in _TABLE.items()}
PIPELINE_LABELS: dict[str, str] = {name: label for name, (label, _) in _TABLE.items()}
STAGE_LABELS: dict[Place, str] = {
    Place(name, stage): label for name, (_, stages) in _TABLE.items() for stage, label in stages.items()
}
"""The label of each place, in the order of the table. Two pipelines have a stage "contacted"."""

START = Place(LEAD_TO_BOOKING, "new_lead")
ENGAGED = Place(LEAD_TO_BOOKING, "engaged")
BOOKED = Place(LEAD_TO_BOOKING, "booked")
DEAD_LOST = Place(LEAD_TO_BOOKING, "dead_lost")
BOOKING_CONFIRMED = Place(PRE_APPOINTMENT, "booking_confirmed")
NEEDS_ATTENTION = Place(PRE_APPOINTMENT, "needs_attention")
RECALL_DUE = Place(POST_APPOINTMENT, "recall_due")
DORMANT = Place(POST_APPOINTMENT, "dormant")

VISIT_RESULTS = tuple(
    Place(POST_APPOINTMENT, stage) for stage in ("attended", "did_not_attend", "cancelled_rescue")
)
"""How a visit can end; a contact comes here from any stage before the visit."""

REASON_NEEDED = frozenset({DEAD_LOST, DORMANT})
"""Where a person may move a contact only by saying why."""


def _places(pipeline: str) -> list[Place]:
    return [Place(pipeline, stage) for stage in PIPELINES[pipeline]]


def _moves() -> Iterator[tuple[Place, Place]]:
    """Every move of domain.md §3."""
    for pipeline in PIPELINES:
        row = _places(pipeline)
        for position, place in enumerate(row):
            yield from ((place, later) for later in row[position + 1 :])
    yield Place(LEAD_TO_BOOKING, "booking_attempted"), ENGAGED
    yield from ((DEAD_LOST, reopened) for reopened in (START, ENGAGED))
    yield from ((BOOKED, place) for place in _places(PRE_APPOINTMENT))
    yield NEEDS_ATTENTION, Place(PRE_APPOINTMENT, "confirmed")
    for place in _places(PRE_APPOINTMENT):
        yield place, BOOKING_CONFIRMED
        yield from ((place, result) for result in VISIT_RESULTS)
    for place in _places(POST_APPOINTMENT):
        yield from ((place, target) for target in (RECALL_DUE, DORMANT, BOOKING_CONFIRMED, ENGAGED))
    yield Place(PARTNERSHIP, "in_discussion"), Place(PARTNERSHIP, "contacted")


def _machine() -> Machine:
    table: dict[str, set[str]] = {str(place): set() for place in STAGE_LABELS}
    for source, target in _moves():
        table[str(source)].add(str(target))
    return Machine("contact", table)


MACHINE = _machine()


def place(pipeline: str, stage: str) -> Place:
    """The place of that name.

    Raises Invalid, naming what there is, when there is no such pipeline or stage.
    """
    if pipeline not in PIPELINES:
        raise Invalid(
            f"There is no pipeline {pipeline!r}. The pipelines are: {', '.join(PIPELINES)}.",
            code="unknown_pipeline",
            fields={"pipeline": "No such pipeline."},
        )
    if stage not in PIPELINES[pipeline]:
        stages = ", ".join(PIPELINES[pipeline])
        raise Invalid(
            f"The pipeline {pipeline!r} has no stage {stage!r}. Its stages are: {stages}.",
            code="unknown_stage",
            fields={"stage": "No such stage."},
        )
    return Place(pipeline, stage)


def read(text: str) -> Place:
    """The place of which this is the text, as forms post it. Raises Invalid as `place` does."""
    name, _, stage = text.partition("/")
    return place(name, stage)


def label(where: Place) -> str:
    """The place as staff read it, for instance "Lead to booking: New lead"."""
    return f"{PIPELINE_LABELS[where.pipeline]}: {STAGE_LABELS[where]}"


def allowed(source: Place, target: Place) -> bool:
    """True when the table has the move, or it is no move at all."""
    return MACHINE.allowed(str(source), str(target))


def targets(source: Place) -> tuple[Place, ...]:
    """Where a person may move a contact from here, in the order of the table."""
    return tuple(target for target in STAGE_LABELS if target != source and allowed(source, target))


def path(source: Place, target: Place) -> tuple[Place, ...]:
    """The steps that take a contact from one place to another, the target last; () when already there.

    One step where the table has the move. A booking takes its contact along from wherever they are: to
    booking_confirmed, and to how the visit ended, by way of ``booked``. From booked and from before the
    visit the table leads on by itself. After a visit, another visit's end (or a corrected one) goes by way
    of booking_confirmed. Each step is one StageChange. Raises MoveRefused, naming both places, for anything
    else.
    """
    if source == target:
        return ()
    if target == BOOKING_CONFIRMED and source.pipeline != PRE_APPOINTMENT and source != BOOKED:
        return (BOOKED, target)
    if allowed(source, target):
        return (target,)
    if target in VISIT_RESULTS:
        onward = (
            (BOOKING_CONFIRMED,) if source.pipeline == POST_APPOINTMENT else path(source, BOOKING_CONFIRMED)
        )
        return (*onward, target)
    raise refusal(source, target)


def staff_path(source: Place, target: Place, *, reason: str) -> tuple[Place, ...]:
    """The steps of a move by a person: only the moves of the table, some with a reason; () for no move.

    Raises MoveRefused naming both places, or Invalid when the reason is missing.
    """
    if source == target:
        return ()
    if not allowed(source, target):
        raise refusal(source, target)
    if target in REASON_NEEDED and not reason.strip():
        raise Invalid(
            f"Say why: moving a contact to {label(target)!r} needs a reason.",
            code="reason_needed",
            fields={"reason": "A reason is needed for this move."},
        )
    return (target,)


def way(source: Place, target: Place) -> tuple[Place, ...] | None:
    """The fewest moves of the table that lead from one place to another, the target last; () when already there,
    None when no moves do. Nobody is given up or put to sleep on the way.
    """
    came: dict[Place, Place | None] = {source: None}
    queue = deque([source])
    while queue and target not in came:
        here = queue.popleft()
        for onward in targets(here):
            if onward not in came and (onward == target or onward not in REASON_NEEDED):
                came[onward] = here
                queue.append(onward)
    if target not in came:
        return None
    steps: list[Place] = []
    step: Place | None = target
    while step is not None and step != source:
        steps.insert(0, step)
        step = came[step]
    return tuple(steps)


def further(one: Place, other: Place) -> Place:
    """Which of two places of one person is further along; `one` when neither is.

    Pipelines count in their order, stages in theirs; who was given up or sleeps is behind who is not.
    """
    return other if _progress(other) > _progress(one) else one


def _progress(where: Place) -> tuple[bool, int, int]:
    order = list(PIPELINES)
    return (
        where not in REASON_NEEDED,
        order.index(where.pipeline) if where.pipeline != PARTNERSHIP else -1,
        PIPELINES[where.pipeline].index(where.stage),
    )


def refusal(source: Place, target: Place) -> MoveRefused:
    """The error of a move that the table does not have; names both places, in words and as stored."""
    message = f"A contact cannot go from {label(source)!r} ({source}) to {label(target)!r} ({target})."
    return MoveRefused(message, machine=MACHINE.name, source=str(source), target=str(target))


def is_engaged(pipeline: str, stage: str) -> bool:
    """True for a lead that is engaged or further: later in the pipeline, or with a visit.

    A lost lead is not.
    """
    where = Place(pipeline, stage)
    if pipeline == LEAD_TO_BOOKING:
        order = PIPELINES[LEAD_TO_BOOKING]
        return where != DEAD_LOST and order.index(stage) >= order.index(ENGAGED.stage)
    return pipeline in (PRE_APPOINTMENT, POST_APPOINTMENT)
