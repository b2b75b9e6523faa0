"""How a text travels: its encoding, how many segments it takes, and what that costs.

A text in the GSM-7 alphabet has 160 units in one segment and 153 in each of several; any other text goes as
UCS-2 with 70 and 67 UTF-16 units. A character of the GSM extension table takes two units, one outside the
basic plane takes two UTF-16 units, and neither is ever split between two segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
GSM = GSM_BASIC | GSM_EXTENSION
SINGLE: dict[Encoding, int] = {"GSM-7": 160, "UCS-2": 70}
JOINED: dict[Encoding, int] = {"GSM-7": 153, "UCS-2": 67}


@dataclass(frozen=True, slots=True)
class Segments:
    """How a text travels. `units` are septets or UTF-16 units, `left` how many more fit into the last
    segment, `foreign` the characters that keep it out of GSM-7, each once, in the order they stand in."""

    encoding: Encoding
    units: int
    count: int
    left: int
    foreign: tuple[str, ...]


def measure(text: str) -> Segments:
    """Encoding, units and segments of a text. An empty text takes no segment."""
    foreign = tuple(dict.fromkeys(char for char in text if char not in GSM))
    encoding: Encoding = "UCS-2" if foreign else "GSM-7"
    sizes = [_units(char, encoding) for char in text]
    units = sum(sizes)
    if units <= SINGLE[encoding]:
        return Segments(encoding, units, 1 if units else 0, SINGLE[encoding] - units, foreign)
    room = JOINED[encoding]
    count, used = 1, 0
    for size in sizes:
        if used + size > room:
            count, used = count + 1, 0
        used += size
    return Segments(encoding, units, count, room - used, foreign)


def cost_cents(segments: int, *, thousandths_per_segment: int) -> int:
    """The cost in whole cents, rounded up. A segment's price is in thousandths of a cent: 7.92 c is 7920."""
    return -(-segments * thousandths_per_segment // 1000)


def _units(char: str, encoding: Encoding) -> int:
    if encoding == "GSM-7":
        return 2 if char in GSM_EXTENSION else 1
    return 2 if ord(char) > 0xFFFF else 1
