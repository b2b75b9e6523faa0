from __future__ import annotations

from tests.flows.conftest import clinic, wix  # noqa: F401
