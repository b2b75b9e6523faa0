"""Going through a provider's list for what no webhook told of, a page at a time: claim, ask, store.

A run is a row (`Reconciliation`). `claim` takes one that is due, with a lease and a fencing number, and commits;
the provider is asked for the next page with nothing open; `record` stores what the page holds that is not known,
as receipts that are applied like any delivery, together with the cursor of the page after it. Whoever dies in
between leaves the cursor where it was: the page is asked for again, and what it holds has the same keys.

A run begins where the last complete one did, less an overlap, because changes reach the list late. The first run
of an account takes the visits of the last 90 days and all to come; what it finds is history, and nobody is told
of it (`automation.golive`).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from core import clock
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict, NotConfigured
from core.events import record as record_event
from core.registry import Registry
from integrations import inbound
from integrations.events import PROVIDER_LOOKED_THROUGH
from integrations.models import Kind, ProviderAccount, Reconciliation
from integrations.providers.wix_rest_format import Listed, Page, Question

logger = logging.getLogger(__name__)

FIRST_RUN_BACK = timedelta(days=90)
LEASE = timedelta(seconds=90)
PAGE = 100
#: Where a page could not be read, it may have been too large.
SMALL_PAGE = 25
#: One tick asks for so many pages and begins none after so many real seconds. Wix takes 200 calls a minute.
PAGES_A_TICK = 50
SECONDS_A_TICK = 20
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)

declare("reconcile.page_fetched", "reconcile.page_storing", "reconcile.page_stored")


@dataclass(frozen=True)
class Lister:
    """How one provider's list is asked for: whether an account may ask, and a page of it."""

    may_ask: Callable[[ProviderAccount], bool]
    ask: Callable[[ProviderAccount, Question], Page]


#: Of ids with their revisions those that are known here, in that state or a newer one.
Known = Callable[[ProviderAccount, Mapping[str, int]], set[str]]

_listers: Registry[Lister] = Registry("provider's list")
known: Registry[Known] = Registry("what is known of a provider's list")


def register(provider: str, lister: Lister) -> None:
    """Let this provider's list be gone through. Called from AppConfig.ready()."""
    _listers.register(provider, lister)


def has_list(account: ProviderAccount) -> bool:
    """Whether the account's provider has a list that can be gone through."""
    return account.provider in _listers


def may_ask(account: ProviderAccount) -> bool:
    """Whether the account has what its provider's list is asked for with."""
    return has_list(account) and _listers.get(account.provider).may_ask(account)


def begin_all() -> int:
    """Begin a run for every account that may ask and has none. Returns how many."""
    began = 0
    for account in _accounts():
        if may_ask(account):
            row, _ = _row_of(account)
            began += Reconciliation.objects.filter(
                pk=row.pk, since__isnull=True, refused=False, next_at__isnull=True
            ).update(next_at=clock.now())
    return began


@transaction.atomic
def ask_now(account: ProviderAccount) -> Reconciliation:
    """Let a run begin within a minute, as a person asked. Raises NotConfigured when the account has not what it
    takes, Conflict while a run is on its way.
    """
    if not account.enabled or not may_ask(account):
        raise NotConfigured(
            f"{account} cannot be asked for its bookings: type its API key and site id on the account's page."
        )
    row, is_new = _row_of(account)
    row = Reconciliation.objects.select_for_update(no_key=True).get(pk=row.pk)
    if not is_new and not row.error and (row.is_running or row.next_at is not None):
        raise Conflict("The bookings are being looked through already.", code="sync_running")
    _again_at_once(Reconciliation.objects.filter(pk=row.pk))
    row.refresh_from_db()
    return row


@transaction.atomic
def ask_clinic_now(location_id: int) -> list[Reconciliation]:
    """The same for every account of a clinic that may ask. Conflict when all of them have a run on its way."""
    accounts = [each for each in _accounts().filter(location_id=location_id) if may_ask(each)]
    if not accounts:
        raise NotConfigured(
            "No booking system of this clinic can be asked for its bookings: type the API key and the site id "
            "on its account, under Providers."
        )
    begun, busy = [], None
    for account in accounts:
        try:
            begun.append(ask_now(account))
        except Conflict as refused:
            busy = refused
    if busy is not None and not begun:
        raise busy
    return begun


def resume(account: ProviderAccount) -> None:
    """The account was changed: whatever kept it from asking may be mended."""
    waits = Q(refused=True) | Q(tries__gt=0)
    _again_at_once(Reconciliation.objects.filter(waits, account=account))


def _again_at_once(rows: QuerySet[Reconciliation]) -> None:
    rows.update(next_at=clock.now(), refused=False, tries=0, error="", updated_at=clock.now())


def run_due() -> int:
    """Go on with what is due, within the bounds of one tick. Returns how many pages were asked for."""
    started, pages = monotonic(), 0
    while pages < PAGES_A_TICK and monotonic() - started < SECONDS_A_TICK:
        row = claim()
        if row is None:
            break
        while pages < PAGES_A_TICK and monotonic() - started < SECONDS_A_TICK:
            pages += 1
            if not record(row, call(row)):
                break
        release(row)
    return pages


@transaction.atomic
def claim() -> Reconciliation | None:
    """Claim a run that is due, and begin it where it has not begun."""
    now = clock.sql_now()
    due = Reconciliation.objects.filter(next_at__lte=now, refused=False, account__enabled=True)
    row = (
        due.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))
        .order_by("next_at", "id")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("account__location")
        .first()
    )
    if row is None:
        return None
    if not row.is_running:
        _begin(row)
    row.fence += 1
    row.save(update_fields=["since", "reached", "cursor", "started_at", "seen", "found", "fence"])
    Reconciliation.objects.filter(pk=row.pk).update(lease_until=now + LEASE)
    return row


