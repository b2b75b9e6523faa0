"""One Redis URL, in the spelling that each of its readers wants."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit


def client_url(url: str) -> str:
    """The URL as redis-py reads it; `redis+socket://` is kombu's spelling of `unix://`."""
    if not url.startswith("redis+socket://"):
        return url
    parts = urlsplit(url)
    return f"unix://{parts.path}?db={_database(parts.query)}"


def kombu_url(url: str) -> str:
    """The URL as kombu, Celery's transport, reads it."""
    if not url.startswith(("unix://", "redis+socket://")):
        return url
    parts = urlsplit(url)
    return f"redis+socket://{parts.path}?virtual_host={_database(parts.query)}"


def _database(query: str) -> int:
    values = parse_qs(query)
    return int((values.get("db") or values.get("virtual_host") or ["0"])[0])
