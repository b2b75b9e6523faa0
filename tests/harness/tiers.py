"""Which tier plays which of a test's parameters: the fast one some, the slow one more, the long one all the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def tiers(values: Iterable[Any], *, fast: Collection[Any] = (), slow: Collection[Any] = ()) -> list[Any]:
    """The values for `parametrize`; what is in neither collection is `long`."""
    return [
        value
        if value in fast
        else pytest.param(value, marks=pytest.mark.slow if value in slow else pytest.mark.long)
        for value in values
    ]
