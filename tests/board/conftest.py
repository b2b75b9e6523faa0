from __future__ import annotations

from tests.clinic import PASSWORD, api, melbourne, no_counts_from_other_tests, outsider, pages, staff, sydney

__all__ = [
    "PASSWORD",
    "api",
    "melbourne",
    "no_counts_from_other_tests",
    "outsider",
    "pages",
    "staff",
    "sydney",
]
