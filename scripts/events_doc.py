"""Write docs/events.md from the declared event types, or say that it is out of date (--check)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "events.md"


def page() -> str:
    """The page as the code declares it."""
    from core import events

    lines = [
        "# Events",
        "",
        "Every event type, the data it may carry, and who hears of it. Written by `scripts/events_doc.py`; a test",
        "keeps it true. Data holds ids, codes, times and field names, never personal values. "
        "Names are the triggers of rules.",
        "",
        "| event | meaning | data | heard by |",
        "|---|---|---|---|",
    ]
    for kind in events.all_types():
        data = ", ".join(sorted(kind.keys)) or "none"
        heard = ", ".join(sorted(events.subscribers(kind.name))) or "none"
        lines.append(f"| `{kind.name}` | {kind.label} | {data} | {heard} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.test")
    import django

    django.setup()
    if "--check" in sys.argv:
        return 0 if PAGE.read_text() == page() else 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
