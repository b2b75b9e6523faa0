from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from contacts import pipeline
from contacts.pipeline import (
    BOOKED,
    BOOKING_CONFIRMED,
    DEAD_LOST,
    DORMANT,
    ENGAGED,
    PIPELINES,
    STAGE_LABELS,
    START,
    VISIT_RESULTS,
    Place,
)
from core.errors import Invalid
from core.machine import MoveRefused

L, B, A, P = "lead_to_booking", "pre_appointment", "post_appointment", "partnership"
ROWS = {
    L: "new_lead contacted engaged booking_attempted booked dead_lost",
    B: "booking_confirmed reminded confirmed needs_attention ready",
    A: "attended results_sent review_requested referral_invited "
    "recall_due cancelled_rescue did_not_attend dormant",
    P: "identified qualified contacted in_discussion active completed",
}
ALL = [Place(name, stage) for name, row in ROWS.items() for stage in row.split()]


def table_has(source: Place, target: Place) -> bool:
    """domain.md §3, read a second time."""
    (p, s), (q, t) = source, target
    order = ROWS[p].split()
    if p == q and order.index(t) >= order.index(s):
        return True
    return (
        (source == (L, "booking_attempted") and target == (L, "engaged"))
        or (source == (L, "dead_lost") and target in ((L, "new_lead"), (L, "engaged")))
        or (source == (L, "booked") and q == B)
        or (source == (B, "needs_attention") and target in ((B, "confirmed"), (B, "ready")))
        or (p == B and target == (B, "booking_confirmed"))
        or (p == B and target in ((A, "attended"), (A, "did_not_attend"), (A, "cancelled_rescue")))
        or (
            p == A and target in ((A, "recall_due"), (A, "dormant"), (B, "booking_confirmed"), (L, "engaged"))
        )
        or (source == (P, "in_discussion") and target == (P, "contacted"))
    )


def test_the_pipelines_and_their_stages_are_domain_mds() -> None:
    assert {name: " ".join(stages) for name, stages in PIPELINES.items()} == ROWS
    assert list(STAGE_LABELS) == ALL
    assert START == (L, "new_lead")


def test_the_moves_are_domain_mds_table_for_every_pair() -> None:
    for source, target in itertools.product(ALL, ALL):
        assert pipeline.allowed(source, target) == table_has(source, target), (source, target)


def test_the_table_is_built_from_the_moves_alone() -> None:
    built = pipeline._machine()
    assert (built.name, built.states) == ("contact", tuple(str(place) for place in ALL))
    for source in ALL:
        expected = {str(target) for target in ALL if target != source and table_has(source, target)}
        assert built.targets(str(source)) - {str(source)} == expected


