"""The counters themselves. Imported once `request_metrics.directory()` has said where they are kept."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter("avatar_requests", "Requests answered.", ("group", "method", "status"))
SECONDS = Histogram("avatar_request_seconds", "How long requests took.", ("group",), buckets=_BUCKETS)
WEBHOOKS = Counter("avatar_webhooks", "Deliveries of providers answered.", ("provider", "status"))
WEBHOOK_SECONDS = Histogram(
    "avatar_webhook_seconds",
    "How long deliveries of providers took to be stored.",
    ("provider",),
    buckets=_BUCKETS,
)
