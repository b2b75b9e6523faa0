"""How far an account's list has been gone through, in words for staff."""

from __future__ import annotations

from django.db.models import Count, Q

from integrations.models import ProviderAccount, Receipt, Reconciliation
from integrations.providers.wix_rest_format import KEY

ERRORS = {
    "bad_credentials": "Wix does not let the account in: check its API key and site id.",
    "no_api_key": "The API key or the site id is missing.",
    "busy": "Wix asked us to wait.",
    "unreadable": "The answer could not be read.",
    "not_connected": "Wix could not be reached.",
    "no_answer": "Wix did not answer.",
}


def reason(row: Reconciliation) -> str:
    """What went wrong last; empty when nothing did."""
    if row.error.startswith("not_stored"):
        return "A page of bookings could not be stored; the log says why."
    return ERRORS.get(row.error, f"Wix answered with {row.error}.") if row.error else ""


def summary(account: ProviderAccount) -> str:
    """The latest run: when, what it saw and found, what became of that, and what went wrong."""
    row = Reconciliation.objects.filter(account=account).select_related("location").first()
    if row is None or (row.started_at is None and not row.error):
        return "Never looked through."
    words = []
    if row.is_running:
        words.append(f"Under way: {_bookings(row.seen)} seen, {row.found} found so far.")
    elif row.finished_at is not None:
        applied, parked = _became(row)
        words.append(
            f"{row.location.local(row.finished_at):%d %b %Y, %H:%M}: {_bookings(row.seen)} seen, {row.found} found "
            f"that no webhook had told of, {applied} of them applied{f', {parked} parked' if parked else ''}."
        )
    if row.error:
        words.append(reason(row))
    if row.refused:
        words.append("Nothing is asked until the account is changed.")
    return " ".join(words)


def _bookings(count: int) -> str:
    return "1 booking" if count == 1 else f"{count} bookings"


def _became(row: Reconciliation) -> tuple[int, int]:
    found = Receipt.objects.filter(
        account_id=row.account_id, external_id__startswith=KEY, created_at__gte=row.started_at
    )
    counted = found.aggregate(
        applied=Count("pk", filter=Q(state=Receipt.State.APPLIED)),
        parked=Count("pk", filter=Q(state=Receipt.State.PARKED)),
    )
    return counted["applied"], counted["parked"]
