"""One page asked many times: through the whole stack of middleware in this process, as one person."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import Resolver404, resolve

from avatar_cms import garbage
from benchmarks import plans

MOST_MS, MOST_QUERIES = 300.0, 25
#: Slower queries than this are explained, and the slowest of each page in any case.
EXPLAINED_MS = 5.0


@dataclass(frozen=True, slots=True)
class Ask:
    """What a browser asks for. `live` asks as htmx does; `data` makes it a POST."""

    name: str
    url: str
    live: bool = False
    data: dict[str, str] | None = None

    def by(self, client: Client) -> Any:
        headers = {"HX-Request": "true"} if self.live else {}
        if self.data is not None:
            return client.post(self.url, self.data, headers=headers)
        return client.get(self.url, headers=headers)


@dataclass
class Query:
    sql: str
    params: Any
    ms: float


@dataclass
class Figures:
    """What one page cost one person."""

    ask: Ask
    who: str
    status: int = 0
    times: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    queries: int = 0
    slowest: Query | None = None
    wrong: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    plan: str = ""

    @property
    def p50(self) -> float:
        return statistics.median(self.times)

    @property
    def p95(self) -> float:
        return sorted(self.times)[max(0, -(-len(self.times) * 95 // 100) - 1)]


class Measurer:
    """Asks as one signed-in person."""

    def __init__(self, who: str, client: Client, *, requests: int) -> None:
        self.who, self.client, self.requests = who, client, requests

    def of(self, ask: Ask) -> tuple[Figures, str]:
        """The figures of a page, and its text for finding the parts it fetches."""
        figures = Figures(ask, self.who)
        answer = ask.by(self.client)
        text = answer.content.decode(errors="replace") if not answer.streaming else ""
        figures.status = answer.status_code
        if answer.status_code >= 400:
            # What somebody may not read is no page of theirs.
            if answer.status_code != 403:
                figures.wrong.append(f"answered {answer.status_code}")
            return figures, ""
        # As in a worker that has drawn the page before (`gunicorn.conf.py`).
        garbage.leave_alone()
        for _ in range(self.requests):
            began, worked = time.perf_counter(), time.process_time()
            ask.by(self.client)
            figures.times.append((time.perf_counter() - began) * 1000)
            figures.cpu.append((time.process_time() - worked) * 1000)
        self._look_into(figures)
        self._judge(figures)
        return figures, text

    def _look_into(self, figures: Figures) -> None:
        """Ask once more and read the plans of what was slow."""
        made: list[Query] = []
        with connection.execute_wrapper(_noting(made)):
            figures.ask.by(self.client)
        figures.queries = len(made)
        reads = [query for query in made if query.sql.lstrip("( ").upper().startswith(("SELECT", "WITH"))]
        figures.slowest = max(reads, key=lambda query: query.ms, default=None)
        for query in reads:
            if (query.ms < EXPLAINED_MS and query is not figures.slowest) or " FOR " in query.sql[-40:]:
                continue
            verdict = plans.explain(query.sql, query.params)
            figures.wrong += [one for one in verdict.wrong if one not in figures.wrong]
            figures.noted += [one for one in verdict.noted if one not in figures.noted]
            if query is figures.slowest:
                figures.plan = verdict.text

    def _judge(self, figures: Figures) -> None:
        if figures.p95 >= MOST_MS:
            figures.wrong.append(f"p95 {figures.p95:.0f} ms")
        if figures.queries > MOST_QUERIES:
            figures.wrong.append(f"{figures.queries} queries")


def _noting(made: list[Query]) -> Callable[..., Any]:
    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            made.append(Query(sql, params, (time.perf_counter() - began) * 1000))

    return note


_FETCHED = re.compile(r'hx-get="([^"]+)"')


def parts_of(text: str, page: str) -> Iterator[Ask]:
    """What the page fetches by itself or on a press: one of each kind of address."""
    seen = set()
    for found in _FETCHED.findall(text):
        url = found.replace("&amp;", "&")
        if url.startswith("?"):
            url = page.split("?")[0] + url
        try:
            kind = resolve(url.split("?")[0]).view_name
        except Resolver404:
            continue
        if kind in seen or "/switch" in url:
            continue
        seen.add(kind)
        yield Ask(f"  {kind.removeprefix('admin:')}", url, live=True)


def trivial_ms(times: int = 200) -> float:
    """The median of `SELECT 1`, by which figures of different machines are compared."""
    taken = []
    with connection.cursor() as cursor:
        for _ in range(times):
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            cursor.fetchone()
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


@contextmanager
def quiet() -> Iterator[None]:
    """Requests of a benchmark are not worth a line of log each."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
