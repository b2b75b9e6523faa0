"""`python -m benchmarks`: fill a database of its own, measure every page over it, exit 1 where a bar is missed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatar_cms.settings.test")


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--contacts", type=int, default=100_000, help="how many, a multiple of 20 (default 100,000)"
    )
    parser.add_argument("--requests", type=int, default=30, help="of each page and person (default 30)")
    parser.add_argument("--only", default="", help="pages whose name or address holds this word")
    parser.add_argument("--anew", action="store_true", help="fill the database anew")
    parser.add_argument("--drop", action="store_true", help="throw the database away afterwards")
    parser.add_argument(
        "--plans", action="store_true", help="show the plan of each query that was wrong or noted"
    )
    parser.add_argument("--write", action="store_true", help="write the figures into docs/ui.md")
    chosen = parser.parse_args(arguments)
    if chosen.contacts < 200 or chosen.contacts % 20:
        parser.error("give at least 200 contacts, and a multiple of 20")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    chosen = options(arguments)
    import django

    django.setup()
    from benchmarks.place import Servers

    with Servers():
        return run(chosen)


def run(chosen: argparse.Namespace) -> int:
    """Fill, measure, report. Returns the exit code. The servers are there."""
    from benchmarks import filling, measuring, place, report
    from core import clock

    began = time.monotonic()
    with measuring.quiet():
        at = place.provide(chosen.contacts, lambda at: filling.fill(chosen.contacts, at), anew=chosen.anew)
        print(
            f"{chosen.contacts:,} contacts at {at:%-d %b %Y %H:%M} UTC, ready after {time.monotonic() - began:.0f} s"
        )
        with clock.frozen(at):
            found = _measure(chosen)
        trivial = measuring.trivial_ms()
    print(report.table(found, trivial))
    print(report.details(found, plans=chosen.plans))
    if chosen.write:
        rows = f"{chosen.contacts:,} contacts, {chosen.contacts * 10:,} touchpoints"
        report.write(found, trivial, command="make bench", rows=rows, on=datetime.now().astimezone().date())
    if chosen.drop:
        place.drop(chosen.contacts)
    wrong = [one for one in found if one.wrong]
    print(f"SELECT 1: {trivial:.2f} ms. {len(found)} pages asked, {len(wrong)} over a bar.")
    return 1 if wrong else 0


def _measure(chosen: argparse.Namespace) -> list:
    from django.test import Client

    from accounts.models import User
    from benchmarks import measuring, pages

    found = []
    for who, address in (("staff", "staff@demo.test"), ("admin", "admin@demo.test")):
        user = User.objects.get(email=address)
        client = Client(raise_request_exception=False)
        client.force_login(user)
        measurer = measuring.Measurer(who, client, requests=chosen.requests)
        for ask in pages.asks(user):
            if chosen.only and chosen.only not in ask.name and chosen.only not in ask.url:
                continue
            figures, text = measurer.of(ask)
            found.append(figures)
            if ask.name.startswith("  ") or "_" in ask.name:
                continue
            found += [measurer.of(part)[0] for part in measuring.parts_of(text, ask.url)]
    return found


if __name__ == "__main__":
    sys.exit(main())
