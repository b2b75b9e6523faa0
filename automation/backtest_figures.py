"""What a rule tried on the past comes to in figures, and how two wordings differ. Parts add up. Pure but for types."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automation import sentences
from automation.actions import NotifyStaff
from automation.backtest_texts import Text
from automation.engine import Outcome
from automation.past.question import Played, Question, Verdict
from messaging.models import Channel

MOVES = ("update_pipeline", "move_pipeline")
#: The busiest person is not added up: of all parts, the largest counts.
MOST = "most"

Figures = dict[str, Any]


def figures_of(question: Question, played: Played, texts: Iterable[Text]) -> Figures:
    """The figures of one wording in one part: all people of the part are in no other one.

    `looked` counts happenings, or people of a rule that runs by the clock; `most` is the busiest person's occasions and
    within how many days they were; `weeks` are by their Monday at the clinic; costs are in cents.
    """
    fired = [verdict for verdict in played.verdicts if verdict.outcome is Outcome.MATCHED]
    times: dict[int, list[datetime]] = defaultdict(list)
    for verdict in fired:
        if verdict.contact_id is not None:
            times[verdict.contact_id].append(verdict.at)
    steps = [step for verdict in fired for step in verdict.steps]
    done = Counter(step.index for step in steps if step.done)
    undone = Counter(step.index for step in steps if not step.done)
    kinds = Counter(step.action.kind for step in steps if step.done)
    notices = sum(
        step.done and isinstance(step.action, NotifyStaff) and bool(step.action.task_type) for step in steps
    )
    weeks = Counter(_week(question, verdict.at) for verdict in fired)
    return {
        "looked": played.not_matched + len(played.verdicts),
        "fired": len(fired),
        "stopped": len(played.verdicts) - len(fired),
        "people": len(times),
        "repeated": sum(len(moments) > 1 for moments in times.values()),
        MOST: max((_span(moments) for moments in times.values()), key=_rank, default=_span([])),
        "steps": {
            str(index): {"done": done[index], "not": undone[index]} for index in sorted(done | undone)
        },
        "tasks": kinds["create_task"] + notices,
        "moves": sum(kinds[kind] for kind in MOVES),
        **_messages(texts),
        "weeks": dict(sorted(weeks.items())),
    }  # fmt: skip


def _span(moments: Sequence[datetime]) -> dict[str, int]:
    days = -(-(max(moments) - min(moments)) // timedelta(days=1)) if moments else 0
    return {"times": len(moments), "days": days}


def _rank(span: Mapping[str, int]) -> tuple[int, int]:
    return span["times"], -span["days"]


def _week(question: Question, at: datetime) -> str:
    day = question.location.local(at).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def _messages(texts: Iterable[Text]) -> Figures:
    found: Figures = {"texts": {}, "emails": {}, "kept_back": {}}
    for text in texts:
        if text.kept:
            add(found["kept_back"], {text.kept: 1})
        elif text.channel == Channel.EMAIL:
            add(found["emails"], {text.template: {"count": 1}})
        else:
            one = {"count": 1, "segments": text.segments, "cost_cents": text.cost_cents}
            add(found["texts"], {text.template: one})
    return found


def add(into: Figures, more: Mapping[str, Any]) -> Figures:
    """Put the figures of another part on top. Changes `into`, and returns it."""
    for name, value in more.items():
        if name == MOST:
            into[name] = max(into.get(name, _span([])), value, key=_rank)
        elif isinstance(value, Mapping):
            into[name] = add(into.get(name, {}), value)
        else:
            into[name] = into.get(name, 0) + value
    return into


# Two wordings


@dataclass(frozen=True, slots=True)
class Met:
    """One occasion, by whichever wording it would have been met. `verdict` is that of the tried wording where both met
    it; `steps` and `live_steps` say what would have become of each step, the latter only where the two differ.
    """

    by: str
    verdict: Verdict
    steps: list[dict[str, Any]]
    live_steps: list[dict[str, Any]] | None = None


def compare(
    draft: Question, tried: Iterable[Verdict], live: Question | None, now: Iterable[Verdict]
) -> list[Met]:
    """Every occasion once, in order of time. One that a wording would run on counts as that wording's, even where the
    other would have been stopped.
    """
    mine = {verdict.anchor: verdict for verdict in tried}
    theirs = {verdict.anchor: verdict for verdict in now} if live is not None else {}
    found = []
    for anchor in {**mine, **theirs}:
        one, other = mine.get(anchor), theirs.get(anchor)
        if one is not None and other is not None and one.outcome is not other.outcome:
            one, other = (one, None) if one.outcome is Outcome.MATCHED else (None, other)
        if one is None:
            assert other is not None
            assert live is not None
            found.append(Met("live", other, steps_of(live, other)))
        elif other is None or live is None:
            found.append(Met("draft", one, steps_of(draft, one)))
        else:
            steps, before = steps_of(draft, one), steps_of(live, other)
            found.append(Met("both", one, steps, before if _told(steps) != _told(before) else None))
    return sorted(found, key=lambda met: (met.verdict.at, met.verdict.anchor))


def _told(steps: Iterable[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    return [(step["does"], step["done"]) for step in steps]


def steps_of(question: Question, verdict: Verdict) -> list[dict[str, Any]]:
    """What would have become of each step, in plain words."""
    return [
        {
            "does": sentences.describe(question.text.steps[step.index]), "at": step.at.isoformat(),
            "done": step.done, "reason": step.reason,
        }
        for step in verdict.steps
    ]  # fmt: skip


def diff_of(found: Iterable[Met]) -> Figures:
    """How many occasions only one wording, the other, or both would have run on; `changed` are those of both where
    what would have been done differs.
    """
    ran = [met for met in found if met.verdict.outcome is Outcome.MATCHED]
    counts = Counter(met.by for met in ran)
    return {
        "draft": counts["draft"], "live": counts["live"], "both": counts["both"],
        "changed": sum(met.live_steps is not None for met in ran),
    }  # fmt: skip
