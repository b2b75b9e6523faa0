"""The figures as people read them: a table, what is wrong, and the section of docs/ui.md."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks.measuring import Figures

UI = Path(__file__).resolve().parents[1] / "docs" / "ui.md"
_MARKS = ("<!-- speed: begins -->", "<!-- speed: ends -->")


def table(all_figures: Sequence[Figures], trivial: float) -> str:
    """A line for each page and person, in ms; cpu is what this process worked of the median, x how many round trips of
    `SELECT 1` the median is.
    """
    head = f"{'page':<44}{'who':<8}{'p50':>7}{'p95':>7}{'cpu':>7}{'x':>7}{'queries':>9}{'slowest':>9}"
    lines = [head, "-" * len(head)]
    for one in all_figures:
        if not one.times:
            if one.wrong:
                lines.append(f"{one.ask.name[:43]:<44}{one.who:<8}  {', '.join(one.wrong)}")
            continue
        slowest = f"{one.slowest.ms:.0f}" if one.slowest else "-"
        lines.append(
            f"{one.ask.name[:43]:<44}{one.who:<8}{one.p50:>7.0f}{one.p95:>7.0f}{statistics.median(one.cpu):>7.0f}"
            f"{one.p50 / trivial:>7.0f}"
            f"{one.queries:>9}{slowest:>9}" + ("  WRONG: " + "; ".join(one.wrong) if one.wrong else "")
        )
    return "\n".join(lines)


def details(all_figures: Sequence[Figures], *, plans: bool) -> str:
    """What was noted of queries, and with `plans` the slowest query of each page that is wrong or noted."""
    lines = []
    for one in all_figures:
        if one.noted:
            lines.append(f"{one.ask.name.strip()} ({one.who}): " + "; ".join(one.noted))
        if plans and (one.wrong or one.noted) and one.slowest:
            lines += [f"    {one.slowest.sql}", *(f"    {line}" for line in one.plan.splitlines()), ""]
    return "\n".join(lines)


def write(all_figures: Sequence[Figures], trivial: float, *, command: str, rows: str, on: date) -> None:
    """Put the figures into docs/ui.md, between its two marks."""
    lines = [
        f"Measured {on:%-d %B %Y} by `{command}` ({rows}), in one process through all middleware, with warm caches; "
        f"a round trip of `SELECT 1` took {trivial:.2f} ms. A page is at most 300 ms (95th percentile) and 25 queries.",
        "",
        "| page | who | p50 ms | p95 ms | CPU ms | x `SELECT 1` | queries |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.ask.name.strip().replace('|', '/')} | {one.who} | {one.p50:.0f} | {one.p95:.0f} "
        f"| {statistics.median(one.cpu):.0f} | {one.p50 / trivial:.0f} | {one.queries} |"
        for one in all_figures
        if one.times
    ]
    text, block = UI.read_text(), "\n".join([_MARKS[0], *lines, _MARKS[1]])
    pattern = re.compile(re.escape(_MARKS[0]) + ".*" + re.escape(_MARKS[1]), re.DOTALL)
    text = (
        pattern.sub(lambda _: block, text)
        if pattern.search(text)
        else text.replace("## Speed\n", f"## Speed\n\n{block}\n")
    )
    UI.write_text(text)
