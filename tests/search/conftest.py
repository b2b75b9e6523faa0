from __future__ import annotations

from tests.clinic import melbourne, no_counts_from_other_tests, outsider, pages, staff, sydney

__all__ = ["melbourne", "no_counts_from_other_tests", "outsider", "pages", "staff", "sydney"]
