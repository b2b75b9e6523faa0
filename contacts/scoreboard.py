"""The weights of the warmness score, as staff see and change them."""

from __future__ import annotations

from django.db import transaction

from contacts import handlers, scoring
from contacts.models import ScoringTable
from core import work
from core.errors import Invalid, NotFound

KINDS = {kind for kind, _, _ in scoring.DEFAULT_WEIGHTS.as_rows()}


@transaction.atomic
def set_weight(*, weight_id: int, points: int) -> ScoringTable:
    """Change what one thing is worth in its location; all its contacts are then scored anew, in the
    background."""
    weight = ScoringTable.objects.select_for_update().filter(pk=weight_id).first()
    if weight is None:
        raise NotFound("There is no such weight.")
    if not -200 <= points <= 200 or (points < 0 and weight.key == scoring.CAP):
        raise Invalid(
            "A weight lies between -200 and 200; a cap is not negative.", fields={"points": "Out of range."}
        )
    if weight.points != points:
        weight.points = points
        weight.save(update_fields=["points"])
        _rescore(weight.location_id)
    return weight


@transaction.atomic
def restore_scoring(*, location_id: int) -> int:
    """Give every weight of the warmness score its default again. Returns how many had another value."""
    defaults = {(kind, key): points for kind, key, points in scoring.DEFAULT_WEIGHTS.as_rows()}
    changed = []
    for weight in ScoringTable.objects.select_for_update().filter(location=location_id, kind__in=KINDS):
        points = defaults.get((weight.kind, weight.key), 0)
        if weight.points != points:
            weight.points = points
            changed.append(weight)
    if changed:
        ScoringTable.objects.bulk_update(changed, ["points"])
        _rescore(location_id)
    return len(changed)


def _rescore(location_id: int) -> None:
    work.enqueue(handlers.RESCORE_LOCATION, location_id=location_id, subject=f"location:{location_id}")
