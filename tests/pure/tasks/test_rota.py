from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from tasks.rota import Desk, How, Person

ANA = Person(1, "Ana", "ana@demo.test", ("Recall", "spanish"))
BEN = Person(2, "Ben", "ben@demo.test", (" recall ",))
CAT = Person(3, "Cat", "cat@demo.test", (), in_rota=False)


def desk(**more: object) -> Desk:
    return Desk((CAT, BEN, ANA), **more)  # type: ignore[arg-type]


def chosen(choice: object) -> str | None:
    person = choice.person  # type: ignore[attr-defined]
    return person.name if person else None


def test_a_person_is_found_by_name_in_any_case_and_outside_the_rota() -> None:
    choice = desk().choose("named", email=" CAT@demo.test ")
    assert (choice.person, choice.reason) == (CAT, "Given to Cat by name.")


@pytest.mark.parametrize(("email", "said"), [("dan@demo.test", "dan@demo.test"), ("", "so")])
def test_a_stranger_is_given_nothing_and_the_reason_says_so(email: str, said: str) -> None:
    choice = desk().choose("named", email=email)
    assert (choice.person, choice.reason) == (None, f"Nobody called {said} works on tasks here.")


def test_turns_go_round_and_leave_out_who_is_not_in_the_rota() -> None:
    table = desk()
    assert [chosen(table.choose("round_robin")) for _ in range(5)] == ["Ana", "Ben", "Ana", "Ben", "Ana"]
    assert table.last_id == 1


def test_the_turn_goes_on_after_someone_who_has_left() -> None:
    assert chosen(Desk((ANA, BEN), last_id=1).choose("round_robin")) == "Ben"
    assert chosen(Desk((ANA, BEN), last_id=9).choose("round_robin")) == "Ana"


def test_the_fewest_open_tasks_win_and_a_tie_goes_to_the_older_account() -> None:
    table = desk(open_tasks={1: 1, 3: 0})
    choices = [table.choose("least_loaded") for _ in range(3)]
    assert [chosen(choice) for choice in choices] == ["Ben", "Ana", "Ben"]
    assert choices[0].reason == "Given to Ben, who had the fewest open tasks (0)."


def test_two_desks_that_share_a_person_share_the_count() -> None:
    loads: dict[int, int] = {}
    here, there = Desk((ANA,), loads), Desk((ANA, BEN), loads)
    here.choose("least_loaded")
    assert chosen(there.choose("least_loaded")) == "Ben"


def test_a_skill_comes_before_the_fewest_tasks() -> None:
    table = desk(open_tasks={1: 4})
    assert chosen(table.choose("by_skill", skill="SPANISH")) == "Ana"
    assert (
        table.choose("by_skill", skill="recall").reason
        == "Given to Ben: skill “recall”, fewest open tasks (0)."
    )


def test_a_skill_nobody_has_gives_to_nobody_and_says_so() -> None:
    choice = desk().choose("by_skill", skill="laser")
    assert (choice.person, choice.reason) == (None, "Nobody here has the skill “laser”.")


def test_without_a_skill_asked_for_the_fewest_tasks_decide() -> None:
    assert chosen(desk(open_tasks={1: 1}).choose("by_skill", skill=" ")) == "Ben"


@pytest.mark.parametrize("how", ["round_robin", "least_loaded", "by_skill"])
def test_an_empty_rota_gives_to_nobody_and_says_so(how: str) -> None:
    choice = Desk((CAT,)).choose(how)
    assert (choice.person, choice.reason) == (None, "Nobody is there to take tasks here.")


def test_an_unknown_way_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match=r"'dice'.*round_robin"):
        desk().choose("dice")


@given(st.sampled_from([How.ROUND_ROBIN, How.LEAST_LOADED]), st.integers(1, 6), st.integers(1, 40))
def test_what_is_shared_out_is_shared_evenly(how: str, people: int, tasks: int) -> None:
    table = Desk([Person(n, f"P{n}", f"p{n}@demo.test") for n in range(people)])
    for _ in range(tasks):
        table.choose(how)
    shares = [table.load(person) for person in table.people]
    assert (sum(shares), max(shares) - min(shares) <= 1) == (tasks, True)
