from __future__ import annotations

from collections.abc import Iterable

import pytest

from core.machine import Machine, MoveRefused

MOVES: dict[str, Iterable[str]] = {"open": {"shut"}, "shut": ["open", "locked"], "locked": {"shut", "broken"}}


@pytest.fixture(name="door")
def _door() -> Machine:
    return Machine("door", MOVES)


def test_only_the_moves_of_the_table_are_allowed(door: Machine) -> None:
    allowed = {(a, b) for a in door.states for b in door.states if a != b and door.allowed(a, b)}
    assert allowed == {
        ("open", "shut"),
        ("shut", "open"),
        ("shut", "locked"),
        ("locked", "shut"),
        ("locked", "broken"),
    }


def test_staying_is_allowed_in_a_known_state_only(door: Machine) -> None:
    assert all(door.allowed(state, state) for state in door.states)
    assert not door.allowed("gone", "gone")
    door.check("broken", "broken")


def test_a_state_that_is_only_a_target_is_final(door: Machine) -> None:
    assert door.states == ("open", "shut", "locked", "broken")
    assert door.is_final("broken")
    assert not door.is_final("open")
    assert not door.is_final("gone")
    assert door.targets("shut") == {"open", "locked"}
    assert door.targets("broken") == frozenset()
    assert door.targets("gone") == frozenset()


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            "shut",
            "broken",
            "A door cannot go from 'shut' to 'broken'. From 'shut' it may go to: locked, open.",
        ),
        ("broken", "open", "A door cannot go from 'broken' to 'open'. 'broken' is final."),
        (
            "gone",
            "open",
            "A door cannot go from 'gone' to 'open'. "
            "There is no state 'gone'; the states are: open, shut, locked, broken.",
        ),
    ],
)
def test_a_refusal_names_both_states_and_says_what_is_possible(
    door: Machine, source: str, target: str, message: str
) -> None:
    with pytest.raises(MoveRefused) as caught:
        door.check(source, target)
    error = caught.value
    assert error.message == message
    assert (error.machine, error.source, error.target) == ("door", source, target)
    assert (error.status, error.code) == (409, "move_refused")


def test_an_allowed_move_passes_without_a_word(door: Machine) -> None:
    door.check("open", "shut")
