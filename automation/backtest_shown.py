"""What a rule tried on the past came to, in words for staff: for its page and for the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from accounts.models import Location
from automation import backtests, rulebook, selectors, sentences
from automation.backtest_models import BackTest
from automation.past import journal
from core.errors import Invalid
from messaging import reasons

#: What no look at the past can know.
LIMITS = (
    "The past is taken as it was, with all that rules did in it. What this wording itself would have changed (a reply"
    " to its text, a stage it moved) is not played on.",
    "Stages, visits, tasks and consent are as they stood then. Custom fields, services and the clinic's settings"
    " are as they are now.",
    "Who was merged is met no more from then on: a step that waited for the one is not looked at for the one who was"
    " kept, though it really would be.",
    "Quiet hours, the limits of a number or a day, reminders withdrawn because a visit was moved or cancelled, and"
    " moves that the pipeline would have refused are not taken off.",
    "The cost is an estimate: texts are worded with the names, visits, templates and the price of a segment as they are"
    " now.",
)


def limits(test: BackTest) -> list[str]:
    """What this look at the past could not know."""
    began = journal.began()
    if began is None or began <= test.since:
        return list(LIMITS)
    day = f"{test.location.local(began):%-d %b %Y}"
    return [f"Changes are kept since {day}; what is before is judged as it is now.", *LIMITS]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure of the wording that was tried, and beside it that of the rule as it was; "" where nothing is beside."""

    label: str
    draft: str
    live: str = ""


def sentence(wording: Mapping[str, Any]) -> str:
    """A wording in plain words."""
    try:
        node, steps = rulebook.parse(wording["trigger"], wording["conditions"], wording["actions"])
    except Invalid as error:
        return f"Cannot be read: {error.message}"
    return selectors.sentence_of(wording["trigger"], wording["every"], wording["anchor"], node, steps)


def progress(test: BackTest) -> str:
    """How far it is, in words."""
    if not test.parts:
        return _UNPLAYED[BackTest.State(test.state)]
    met = test.figures.get("kept", 0) + test.figures.get("beyond", 0)
    played = f"{test.parts_done} of {len(test.parts)} parts of the past played"
    return f"{played}, {met:,} occasion{'' if met == 1 else 's'} found."


_UNPLAYED = {
    BackTest.State.WAITING: "It waits for its turn.",
    BackTest.State.RUNNING: "It begins.",
    BackTest.State.DONE: "There was nobody to look at.",
    BackTest.State.CANCELLED: "It was stopped before it began.",
    BackTest.State.FAILED: "It could not be played.",
}


def table(test: BackTest) -> list[Row]:
    """The figures, one in a row."""
    place = test.location
    looked = "People looked at" if backtests.is_by_clock(test) else "Happenings looked at"
    draft, live = _side(test, "draft", place), _side(test, "live", place)
    labels = {
        "looked": looked, "fired": "Would have run", "stopped": "Would have been stopped", "people": "People",
        "repeated": "People more than once", "most": "Most for one person", "texts": "Texts", "segments": "Segments",
        "cost": "Cost of the texts, estimated", "emails": "E-mails", "kept_back": "Messages that would not have gone",
        "tasks": "Tasks", "moves": "Stage moves",
    }  # fmt: skip
    return [Row(label, draft[name], live.get(name, "")) for name, label in labels.items()]


def _side(test: BackTest, by: str, place: Location) -> dict[str, str]:
    found = test.figures.get(by)
    if found is None:
        return _side_of(_NOTHING, place) if by == "draft" else {}
    return _side_of(found, place)


_NOTHING: dict[str, Any] = {
    "looked": 0, "fired": 0, "stopped": 0, "people": 0, "repeated": 0, "most": {"times": 0, "days": 0}, "tasks": 0,
    "moves": 0, "texts": {}, "emails": {}, "kept_back": {},
}  # fmt: skip


def _side_of(found: Mapping[str, Any], place: Location) -> dict[str, str]:
    texts = found["texts"].values()
    numbers = {
        **{name: found[name] for name in ("looked", "fired", "stopped", "people", "repeated", "tasks", "moves")},
        "texts": sum(one["count"] for one in texts), "segments": sum(one["segments"] for one in texts),
        "emails": sum(one["count"] for one in found["emails"].values()),
        "kept_back": sum(found["kept_back"].values()),
    }  # fmt: skip
    words = {name: f"{number:,}" for name, number in numbers.items()}
    cents = sum(one["cost_cents"] for one in texts)
    return {**words, "cost": money(cents, place), "most": _most(found["most"])}


