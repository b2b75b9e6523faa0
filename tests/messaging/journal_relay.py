"""`manage.py relay --until-idle` with a provider that writes every text it accepts into a file.

Run as a process of its own: `python -m tests.messaging.journal_relay <journal> search|dumb|once`. It takes two texts in
a call; with `search` it can be asked, with `once` it knows a second call by its reference.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import django
from django.core.management import call_command

from integrations.ports import Capabilities
from tests.fakes.journal import Journal, JournalGateway

KINDS = {
    "search": Capabilities(search=True, batch=2),
    "dumb": Capabilities(batch=2),
    "once": Capabilities(idempotency=timedelta(hours=24), batch=2),
}


def main() -> None:
    """Take the console provider's place and run what is due."""
    django.setup()
    from integrations import gateways

    gateway = JournalGateway(Journal(Path(sys.argv[1])), KINDS[sys.argv[2]])
    gateways.for_account = lambda account: gateway
    call_command("relay", until_idle=True)


if __name__ == "__main__":
    main()
