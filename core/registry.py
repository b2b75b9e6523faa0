"""A named table that apps fill while they start, and that others read.

Pure. It is how a low app is served by a high one without importing it: the low app owns the registry, the
high one registers with it in its AppConfig.ready().
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class AlreadyRegistered(RuntimeError):
    """Two parts of the program claimed one key."""


class NotRegistered(LookupError):
    """Nobody registered this key."""


class Registry(Generic[T]):
    """Keys and values of one kind. ``what`` names the kind in error messages, for instance "work handler"."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._items: dict[str, T] = {}

    def register(self, key: str, value: T) -> T:
        """Add a value and return it. Raises AlreadyRegistered when the key is taken."""
        if key in self._items:
            raise AlreadyRegistered(f"The {self.what} {key!r} is registered already. Choose another key.")
        self._items[key] = value
        return value

    def get(self, key: str) -> T:
        """The value of a key. Raises NotRegistered, naming the known keys, when there is none."""
        try:
            return self._items[key]
        except KeyError:
            known = ", ".join(sorted(self._items)) or "none"
            raise NotRegistered(f"There is no {self.what} {key!r}. Registered: {known}.") from None

    def items(self) -> tuple[tuple[str, T], ...]:
        """All pairs in the order they were registered; a snapshot that later registrations do not change."""
        return tuple(self._items.items())

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._items))

    def __len__(self) -> int:
        return len(self._items)
