"""A real Chromium, where this machine has one."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """The browser to use: CHROMIUM, else the first one found."""
    given = os.environ.get("CHROMIUM")
    return given or next((found for found in map(shutil.which, NAMES) if found), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A browser for the whole run; skips, loudly, where there is none."""
    path = executable()
    if path is None:
        reason = (
            "NO BROWSER TEST RAN: this machine has no Chromium (install it, or set CHROMIUM to its path)."
        )
        warnings.warn(pytest.PytestWarning(reason), stacklevel=2)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@contextmanager
def fresh_page(browser: Any) -> Iterator[Any]:
    """A page in a context of its own. An error in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-AU")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"Scripts on the page failed: {errors}"
