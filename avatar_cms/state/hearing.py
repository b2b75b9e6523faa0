"""What came from outside: the last delivery of each provider's account, and which ones have gone silent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from avatar_cms.state.counts import Scope, within
from avatar_cms.state.looking import once
from core import clock
from integrations import polling, provider_settings, silence
from integrations.models import ProviderAccount
from integrations.providers import wix_rest_format
from integrations.silence import Hearing

_LAST = """
SELECT a.id, r.created_at FROM unnest(%s::bigint[]) AS a(id)
CROSS JOIN LATERAL (
    SELECT created_at FROM integrations_receipt
    WHERE account_id = a.id AND NOT starts_with(external_id, %s) AND NOT jsonb_exists(headers, %s)
    ORDER BY created_at DESC LIMIT %s) r
ORDER BY a.id, r.created_at DESC
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """An account, and what was heard from it."""

    account: ProviderAccount
    hearing: Hearing

    @property
    def last_local(self) -> datetime | None:
        """The last delivery on the clinic's clock."""
        return self.hearing.last and self.account.location.local(self.hearing.last)


@once
def accounts(scope: Scope = None) -> list[Heard]:
    """The enabled accounts that providers call, with what was heard from each. Two queries."""
    rows = ProviderAccount.objects.filter(enabled=True).select_related("location")
    called = [row for row in within(rows, scope) if provider_settings.of(row.provider).addresses]
    moments: dict[int, list[datetime]] = defaultdict(list)
    if called:
        with connection.cursor() as cursor:
            # What was read from a provider's list says nothing about its webhooks.
            ids = [row.pk for row in called]
            cursor.execute(_LAST, [ids, wix_rest_format.KEY, polling.POLLED, silence.LAST])
            for pk, at in cursor.fetchall():
                moments[pk].append(at)
    now = clock.now()
    return [
        Heard(row, silence.hearing(moments[row.pk], open_between=row.location.hours.open_between, now=now))
        for row in called
    ]


def silent(scope: Scope = None) -> Iterator[Heard]:
    """Those that have gone silent."""
    return (heard for heard in accounts(scope) if heard.hearing.silent)
