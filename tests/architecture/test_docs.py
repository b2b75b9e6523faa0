"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import events_doc

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_list_of_events_is_the_declared_one() -> None:
    assert events_doc.PAGE.read_text() == events_doc.page(), "run scripts/events_doc.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_picture_is_shown_and_every_shown_one_is_there_and_small() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"[(\"]([^()\"\s]+\.png)[)\"]", page.read_text())
        if "://" not in target
    }
    kept = {path.resolve() for path in (ROOT / "docs" / "images").iterdir()}
    assert shown == kept
    assert {path.name for path in kept if path.stat().st_size > 200_000} == set()


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named <= targets


def test_every_app_has_its_room_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert {app for app in apps if f"`{app}" not in text and f"{app}/" not in text} == set()
