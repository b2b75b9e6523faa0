"""What the database did for a query, and whether that would grow with the clinic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

#: A table with more rows than this must not be read from end to end.
BIG = 20_000
#: Reading this many rows, and this many times what comes out, is noted.
MANY, TIMES = 5_000, 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong` fails the run; `noted` is shown. `text` is the plan for people."""

    wrong: tuple[str, ...]
    noted: tuple[str, ...]
    text: str


def explain(sql: str, params: Any) -> Verdict:
    """Run a SELECT once more and look at what was read."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        answer = cursor.fetchone()[0]
        plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
        text = "\n".join(row[0] for row in cursor.fetchall())
    return judge(plan, text)


def judge(plan: dict[str, Any], text: str = "") -> Verdict:
    """Sequential scans over big tables are wrong; many rows read for few are noted."""
    wrong, noted = [], []
    for node in _nodes(plan):
        table = node.get("Relation Name")
        if table is None or "Scan" not in node["Node Type"]:
            continue
        loops = node.get("Actual Loops", 1)
        given = node["Actual Rows"] * loops
        read = (
            given
            + (node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)) * loops
        )
        if node["Node Type"].endswith("Seq Scan") and read > BIG:
            wrong.append(f"Seq Scan of {table}: {read:,.0f} rows read")
        elif read > MANY and read > TIMES * max(1, plan["Actual Rows"]):
            how = f"{node['Node Type']} of {table} by {node.get('Index Name', 'no index')}"
            noted.append(f"{how}: {read:,.0f} rows read for {plan['Actual Rows']:,.0f}")
    return Verdict(tuple(wrong), tuple(noted), text)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
