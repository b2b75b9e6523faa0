"""A provider that can do as little as it is told to: without a key against doubles, without a search.

python -m tests.fakes.plain --port 9805 [--idempotent] [--seed 1]
POST /texts {"to", "from", "body", "reference"} with a header Idempotency-Key -> 201 {"id"}
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import ClassVar

from tests.fakes.server import Call, FakeProvider, Reply, serve


class FakePlain(FakeProvider):
    """With `idempotent`, a second call with the same key is answered as the first and not taken again."""

    name: ClassVar[str] = "plain"

    def __init__(self, *, idempotent: bool = False, port: int = 0, journal: Path | None = None) -> None:
        super().__init__(port=port, journal=journal)
        self.idempotent = idempotent
        self._ids: dict[str, str] = {}

    def answer(self, call: Call) -> Reply:
        if call.method != "POST" or call.path != "/texts":
            return Reply(404, {"error": "not_found"})
        text = json.loads(call.body)
        key = call.headers.get("Idempotency-Key", "")
        return self.take(lambda: self._accept(text, key))

    def refusal(self, name: str) -> Reply:
        return Reply({"busy": 429, "error_500": 500, "unauthorized": 401}.get(name, 400), {"error": name})

    def _accept(self, text: dict[str, str], key: str) -> Reply:
        with self._lock:
            known = self._ids.get(key) if self.idempotent and key else None
            made = known or uuid.uuid4().hex
            if key:
                self._ids[key] = made
        if known is None:
            self.note({"id": made, **text})
        return Reply(201, {"id": made})


def main() -> None:
    serve(FakePlain, __doc__, idempotent=False)


if __name__ == "__main__":
    main()
