"""Whole numbers as addresses and forms carry them."""

from __future__ import annotations


def whole(text: str, *, digits: int = 18) -> int | None:
    """The number, not negative; None for what is none or has more digits. 18 of them fit a key."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
