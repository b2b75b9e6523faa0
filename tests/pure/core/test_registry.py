from __future__ import annotations

import pytest

from core.registry import AlreadyRegistered, NotRegistered, Registry


def test_what_is_registered_is_found_in_the_order_it_came() -> None:
    registry: Registry[int] = Registry("work handler")
    assert registry.register("b", 2) == 2
    registry.register("a", 1)
    assert registry.get("a") == 1
    assert registry.items() == (("b", 2), ("a", 1))
    assert list(registry) == ["b", "a"]
    assert len(registry) == 2
    assert "a" in registry
    assert "c" not in registry


def test_a_key_is_registered_once() -> None:
    registry: Registry[int] = Registry("work handler")
    registry.register("a", 1)
    with pytest.raises(AlreadyRegistered) as caught:
        registry.register("a", 1)
    assert str(caught.value) == "The work handler 'a' is registered already. Choose another key."
    assert registry.items() == (("a", 1),)


def test_an_unknown_key_is_refused_and_the_known_ones_are_named() -> None:
    registry: Registry[int] = Registry("work handler")
    with pytest.raises(NotRegistered) as caught:
        registry.get("x")
    assert str(caught.value) == "There is no work handler 'x'. Registered: none."
    registry.register("b", 2)
    registry.register("a", 1)
    with pytest.raises(NotRegistered) as caught:
        registry.get("x")
    assert str(caught.value) == "There is no work handler 'x'. Registered: a, b."


def test_a_snapshot_does_not_see_what_comes_later() -> None:
    registry: Registry[int] = Registry("panel")
    registry.register("a", 1)
    before, keys = registry.items(), iter(registry)
    registry.register("b", 2)
    assert before == (("a", 1),)
    assert list(keys) == ["a"]
