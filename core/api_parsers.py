from __future__ import annotations

import io
from typing import Any

from rest_framework import exceptions, parsers

from core.api_errors import TooLarge

#: Bytes of JSON an API call may send.
MOST_BYTES = 1024 * 1024


class LimitedJSONParser(parsers.JSONParser):
    """JSON of a sane size and depth; anything else is refused in the usual shape, not by a crash."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise TooLarge()
        try:
            return super().parse(io.BytesIO(raw), media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError("The JSON is nested too deeply.") from None
