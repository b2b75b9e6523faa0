"""States as tables: which move is allowed, and a refusal that names both states.

Pure. A machine holds no state and changes no row; the service that moves a row asks it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.errors import Conflict


class MoveRefused(Conflict):
    """The move is not in the table. Answered as 409; names the machine and both states."""

    default_code = "move_refused"

    def __init__(self, message: str, *, machine: str, source: str, target: str) -> None:
        super().__init__(message)
        self.machine = machine
        self.source = source
        self.target = target


class Machine:
    """A table of allowed moves: ``moves[state]`` is the set of states it may move to.

    A move to the present state is allowed and means that nothing happens. States that only appear as targets
    are final.
    """

    def __init__(self, name: str, moves: Mapping[str, Iterable[str]]) -> None:
        self.name = name
        table = {state: frozenset(targets) for state, targets in moves.items()}
        for target in sorted(frozenset().union(*table.values()) - table.keys()):
            table[target] = frozenset()
        self._table: dict[str, frozenset[str]] = table

    @property
    def states(self) -> tuple[str, ...]:
        """Every state: those of the table in its order, then the final ones in alphabetical order."""
        return tuple(self._table)

    def targets(self, state: str) -> frozenset[str]:
        """The states that ``state`` may move to; empty for final and for unknown states."""
        return self._table.get(state, frozenset())

    def is_final(self, state: str) -> bool:
        """True for a known state that nothing leads out of."""
        return state in self._table and not self._table[state]

    def allowed(self, source: str, target: str) -> bool:
        """True when a row in ``source`` may move to ``target``. Staying in a known state is allowed."""
        if source == target:
            return source in self._table
        return target in self.targets(source)

    def check(self, source: str, target: str) -> None:
        """Do nothing when the move is allowed; raise MoveRefused, naming both states, when it is not."""
        if self.allowed(source, target):
            return
        message = f"A {self.name} cannot go from '{source}' to '{target}'. {self._advice(source)}"
        raise MoveRefused(message, machine=self.name, source=source, target=target)

    def _advice(self, source: str) -> str:
        if source not in self._table:
            return f"There is no state '{source}'; the states are: {', '.join(self._table)}."
        if not self._table[source]:
            return f"'{source}' is final."
        return f"From '{source}' it may go to: {', '.join(sorted(self._table[source]))}."
