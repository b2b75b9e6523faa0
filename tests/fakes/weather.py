"""What goes wrong with a provider by itself: faults of calls to send and of receipts, drawn by a seed.

The n-th call of a run with the same seed meets the same fault, whatever came before it.
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call to send.

    `reset`: the connection is cut before anything was taken. `accept_then_reset`, `accept_then_500`, `malformed`:
    the text is taken, and then the answer is cut, an error, or no JSON. `slow`: taken and answered after `seconds`.
    Any other name is a refusal in the provider's own words: busy (with `retry_after`), unauthorized, no_credit,
    opted_out, invalid_number, error_500.
    """

    name: str
    seconds: float = 0.0
    retry_after: str = ""


#: Of a hundred calls: how often each goes wrong where nobody says otherwise. The last three are about receipts.
RATES: Mapping[str, float] = {
    "accept_then_reset": 0.02, "accept_then_500": 0.02, "malformed": 0.01, "slow": 0.02, "busy": 0.02, "reset": 0.02,
    "error_500": 0.01, "receipt_first": 0.1, "receipt_twice": 0.1, "receipt_late": 0.1,
}  # fmt: skip
OF_RECEIPTS = ("receipt_first", "receipt_twice", "receipt_late")
SLOW_SECONDS = 1.5
RETRY_AFTER = "2"
#: After how many seconds a receipt comes that is neither early nor late, and one that is late.
SOON, LATE = 0.5, 20.0


@dataclass
class Weather:
    """Draws by seed what goes wrong; `rates` as in RATES."""

    seed: int
    rates: Mapping[str, float] = field(default_factory=lambda: RATES)
    _calls: int = 0
    _texts: int = 0

    @classmethod
    def of(cls, seed: int, told: str) -> Self:
        """From a text as in `accept_then_reset=0.05,busy=0.02`: what is named alone goes wrong; all if empty."""
        pairs = [part.partition("=") for part in told.split(",") if part]
        unknown = sorted({name for name, _, _ in pairs} - RATES.keys())
        if unknown:
            raise SystemExit(f"There is no fault {', '.join(unknown)}. There are: {', '.join(RATES)}.")
        return cls(seed, {name: float(rate) for name, _, rate in pairs} if pairs else RATES)

    def fault(self) -> Fault | None:
        """What befalls the next call to send. The caller holds the lock."""
        self._calls += 1
        drawn = random.Random(f"call {self.seed} {self._calls}").random()
        for name, rate in self.rates.items():
            if name in OF_RECEIPTS:
                continue
            if drawn < rate:
                return Fault(name, SLOW_SECONDS, RETRY_AFTER if name == "busy" else "")
            drawn -= rate
        return None

    def receipts(self) -> list[float]:
        """After how many seconds the next text's receipts come; nought is before its send is answered."""
        self._texts += 1
        draw = random.Random(f"text {self.seed} {self._texts}").random
        first = 0.0 if draw() < self.rates.get("receipt_first", 0) else SOON
        if draw() < self.rates.get("receipt_late", 0):
            first = LATE
        return [first, first + SOON] if draw() < self.rates.get("receipt_twice", 0) else [first]


class Postman:
    """Posts receipts when their time comes; one that is not taken is tried again, as providers do."""

    PAUSES = (1.0, 4.0, 10.0)

    def __init__(self) -> None:
        self._due: list[tuple[float, int, int, Callable[[], int]]] = []
        self._count = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, seconds: float, post: Callable[[], int], *, tries: int = 0) -> None:
        with self._changed:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + seconds, self._count, tries, post))
            self._changed.notify()

    def try_once(self, post: Callable[[], int], *, tries: int = 0) -> None:
        """Post now. `post` returns the status of the answer."""
        try:
            status = post()
        except OSError:
            status = 0
        if status != 200 and tries < len(self.PAUSES):
            self.put(self.PAUSES[tries], post, tries=tries + 1)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, _, tries, post = heapq.heappop(self._due)
            self.try_once(post, tries=tries)