def _begin(row: Reconciliation) -> None:
    now = clock.now()
    row.since = row.asks_from or now - FIRST_RUN_BACK
    row.started_at, row.reached, row.cursor, row.seen, row.found = now, None, "", 0, 0


def call(row: Reconciliation) -> Page:
    """Ask for the next page, with no transaction open. An error that nobody could name counts as no answer."""
    question = Question(
        limit=PAGE if row.error != "unreadable" else SMALL_PAGE,
        cursor=row.cursor,
        changed_since=row.reached or (None if row.is_first else row.since),
        starts_from=row.since if row.is_first else None,
    )
    try:
        page = _listers.get(row.account.provider).ask(row.account, question)
    except Exception as error:
        # Not the message: it may hold what was sent.
        logger.error("list not asked", extra={"account": row.account_id, "error": type(error).__name__})
        page = Page("retry", code=type(error).__name__[:60])
    if page.cursor and page.cursor == row.cursor:
        page = Page("stale_cursor", code="same_cursor")
    crashpoint("reconcile.page_fetched")
    return page


def record(row: Reconciliation, page: Page) -> bool:
    """Store what came of a page. True when the run goes on at once. A page that cannot be stored is asked for again
    later, and shown as what went wrong; a database that is away is none of the page's doing.
    """
    try:
        return _record(row, page)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("page not stored", extra={"account": row.account_id})
        # Not the fence: whoever took the run over meanwhile goes on undisturbed.
        row.refresh_from_db(fields=["cursor", "tries", "since", "complete_until", "seen", "found"])
        return _record(row, Page("retry", code=f"not_stored_{type(error).__name__}"[:60]))


def _record(row: Reconciliation, page: Page) -> bool:
    with transaction.atomic():
        if (
            not Reconciliation.objects.select_for_update(no_key=True)
            .filter(pk=row.pk, fence=row.fence)
            .exists()
        ):
            return False  # Somebody else has taken it over.
        if page.kind == "page":
            _store(row, page)
            crashpoint("reconcile.page_storing")
        else:
            _fail(row, page)
    if page.kind == "page":
        crashpoint("reconcile.page_stored")
    return page.kind == "page" and row.is_running


def _store(row: Reconciliation, page: Page) -> None:
    account, found = row.account, "first_run" if row.is_first else "later_run"
    if page.unreadable:
        logger.error("bookings without an id", extra={"account": account.pk, "count": page.unreadable})
    told = {each.id: each.revision for each in page.bookings if each.revision is not None}
    there = known.get(account.provider)(account, told) if told else set()
    news = [_delivery(account, each, found) for each in page.bookings if each.id not in there]
    row.found += inbound.store_all(account, news) if news else 0
    row.seen += len(page.bookings)
    row.reached = max(_changes(row, page), default=None)
    row.tries, row.error, row.cursor = 0, "", page.cursor
    if not page.cursor or not (page.bookings or page.unreadable):
        _end(row)
    row.save(
        update_fields=[
            "cursor", "reached", "since", "complete_until", "seen", "found", "tries", "error", "next_at",
            "finished_at", "updated_at",
        ]
    )  # fmt: skip
    Reconciliation.objects.filter(pk=row.pk).update(lease_until=clock.sql_now() + LEASE)


def _changes(row: Reconciliation, page: Page) -> Iterator[datetime]:
    yield from (each.updated_at for each in page.bookings if each.updated_at is not None)
    if row.reached is not None:
        yield row.reached


def _delivery(account: ProviderAccount, listed: Listed, found: str) -> inbound.Delivery:
    return inbound.Delivery(
        account=account, kind=Kind.BOOKING, key=listed.key, thread=listed.id, body=listed.kept(found), by_token=True
    )  # fmt: skip


def _end(row: Reconciliation) -> None:
    """The list is through: all that changed before the run began is known."""
    first = row.is_first
    row.complete_until, row.finished_at = row.started_at, clock.now()
    row.since, row.cursor, row.next_at = None, "", None
    if first or row.found:
        record_event(
            PROVIDER_LOOKED_THROUGH, cause=Cause.provider(row.account_id), location_id=row.location_id,
            source=inbound.event_source(row.account.provider),
            data={"account": str(row.account.public_id), "seen": row.seen, "found": row.found, "first": first},
        )  # fmt: skip


def _fail(row: Reconciliation, page: Page) -> None:
    """Nothing usable came: the run stays where it is and goes on later, or waits for a person."""
    row.tries, row.error = row.tries + 1, page.code[:60]
    row.refused = page.kind == "refused"
    if page.kind == "stale_cursor":
        row.cursor = ""  # The run begins again at the newest change that it has stored.
    pause = min(FIRST_PAUSE * 2 ** min(row.tries - 1, 10), LONGEST_PAUSE) * (1 + random.random() / 4)
    if page.retry_after is not None:
        pause = max(timedelta(seconds=page.retry_after), timedelta(seconds=1))
    row.next_at = clock.now() + pause
    row.save(update_fields=["tries", "error", "refused", "cursor", "next_at", "updated_at"])


def release(row: Reconciliation) -> None:
    """Give a claimed run back; the others that are due come first then."""
    mine = Reconciliation.objects.filter(pk=row.pk, fence=row.fence)
    mine.update(lease_until=None)
    mine.filter(since__isnull=False, tries=0).update(next_at=clock.now())


def _accounts() -> QuerySet[ProviderAccount]:
    providers = [provider for provider, _ in _listers.items()]
    return ProviderAccount.objects.filter(enabled=True, provider__in=providers).order_by("pk")


def _row_of(account: ProviderAccount) -> tuple[Reconciliation, bool]:
    return Reconciliation.objects.get_or_create(
        account=account, defaults={"location_id": account.location_id}
    )
