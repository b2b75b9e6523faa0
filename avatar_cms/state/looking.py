"""One look at the system: what several of its questions need is read once, as it was at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_read: ContextVar[dict[Any, Any] | None] = ContextVar("read_in_this_look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Until the block ends, what is read `once` is kept. A look inside another is part of it."""
    if _read.get() is not None:
        yield
        return
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def once(read: Callable[..., T]) -> Callable[..., T]:
    """For a function of no argument, or of clinics: within one look it reads once for the same clinics."""

    @wraps(read)
    def reading(scope: Iterable[int] | None = None) -> T:
        ids = None if scope is None else tuple(scope)
        arguments = () if ids is None else (ids,)
        kept = _read.get()
        if kept is None:
            return read(*arguments)
        if (read, ids) not in kept:
            kept[read, ids] = read(*arguments)
        found: T = kept[read, ids]
        return found

    return reading