def test_a_person_may_make_exactly_the_moves_of_the_table() -> None:
    for source, target in itertools.product(ALL, ALL):
        if source == target:
            assert pipeline.staff_path(source, target, reason="") == ()
        elif table_has(source, target):
            assert pipeline.staff_path(source, target, reason="Asked to") == (target,)
        else:
            with pytest.raises(MoveRefused):
                pipeline.staff_path(source, target, reason="Asked to")


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        (ENGAGED, DEAD_LOST, "Lead to booking: Lost"),
        (Place(A, "attended"), DORMANT, "After the visit: Dormant"),
    ],
)
@pytest.mark.parametrize("reason", ["", "  "])
def test_losing_someone_needs_a_reason(source: Place, target: Place, said: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        pipeline.staff_path(source, target, reason=reason)
    assert caught.value.message == f"Say why: moving a contact to {said!r} needs a reason."
    assert caught.value.code == "reason_needed"
    assert caught.value.fields == {"reason": ["A reason is needed for this move."]}
    assert pipeline.staff_path(source, target, reason="Moved away") == (target,)
    assert pipeline.path(source, target) == (target,)


def test_a_refusal_names_both_places_in_words_and_as_stored() -> None:
    source, target = Place(L, "contacted"), Place(P, "contacted")
    refusals: tuple[Callable[[], object], ...] = (
        lambda: pipeline.path(source, target),
        lambda: pipeline.staff_path(source, target, reason="x"),
    )
    for refused in refusals:
        with pytest.raises(MoveRefused) as caught:
            refused()
        error = caught.value
        assert error.message == (
            "A contact cannot go from 'Lead to booking: Contacted' (lead_to_booking/contacted) "
            "to 'Partnership: Contacted' (partnership/contacted)."
        )
        assert (error.status, error.code, error.machine) == (409, "move_refused", "contact")
        assert (error.source, error.target) == ("lead_to_booking/contacted", "partnership/contacted")


def expected_path(source: Place, target: Place) -> tuple[Place, ...] | None:
    if source == target:
        return ()
    if target == BOOKING_CONFIRMED:
        return (target,) if source.pipeline == B or source == BOOKED else (BOOKED, target)
    if table_has(source, target):
        return (target,)
    if target in VISIT_RESULTS:
        if source == BOOKED or source.pipeline == A:
            return (BOOKING_CONFIRMED, target)
        return (BOOKED, BOOKING_CONFIRMED, target)
    return None


def test_a_booking_takes_its_contact_along_from_anywhere_and_nothing_else_leaves_the_table() -> None:
    for source, target in itertools.product(ALL, ALL):
        expected = expected_path(source, target)
        if expected is None:
            with pytest.raises(MoveRefused):
                pipeline.path(source, target)
        else:
            assert pipeline.path(source, target) == expected, (source, target)


def test_every_step_of_a_path_is_in_the_table_but_the_one_to_booked() -> None:
    for source, target in itertools.product(ALL, (BOOKING_CONFIRMED, *VISIT_RESULTS)):
        here = source
        for step in pipeline.path(source, target):
            assert table_has(here, step) or step == BOOKED
            here = step
        assert here == target


def test_the_ends_of_a_visit_are_three() -> None:
    assert VISIT_RESULTS == ((A, "attended"), (A, "did_not_attend"), (A, "cancelled_rescue"))


def test_the_buttons_of_a_place_are_its_moves_in_order() -> None:
    assert pipeline.targets(Place(B, "needs_attention")) == (
        (B, "booking_confirmed"),
        (B, "confirmed"),
        (B, "ready"),
        (A, "attended"),
        (A, "cancelled_rescue"),
        (A, "did_not_attend"),
    )
    assert pipeline.targets(Place(P, "completed")) == ()


def test_a_place_is_found_by_name_or_refused_with_what_there_is() -> None:
    assert pipeline.place(B, "ready") == Place("pre_appointment", "ready")
    assert [pipeline.read(str(place)) for place in ALL] == ALL
    for text in ("", B, f"{B}/", f"{B}/ready/", "ready", "/ready"):
        with pytest.raises(Invalid):
            pipeline.read(text)
    with pytest.raises(Invalid) as caught:
        pipeline.place("sales", "ready")
    assert caught.value.message == (
        "There is no pipeline 'sales'. "
        "The pipelines are: lead_to_booking, pre_appointment, post_appointment, partnership."
    )
    assert caught.value.code == "unknown_pipeline"
    assert caught.value.fields == {"pipeline": ["No such pipeline."]}
    with pytest.raises(Invalid) as caught:
        pipeline.place(B, "attended")
    assert caught.value.message == (
        "The pipeline 'pre_appointment' has no stage 'attended'. "
        "Its stages are: booking_confirmed, reminded, confirmed, needs_attention, ready."
    )
    assert caught.value.code == "unknown_stage"
    assert caught.value.fields == {"stage": ["No such stage."]}


def test_every_place_has_a_label_of_its_own() -> None:
    labels = [pipeline.label(place) for place in ALL]
    assert len(set(labels)) == len(ALL) == 25
    assert labels == [
        "Lead to booking: New lead",
        "Lead to booking: Contacted",
        "Lead to booking: Engaged",
        "Lead to booking: Booking attempted",
        "Lead to booking: Booked",
        "Lead to booking: Lost",
        "Before the visit: Booked in",
        "Before the visit: Reminded",
        "Before the visit: Confirmed",
        "Before the visit: Needs attention",
        "Before the visit: Ready",
        "After the visit: Attended",
        "After the visit: Results sent",
        "After the visit: Review requested",
        "After the visit: Referral invited",
        "After the visit: Recall due",
        "After the visit: Cancelled, to rescue",
        "After the visit: Did not attend",
        "After the visit: Dormant",
        "Partnership: Identified",
        "Partnership: Qualified",
        "Partnership: Contacted",
        "Partnership: In discussion",
        "Partnership: Active",
        "Partnership: Completed",
    ]
    assert str(START) == "lead_to_booking/new_lead"


def test_engaged_or_further_begins_at_engaged_and_leaves_out_the_lost_and_partners() -> None:
    engaged = {place for place in ALL if pipeline.is_engaged(*place)}
    assert engaged == {
        (L, "engaged"),
        (L, "booking_attempted"),
        (L, "booked"),
        *((B, stage) for stage in PIPELINES[B]),
        *((A, stage) for stage in PIPELINES[A]),
    }


def test_a_way_is_made_of_moves_of_the_table_and_gives_nobody_up_on_it() -> None:
    for source, target in itertools.product(STAGE_LABELS, STAGE_LABELS):
        steps = pipeline.way(source, target)
        if steps is None:
            assert target not in pipeline.targets(source)
            continue
        assert not steps if source == target else steps[-1] == target
        for here, there in itertools.pairwise((source, *steps)):
            assert there in pipeline.targets(here)
        assert not set(steps[:-1]) & {DEAD_LOST, DORMANT}


@pytest.mark.parametrize(
    ("source", "target", "steps"),
    [
        (Place(L, "engaged"), Place(A, "attended"), (BOOKED, BOOKING_CONFIRMED, Place(A, "attended"))),
        (Place(B, "ready"), Place(B, "reminded"), (BOOKING_CONFIRMED, Place(B, "reminded"))),
        (Place(A, "attended"), Place(B, "confirmed"), (BOOKING_CONFIRMED, Place(B, "confirmed"))),
        (Place(L, "engaged"), Place(P, "active"), None), (START, START, ()),
    ],
)  # fmt: skip
def test_a_way_is_the_shortest(source: Place, target: Place, steps: tuple[Place, ...] | None) -> None:
    assert pipeline.way(source, target) == steps


@pytest.mark.parametrize(
    ("one", "other", "ahead"),
    [
        (START, ENGAGED, ENGAGED), (ENGAGED, START, ENGAGED), (ENGAGED, Place(A, "attended"), Place(A, "attended")),
        (DEAD_LOST, START, START), (DORMANT, ENGAGED, ENGAGED), (DEAD_LOST, DORMANT, DORMANT),
        (Place(P, "active"), START, START), (START, START, START),
    ],
)  # fmt: skip
def test_of_two_places_the_one_further_along(one: Place, other: Place, ahead: Place) -> None:
    assert pipeline.further(one, other) == ahead
