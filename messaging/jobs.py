"""What the clock has this app do. Each is safe to run twice at once: it claims what it works on."""

from __future__ import annotations

from messaging import bulk, sending, settling, talks


def send_due() -> int:
    """Every 10 seconds, and whenever work is drained: leases, sends, look-ups."""
    return settling.recover_leases() + sending.send_due() + settling.ask_about_unknown()


def settle() -> int:
    """Every minute: what was held until it was too late, texts to many that are done, conversations that wake."""
    return settling.expire_kept() + bulk.finish() + talks.wake()


def reconsider() -> int:
    """Every 15 minutes: held messages whose cause may be mended."""
    return settling.reconsider_held()
