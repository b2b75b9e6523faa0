"""How fast texts leave: a sender's turns, and pauses of a whole account. Shared by all workers, through the
database; nobody sleeps or calls inside a transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from core import clock
from integrations.models import AccountPause, ProviderAccount, SenderIdentity
from integrations.ports import SendOutcome

#: Real seconds that one run of the sender waits for turns, in all.
PATIENCE = 3.0
#: How long an account whose credit is used up, or whose credentials are wrong, is left alone before one text
#: tries again.
MENDING = timedelta(minutes=14)
#: Reasons that do not go away by waiting a little.
TO_MEND = frozenset({"no_credit", "bad_credentials"})

#: An account that was not there for this many calls in a row is left alone for so long before one text tries again.
BROKEN_AFTER = 5
PROBED_AFTER = timedelta(minutes=1)

# One statement, so that two workers never take the same turn. The turns of a sender, or of an account, follow each
# other at its pace; one that lies further off than the caller will wait is not taken, and how far off it is comes
# back below nought.
_TAKE = """
WITH taken AS (
    INSERT INTO integrations_{whose}pace AS pace ({whose}_id, free_at)
    VALUES (%(id)s, clock_timestamp() + make_interval(secs => %(takes)s))
    ON CONFLICT ({whose}_id) DO UPDATE
    SET free_at = greatest(pace.free_at, clock_timestamp()) + make_interval(secs => %(takes)s)
    WHERE pace.free_at <= clock_timestamp() + make_interval(secs => %(patience)s)
    RETURNING free_at - make_interval(secs => %(takes)s) AS turn
)
SELECT true, extract(epoch FROM turn - clock_timestamp()) FROM taken
UNION ALL
SELECT false, extract(epoch FROM free_at - clock_timestamp()) FROM integrations_{whose}pace
WHERE {whose}_id = %(id)s AND NOT EXISTS (SELECT FROM taken)
"""
_OF_SENDER, _OF_ACCOUNT = (_TAKE.format(whose=whose) for whose in ("sender", "account"))


@dataclass(frozen=True, slots=True)
class Turn:
    """`seconds` until it; `taken` is False when it is too far off and somebody else may have it."""

    taken: bool
    seconds: float


@dataclass(slots=True)
class Turns:
    """The turns that one run of the sender takes, waiting `patience` seconds at most in all."""

    patience: float = PATIENCE
    _put_off: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def take(self, sender: SenderIdentity, count: int = 1) -> Turn:
        """The next turns of a sender and of its account, for `count` texts that leave together at the first of them,
        if it is near enough. What is put off is spread over the turns to come.
        """
        turn = self._take(_OF_SENDER, sender.pk, sender.per_second, count)
        limit = sender.account.per_second
        if turn.taken and limit is not None:
            account = self._take(_OF_ACCOUNT, sender.account_id, limit, count)
            turn = Turn(account.taken, max(turn.seconds, account.seconds))
        if turn.taken:
            self.patience -= turn.seconds
        return turn

    def _take(self, statement: str, pk: int, per_second: int, count: int) -> Turn:
        gap = 1 / per_second
        turn = _take(statement, pk, takes=gap * count, patience=max(self.patience, 0.0))
        if turn.taken:
            return turn
        behind = self._put_off[statement, pk] * gap
        self._put_off[statement, pk] += count
        return Turn(False, turn.seconds + behind)


def _take(statement: str, pk: int, *, takes: float, patience: float) -> Turn:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"id": pk, "takes": takes, "patience": patience})
        # Another worker's new row may be invisible to the second half: then its turns end that much later.
        taken, seconds = cursor.fetchone() or (False, takes)
    return Turn(taken, max(float(seconds), 0.0))


def pace_of(sender: SenderIdentity) -> int:
    """How many texts from a sender may leave in a second."""
    return min(sender.per_second, sender.account.per_second or sender.per_second)


def pause(account_id: int, *, reason: str, until: datetime) -> None:
    """Send nothing through an account until then; a later end stays."""
    mine, new = AccountPause.objects.get_or_create(
        account_id=account_id, defaults={"until": until, "reason": reason[:40]}
    )
    if not new and mine.until < until:
        AccountPause.objects.filter(account_id=account_id).update(until=until, reason=reason[:40])


def heard(account: ProviderAccount, answers: Sequence[SendOutcome]) -> None:
    """What a call's answers say of the account: what is wrong with it, not with the texts, keeps other texts from
    trying too.
    """
    if any(answer.kind == "accepted" for answer in answers) and latest_pause(account) is not None:
        resume(account.pk)
    waits = [
        (_wait_of(answer), answer.error_code) for answer in answers if answer.kind in ("retry", "refused")
    ]
    wait, code = max(waits, default=(timedelta(0), ""))
    if wait:
        pause(account.pk, reason=code, until=clock.now() + wait)
    elif all(_was_not_there(answer) for answer in answers):
        broke(account.pk, reason=answers[0].error_code or "no_answer")


def _was_not_there(answer: SendOutcome) -> bool:
    return answer.kind == "unknown" or answer.error_code == "not_connected"


def _wait_of(answer: SendOutcome) -> timedelta:
    wait = timedelta(seconds=answer.retry_after or 0)
    return max(wait, MENDING) if answer.error_code in TO_MEND else wait


def broke(account_id: int, *, reason: str) -> None:
    """An account was not there for one more call. After several in a row it is left alone for a while."""
    now = clock.now()
    mine, new = AccountPause.objects.select_for_update(no_key=True).get_or_create(
        account_id=account_id, defaults={"until": now, "reason": reason[:40], "failures": 1}
    )
    if new:
        return
    mine.failures += 1
    if mine.failures >= BROKEN_AFTER:
        mine.until, mine.reason = max(mine.until, now + PROBED_AFTER), reason[:40]
    mine.save()


def resume(account_id: int) -> None:
    """End an account's pause: what it was for is mended."""
    AccountPause.objects.filter(account_id=account_id).delete()


def latest_pause(account: ProviderAccount) -> AccountPause | None:
    """The account's pause, which may be over but did not prove mended yet. Loads it unless `pause` was selected
    along.
    """
    return getattr(account, "pause", None)


def pause_of(account: ProviderAccount) -> AccountPause | None:
    """The account's pause, if it lasts still."""
    found = latest_pause(account)
    return found if found is not None and found.until > clock.now() else None
