from __future__ import annotations

import io
import json
from typing import Any, NoReturn

from rest_framework import exceptions, parsers

from core.api_errors import TooLarge

#: Bytes of JSON an API call may send.
MOST_BYTES = 1024 * 1024
_HALF = "This holds half of a character (a lone surrogate)."


class LimitedJSONParser(parsers.JSONParser):
    """JSON of a sane size and depth, in whole characters; anything else is refused in the usual shape, not by a
    crash."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise TooLarge()
        try:
            data = super().parse(io.BytesIO(raw), media_type, parser_context)
            # Only an escape can name half of a character, which nothing can store or answer with.
            if b"\\ud" in raw.lower() and not _is_whole(data):
                _refuse_halves(data)
        except RecursionError:
            raise exceptions.ParseError("The JSON is nested too deeply.") from None
        return data


def _refuse_halves(data: Any) -> NoReturn:
    if not isinstance(data, dict) or not _is_whole(list(data)):
        raise exceptions.ParseError(_HALF)
    raise exceptions.ValidationError({name: [_HALF] for name, value in data.items() if not _is_whole(value)})


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
