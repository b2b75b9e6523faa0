"""A fake provider as a process of its own: `make fake-provider ARGS="twilio --port 9803 --seed 1"`."""

from __future__ import annotations

import sys

from tests.fakes import clicksend, messagemedia, plain, twilio

FAKES = {
    "twilio": twilio.main,
    "clicksend": clicksend.main,
    "messagemedia": messagemedia.main,
    "plain": plain.main,
}


def main() -> None:
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if name not in FAKES:
        raise SystemExit(f"Which provider? One of: {', '.join(FAKES)}. Then --help tells its options.")
    FAKES[name]()


if __name__ == "__main__":
    main()
