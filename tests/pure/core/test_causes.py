from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from core.causes import KINDS, MAX_DEPTH, Cause, link


@pytest.mark.parametrize(
    ("make", "kind", "identifier"),
    [
        (lambda: Cause.user(7), "user", "7"),
        (lambda: Cause.provider("acc"), "provider", "acc"),
        (lambda: Cause.clock("hourly"), "clock", "hourly"),
        (lambda: Cause.system("seed"), "system", "seed"),
        (lambda: Cause.rule_run(12), "rule_run", "12"),
    ],
)
def test_each_maker_gives_its_kind_an_id_as_text_and_an_empty_chain(
    make: Callable[[], Cause], kind: str, identifier: str
) -> None:
    cause = make()
    assert (cause.kind, cause.id, cause.chain, cause.depth) == (kind, identifier, (), 0)
    assert cause == Cause(kind, identifier)
    assert type(cause.kind) is str
    assert kind in KINDS


def test_there_are_five_kinds() -> None:
    assert KINDS == ("user", "provider", "clock", "system", "rule_run")


def test_an_unknown_kind_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"^Unknown kind of cause 'robot'\. It must be one of: user, provider, "
    ):
        Cause("robot", "1")


@pytest.mark.parametrize("kind", ["user", "provider"])
def test_what_comes_from_outside_cannot_carry_a_chain(kind: str) -> None:
    message = f"^A cause of kind '{kind}' begins a new chain and cannot carry one\\.$"
    with pytest.raises(ValueError, match=message):
        Cause(kind, "1", ("1:2",))


@pytest.mark.parametrize("kind", ["clock", "system", "rule_run"])
def test_what_happens_inside_keeps_its_chain(kind: str) -> None:
    assert Cause(kind, "1", ("1:2", "3:2")).depth == 2


def test_a_run_adds_its_rule_and_contact_to_the_chain() -> None:
    first = Cause.user(1).then(run_id=10, rule_id=3, contact_id=5)
    assert first == Cause("rule_run", "10", ("3:5",))
    second = first.then(run_id=11, rule_id=4, contact_id=None)
    assert second == Cause("rule_run", "11", ("3:5", "4:-"))
    assert second.passed(3, 5)
    assert second.passed(4, None)
    assert not second.passed(3, 6)
    assert not second.passed(5, 3)


def test_a_chain_of_eight_is_not_too_deep_and_one_of_nine_is() -> None:
    assert MAX_DEPTH == 8
    assert not Cause.rule_run(1, tuple(link(n, 1) for n in range(8))).too_deep
    assert Cause.rule_run(1, tuple(link(n, 1) for n in range(9))).too_deep


def test_a_cause_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cause.user(1).id = "2"  # type: ignore[misc]