def _most(span: Mapping[str, int]) -> str:
    times, days = span["times"], span["days"]
    if times < 2:
        return str(times)
    within = "within a day" if days <= 1 else f"within {days} days"
    return f"{times}, {within}"


def money(cents: int, place: Location) -> str:
    """An amount in the clinic's currency."""
    return f"{place.currency} {cents / 100:,.2f}"


def steps(test: BackTest, by: str) -> list[tuple[str, str, str]]:
    """Each step of a wording: what it does, how often it would have been done, and how often not. None for a wording
    that can no longer be read.
    """
    wording = test.wording if by == "draft" else test.live
    counted = test.figures.get(by, {}).get("steps", {})
    if not wording or not counted:
        return []
    try:
        _, parsed = rulebook.parse(wording["trigger"], wording["conditions"], wording["actions"])
    except Invalid:
        return []
    return [
        (sentences.describe(step), f"{one['done']:,}", f"{one['not']:,}")
        for step in parsed
        if (one := counted.get(str(step.index))) is not None
    ]


def messages(test: BackTest, by: str) -> list[tuple[str, str, str]]:
    """Each template: how many messages, and what they cost (or that they are e-mails)."""
    found = test.figures.get(by, {})
    texts = [
        (
            _spoken(name),
            f"{one['count']:,}",
            f"{one['segments']:,} segments, {money(one['cost_cents'], test.location)}",
        )
        for name, one in sorted(found.get("texts", {}).items())
    ]
    emails = sorted(found.get("emails", {}).items())
    return [*texts, *((_spoken(name), f"{one['count']:,}", "e-mail") for name, one in emails)]


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def kept_back(test: BackTest, by: str) -> list[tuple[str, str]]:
    """Why messages would not have gone, the commonest reason first."""
    found = test.figures.get(by, {}).get("kept_back", {})
    return [
        (reasons.words(code), f"{count:,}") for code, count in sorted(found.items(), key=lambda one: -one[1])
    ]


@dataclass(frozen=True, slots=True)
class Week:
    """How often a wording would have run in a week; `share` is of the fullest week of all, in percent."""

    monday: date
    draft: int
    live: int | None
    share: int


def weeks(test: BackTest) -> list[Week]:
    """Each week of the time that was looked at, empty ones too."""
    sides = [test.figures.get(by, {}).get("weeks", {}) for by in ("draft", "live")]
    fullest = max((count for side in sides for count in side.values()), default=0)
    return [
        Week(
            monday, sides[0].get(key, 0), sides[1].get(key, 0) if test.live is not None else None,
            sides[0].get(key, 0) * 100 // fullest if fullest else 0,
        )
        for monday in _mondays(test)
        for key in [monday.isoformat()]
    ]  # fmt: skip


def _mondays(test: BackTest) -> Iterator[date]:
    first, last = (test.location.local(at).date() for at in (test.since, test.until))
    for day in range(first.toordinal() - first.weekday(), last.toordinal() + 1, 7):
        yield date.fromordinal(day)


def difference(test: BackTest) -> list[tuple[str, str]]:
    """How the two wordings differ; empty where nothing was compared."""
    found = test.figures.get("diff")
    if found is None:
        return []
    return [
        ("Only as tried: these are new", f"{found['draft']:,}"),
        ("Only as the rule is now: these would be gone", f"{found['live']:,}"),
        ("Either way", f"{found['both']:,}"),
        ("Either way, but something else would be done", f"{found['changed']:,}"),
    ]


def lines(test: BackTest) -> Iterator[str]:
    """Everything, for a terminal."""
    since, until = (f"{test.location.local(at):%-d %b %Y}" for at in (test.since, test.until))
    yield f"{test.wording['name']}, {since} to {until}: {test.get_state_display()}"
    yield sentence(test.wording)
    yield progress(test)
    yield ""
    compared = test.live is not None
    if compared:
        yield f"{'':<36}{'as tried':>18}{'as it is now':>18}"
    for row in table(test):
        yield f"{row.label:<36}{row.draft:>18}" + (f"{row.live:>18}" if compared else "")
    for title, rows in (
        ("Steps", [(f"{what} (not: {undone})", done) for what, done, undone in steps(test, "draft")]),
        ("Messages", [(f"{name}: {about}", count) for name, count, about in messages(test, "draft")]),
        ("Would not have gone", kept_back(test, "draft")),
        ("By week", [(f"{week.monday:%-d %b %Y}", str(week.draft)) for week in weeks(test)]),
        ("Beside the rule as it is", difference(test)),
    ):
        if rows:
            yield f"\n{title}"
            yield from (f"  {count:>8}  {what}" for what, count in rows)
    if not compared:
        yield f"\n{test.get_alone_display()}"
    yield ""
    yield from limits(test)
