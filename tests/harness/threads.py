"""Rivals: several threads that begin together, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act(0)` … `act(count - 1)` at once; what they returned, in order. Raises what one of them raised."""
    begin = Barrier(count)

    def one(number: int) -> Any:
        try:
            begin.wait(timeout=60)
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def each_at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run each of these at once; as `at_once`."""
    return at_once(len(acts), lambda number: acts[number]())
