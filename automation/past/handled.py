"""When the rules were told of what happened, and so what they knew. Nothing is written."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from automation.handlers import RUN_RULES
from automation.models import FactSnapshot, RuleRun
from automation.past.journal import Moment
from core.models import Event, Work


def moments(happened: Sequence[Event], first: int, last: int) -> dict[int, Moment]:
    """By event, the moment at which rules met it, or would have. At most three queries.

    Rules hear of an event after its transaction, with all that it wrote. Where none met it, that is when its delivery
    ended; where it was never delivered, only the time of the event is left.
    """
    seen = FactSnapshot.objects.filter(event_id__in=[event.pk for event in happened])
    found = {pk: Moment(at, position) for pk, at, position in seen.values_list("event_id", "at", "position")}
    unheard = [event for event in happened if event.pk not in found]
    if not unheard:
        return found
    keys = {f"event:{event.pk}:{RUN_RULES}": event.pk for event in unheard}
    done = Work.objects.filter(dedupe_key__in=list(keys), state=Work.State.DONE, finished_at__isnull=False)
    ended = {keys[key or ""]: at for key, at in done.values_list("dedupe_key", "finished_at")}
    acted = _acted(min(event.pk for event in unheard), first, last)
    for event in unheard:
        at = ended.get(event.pk)
        if at is None:
            found[event.pk] = Moment(event.recorded_at)
            continue
        # Deliveries end together: what rules did about later events of the contact in the same turn is not known yet.
        later = acted.get(event.contact_id or 0, [])
        following = later[bisect_right(later, event.pk, key=lambda one: one[0]) :][:1]
        found[event.pk] = next((seen for _, seen in following if seen.at <= at), Moment(at))
    return found


def _acted(oldest: int, first: int, last: int) -> dict[int, list[tuple[int, Moment]]]:
    """By contact, the events from `oldest` on about which rules did something, in order, and what was known then."""
    rows = (
        RuleRun.objects.filter(
            contact_id__gte=first, contact_id__lte=last, event_id__gte=oldest, facts__isnull=False
        )
        .exclude(state=RuleRun.State.NOT_MATCHED)
        .values_list("contact_id", "event_id", "facts__at", "facts__position")
        .distinct()
        .order_by("event_id")
    )
    found: dict[int, list[tuple[int, Moment]]] = defaultdict(list)
    for contact_id, event_id, at, position in rows:
        found[contact_id or 0].append((event_id, Moment(at, position)))
    return found
