"""Who is given a task: the choice among the people of one location. Pure.

A desk is told who is there, how many open tasks each has, and whose turn was last; it answers who is next and why,
in words staff read. What it gives counts at once, so that a set of tasks is spread as one by one they would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import Invalid


class How(StrEnum):
    """The ways in which a person is found."""

    NAMED = "named"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"
    BY_SKILL = "by_skill"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may work on the location's tasks. `in_rota` says whether tasks come to them by themselves;
    `skills` are words in any case.
    """

    id: int
    name: str
    email: str
    skills: tuple[str, ...] = ()
    in_rota: bool = True

    def can(self, skill: str) -> bool:
        return _word(skill) in {_word(known) for known in self.skills}


@dataclass(frozen=True, slots=True)
class Choice:
    """The person chosen, or None, and why."""

    person: Person | None
    reason: str


@dataclass(slots=True)
class Desk:
    """The people of one location. `open_tasks` (by person) and `last_id` (whose turn was last) move with each choice;
    several desks may share one `open_tasks`.
    """

    people: Sequence[Person]
    open_tasks: dict[int, int] = field(default_factory=dict)
    last_id: int | None = None

    def choose(self, how: str, *, email: str = "", skill: str = "") -> Choice:
        """Who is given the next task. Raises Invalid for a way that is not one of `How`."""
        if how not in _WAYS:
            raise Invalid(
                f"{how!r} is not a way to choose a person. Use one of: {', '.join(How)}.",
                code="unknown_assignment", fields={"how": "unknown"},
            )  # fmt: skip
        choice = _WAYS[how](self, email if how == How.NAMED else skill)
        if choice.person is not None:
            self.open_tasks[choice.person.id] = self.load(choice.person) + 1
        return choice

    def load(self, person: Person) -> int:
        """How many open tasks the person has."""
        return self.open_tasks.get(person.id, 0)

    @property
    def rota(self) -> list[Person]:
        """Those whom tasks come to by themselves, in a fixed order."""
        return sorted((person for person in self.people if person.in_rota), key=lambda person: person.id)


def _named(desk: Desk, email: str) -> Choice:
    wanted = _word(email)
    for person in desk.people:
        if _word(person.email) == wanted:
            return Choice(person, f"Given to {person.name} by name.")
    return Choice(None, f"Nobody called {email.strip() or 'so'} works on tasks here.")


def _in_turn(desk: Desk, _: str) -> Choice:
    rota = desk.rota
    if not rota:
        return _NOBODY
    last = desk.last_id
    person = next((one for one in rota if last is not None and one.id > last), rota[0])
    desk.last_id = person.id
    return Choice(person, f"Given to {person.name} in turn.")


def _least_loaded(desk: Desk, _: str) -> Choice:
    rota = desk.rota
    if not rota:
        return _NOBODY
    person = min(rota, key=desk.load)
    return Choice(person, f"Given to {person.name}, who had the fewest open tasks ({desk.load(person)}).")


def _by_skill(desk: Desk, skill: str) -> Choice:
    if not _word(skill):
        return _least_loaded(desk, "")
    able = [person for person in desk.rota if person.can(skill)]
    if not able:
        return Choice(None, f"Nobody here has the skill “{skill.strip()}”.")
    person = min(able, key=desk.load)
    return Choice(
        person,
        f"Given to {person.name}: skill “{skill.strip()}”, fewest open tasks ({desk.load(person)}).",
    )


def _word(text: str) -> str:
    return text.strip().casefold()


_NOBODY = Choice(None, "Nobody is there to take tasks here.")
_WAYS: dict[str, Callable[[Desk, str], Choice]] = {
    How.NAMED: _named,
    How.ROUND_ROBIN: _in_turn,
    How.LEAST_LOADED: _least_loaded,
    How.BY_SKILL: _by_skill,
}
