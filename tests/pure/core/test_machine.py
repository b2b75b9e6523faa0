from __future__ import annotations

import pytest

from core.machine import Machine, MoveRefused

DOOR = Machine("door", {"open": {"shut"}, "shut": ["open", "locked"], "locked": {"shut", "broken"}})


def test_only_the_moves_of_the_table_are_allowed() -> None:
    allowed = {(a, b) for a in DOOR.states for b in DOOR.states if a != b and DOOR.allowed(a, b)}
    assert allowed == {
        ("open", "shut"),
        ("shut", "open"),
        ("shut", "locked"),
        ("locked", "shut"),
        ("locked", "broken"),
    }


def test_staying_is_allowed_in_a_known_state_only() -> None:
    assert all(DOOR.allowed(state, state) for state in DOOR.states)
    assert not DOOR.allowed("gone", "gone")
    DOOR.check("broken", "broken")


def test_a_state_that_is_only_a_target_is_final() -> None:
    assert DOOR.states == ("open", "shut", "locked", "broken")
    assert DOOR.is_final("broken")
    assert not DOOR.is_final("open")
    assert not DOOR.is_final("gone")
    assert DOOR.targets("shut") == {"open", "locked"}
    assert DOOR.targets("broken") == frozenset()
    assert DOOR.targets("gone") == frozenset()


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
    source: str, target: str, message: str
) -> None:
    with pytest.raises(MoveRefused) as caught:
        DOOR.check(source, target)
    error = caught.value
    assert error.message == message
    assert (error.machine, error.source, error.target) == ("door", source, target)
    assert (error.status, error.code) == (409, "move_refused")


def test_an_allowed_move_passes_without_a_word() -> None:
    DOOR.check("open", "shut")
