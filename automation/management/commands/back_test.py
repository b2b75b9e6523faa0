from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation import backtest_shown, backtests, drafts
from automation.backtest_models import MOST_DAYS, BackTest
from automation.models import Rule
from core import unstorable
from core.causes import Cause
from core.errors import Invalid


class Command(BaseCommand):
    """Try a rule on the past and print what it would have come to."""

    help = "Play a rule over the last days of a clinic: who would have got what. Changes and sends nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rule", help="the rule's short name")
        parser.add_argument("--location", required=True, help="the clinic's code")
        parser.add_argument(
            "--file",
            type=Path,
            help="JSON of the parts to try in place of the rule's own: conditions, actions, …",
        )
        parser.add_argument("--days", type=int, default=MOST_DAYS, help=f"1 to {MOST_DAYS}")

    def handle(self, *args: Any, **options: Any) -> None:
        code, key = options["location"], options["rule"]
        rule = Rule.objects.select_related("current", "location").filter(location__code=code, key=key).first()
        if rule is None:
            raise CommandError(f"The clinic {code!r} has no rule {key!r}.")
        wording = drafts.wording_of(rule) | (_read(options["file"]) if options["file"] else {})
        try:
            test: BackTest | None = backtests.ask(
                location=rule.location, rule=rule, wording=wording, author=None, cause=Cause.system("command"),
                days=options["days"],
            )  # fmt: skip
        except Invalid as refusal:
            found = [f"{path}: {' '.join(wrong)}" for path, wrong in refusal.fields.items()]
            raise CommandError("\n".join(found or [refusal.message])) from None
        except unstorable.UNSTORABLE:
            raise CommandError(unstorable.WORDS) from None
        # A worker that is there may take parts too: each is played once, whoever comes first.
        while test is not None and test.is_going:
            test = backtests.go_on(test.pk, test.parts_done)
        if test is None or test.state != BackTest.State.DONE:
            raise CommandError("It was stopped, or could not be played: the log says more.")
        for line in backtest_shown.lines(test):
            self.stdout.write(line)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _read(path: Path) -> dict[str, Any]:
    """The parts of a wording in a file. Raises CommandError where it is none."""
    try:
        given = json.loads(path.read_text(), parse_constant=_no_number)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{path} is no JSON: {error}.") from None
    unknown = set(given) - set(drafts.PARTS) if isinstance(given, dict) else {"no object"}
    if unknown:
        raise CommandError(
            f"{path}: give an object of {', '.join(drafts.PARTS)}; not {', '.join(sorted(unknown))}."
        )
    return given
