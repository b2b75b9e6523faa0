"""Who or what started a change.

Pure. A cause is kept as kind and id, without a foreign key, because what causes a change usually lives above
what it changes. It travels from door to service to event, so that every row can answer "why was this?".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_DEPTH = 8
"""A chain of rules longer than this is stopped with a visible run (domain.md §5)."""


class CauseKind(StrEnum):
    """The five things that can start a change."""

    USER = "user"
    PROVIDER = "provider"
    CLOCK = "clock"
    SYSTEM = "system"
    RULE_RUN = "rule_run"


KINDS = tuple(kind.value for kind in CauseKind)
OUTSIDE = frozenset({CauseKind.USER.value, CauseKind.PROVIDER.value})


@dataclass(frozen=True, slots=True)
class Cause:
    """What started a change: ``kind`` and ``id``, and the rules that led here.

    ``chain`` holds one "rule_id:contact_id" for each rule that ran since something from outside began it.
    Raises ValueError for an unknown kind, and for a chain on a person or a provider, who begin a new one.
    """

    kind: str
    id: str
    chain: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Unknown kind of cause {self.kind!r}. It must be one of: {', '.join(KINDS)}.")
        if self.chain and self.kind in OUTSIDE:
            raise ValueError(f"A cause of kind {self.kind!r} begins a new chain and cannot carry one.")

    @property
    def depth(self) -> int:
        """How many rules led here; 0 for anything from outside."""
        return len(self.chain)

    @property
    def too_deep(self) -> bool:
        """True when one more rule must not run."""
        return self.depth > MAX_DEPTH

    def passed(self, rule_id: int | str, contact_id: int | str | None) -> bool:
        """True when this rule already ran for this contact in this chain."""
        return link(rule_id, contact_id) in self.chain

    def then(self, run_id: int | str, rule_id: int | str, contact_id: int | str | None) -> Cause:
        """The cause of what a run of ``rule_id`` for ``contact_id`` does, which this cause set off."""
        return Cause.rule_run(run_id, (*self.chain, link(rule_id, contact_id)))

    @classmethod
    def user(cls, user_id: int | str) -> Cause:
        """A person, by the id of their user."""
        return cls(CauseKind.USER.value, str(user_id))

    @classmethod
    def provider(cls, account_id: int | str) -> Cause:
        """A delivery from outside, by the id of its provider account."""
        return cls(CauseKind.PROVIDER.value, str(account_id))

    @classmethod
    def clock(cls, name: str) -> Cause:
        """A schedule or a tick, by name."""
        return cls(CauseKind.CLOCK.value, name)

    @classmethod
    def system(cls, name: str) -> Cause:
        """The system itself: seeding, repairing, going live; by the name of the command or service."""
        return cls(CauseKind.SYSTEM.value, name)

    @classmethod
    def rule_run(cls, run_id: int | str, chain: tuple[str, ...] = ()) -> Cause:
        """A run of a rule, by its id, with the chain that led to it (itself included)."""
        return cls(CauseKind.RULE_RUN.value, str(run_id), tuple(chain))


def link(rule_id: int | str, contact_id: int | str | None) -> str:
    """One element of a chain. A run about no contact in particular writes "-" for it."""
    return f"{rule_id}:{'-' if contact_id is None else contact_id}"
