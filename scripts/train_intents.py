"""Train the model behind `messaging.intents` from the shipped corpus, or say how well it reads.

    python scripts/train_intents.py            writes messaging/intent_model.tsv, the same bytes every time
    python scripts/train_intents.py --check    trains and says whether the shipped file is what comes out
    python scripts/train_intents.py --report   figures and confusion table on tests/data/intent_test_set.tsv
    python scripts/train_intents.py --dev      the same on the templates kept from training, with every error

Multinomial logistic regression by stochastic gradient descent, in plain Python: no seed but the corpus itself.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import intent_grammar  # noqa: E402
from intent_grammar import Chance, Example  # noqa: E402

from messaging import intent_model, intent_text  # noqa: E402

NAMES = ("confirm", "cancel", "reschedule", "question", "stop", "start", "help", "thanks", "other")
#: Weights are whole numbers: so many to one.
SCALE = 10
EPOCHS, RATE, SHRINK = 10, 2.5, 5e-6
#: A word is known from so many examples on, a feature weighs from so many on.
WORD_AT_LEAST, FEATURE_AT_LEAST = 2, 3


def trained(examples: Sequence[Example]) -> str:
    """The text of the weights file."""
    vocabulary = words_of(examples)
    typos = intent_model.typos_of(vocabulary)
    rows: list[tuple[list[str], int]] = []
    for example in examples:
        said = [intent_text.known(one, vocabulary, typos) for one in intent_text.sentences(example.text)]
        rows.append((intent_text.features(said), NAMES.index(example.name)))
    counts = Counter(feature for found, _ in rows for feature in found)
    kept = [feature for feature, count in sorted(counts.items()) if count >= FEATURE_AT_LEAST]
    index = {feature: at for at, feature in enumerate(kept)}
    weights, bias = _descend(rows, index)
    lines = []
    for feature, row in zip(kept, weights, strict=True):
        whole = [round(weight * SCALE) for weight in row]
        if any(whole) or feature in vocabulary:
            lines.append("\t".join([feature, *map(str, whole)]))
    lines += ["\t".join([word, *["0"] * len(NAMES)]) for word in sorted(vocabulary - set(kept))]
    lines.append("\t".join([intent_model.BIAS, *(str(round(weight * SCALE)) for weight in bias)]))
    body = "\n".join(lines) + "\n"
    about = {
        "format": intent_model.FORMAT,
        "names": NAMES,
        "scale": SCALE,
        "checksum": intent_model.checksum(body),
    }
    return json.dumps(about) + "\n" + body


def words_of(examples: Iterable[Example]) -> frozenset[str]:
    """The words that the model shall know: no names, and nothing that was written only once."""
    counts = Counter(
        word for example in examples for one in intent_text.sentences(example.clean) for word in set(one)
    )
    names = intent_grammar.names()
    return frozenset(
        word
        for word, count in counts.items()
        if count >= WORD_AT_LEAST and word not in names and ":" not in word
    )


def _descend(
    rows: Sequence[tuple[list[str], int]], index: dict[str, int]
) -> tuple[list[list[float]], list[float]]:
    """Weights for each feature, and the bias: softmax regression, classes weighed by the root of their rarity."""
    size = len(NAMES)
    weights = [[0.0] * size for _ in index]
    bias = [0.0] * size
    many = Counter(target for _, target in rows)
    care = [math.sqrt(len(rows) / size / many[target]) for target in range(size)]
    data = [
        ([index[feature] for feature in found if feature in index], target, 1 / math.sqrt(len(found)))
        for found, target in rows
    ]
    for epoch in range(EPOCHS):
        rate = RATE / (1 + 0.35 * epoch)
        order = sorted(range(len(data)), key=_shuffled(epoch))
        for at in order:
            found, target, unit = data[at]
            mine = [weights[feature] for feature in found]
            scores = [
                sum(column) * unit + own for column, own in zip(zip(*mine, strict=True), bias, strict=True)
            ]
            highest = max(scores)
            shares = [math.exp(score - highest) for score in scores]
            whole = sum(shares)
            step = rate * care[target]
            for name, share in enumerate(shares):
                error = (name == target) - share / whole
                if -0.002 < error < 0.002:
                    continue
                bias[name] += 0.1 * step * error
                change = step * error * unit
                for row in mine:
                    row[name] += change - SHRINK * row[name]
    return weights, bias


def _shuffled(epoch: int) -> callable:
    chance = Chance(f"epoch {epoch}")
    factor, shift = 2 * chance.below(1 << 30) + 1, chance.below(1 << 30)
    return lambda at: ((at + 1) * factor + shift) * 2654435761 % (1 << 32)


# Figures


def report(pairs: Sequence[tuple[str, str]]) -> str:
    """Figures by meaning and the confusion table, as Markdown. A pair is (label, what was read)."""
    cells = Counter(pairs)
    lines = ["| meaning | texts | precision | recall |", "|---|---|---|---|"]
    for name in NAMES:
        right, told = cells[name, name], sum(cells[name, other] for other in NAMES)
        read = sum(cells[other, name] for other in NAMES)
        lines.append(f"| {name} | {told} | {_share(right, read)} | {_share(right, told)} |")
    right = sum(cells[name, name] for name in NAMES)
    lines.append(f"| all | {len(pairs)} | | {_share(right, len(pairs))} |")
    lines += ["", "| told \\ read | " + " | ".join(NAMES) + " |", "|---" * (len(NAMES) + 1) + "|"]
    for name in NAMES:
        lines.append(f"| {name} | " + " | ".join(str(cells[name, other] or "·") for other in NAMES) + " |")
    wrong = cells["cancel", "confirm"] + cells["reschedule", "confirm"]
    false = sum(cells[name, "stop"] for name in NAMES if name != "stop")
    missed = sum(cells["stop", name] for name in NAMES if name != "stop")
    not_yes = sum(cells[name, "confirm"] for name in NAMES if name != "confirm")
    lines += [
        "",
        f"Cancel or reschedule read as confirm: {wrong}. False stop: {false}. Stop missed: {missed}. ",
    ]
    lines[-1] += f"Anything else read as confirm: {not_yes}."
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _dev() -> int:
    from messaging import intents

    model = intent_model.parse(trained([one for one in intent_grammar.examples() if not one.dev]))
    intent_model.shipped = lambda: model  # type: ignore[assignment]
    dev = [one for one in intent_grammar.examples() if one.dev]
    read = [(one.name, intents.detect(one.text).name, one.text) for one in dev]
    for told, name, text in read:
        if told != name:
            print(f"{told:>10} read as {name:<10} {text!r}")
    print(report([(told, name) for told, name, _ in read]))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only say whether the shipped file comes out")
    parser.add_argument("--report", action="store_true", help="figures on the test set")
    parser.add_argument("--dev", action="store_true", help="figures on templates kept from training")
    given = parser.parse_args()
    if given.report:
        from messaging import intents

        print(report([(told, intents.detect(text).name) for told, text in intent_grammar.test_set()]))
        return 0
    if given.dev:
        return _dev()
    text = trained(intent_grammar.examples())
    if given.check:
        same = intent_model.PATH.read_text(encoding="utf-8") == text
        print("The shipped model is what the corpus makes." if same else "The shipped model is out of date.")
        return not same
    intent_model.PATH.write_text(text, encoding="utf-8", newline="\n")
    print(
        f"{intent_model.PATH.relative_to(ROOT)}: {text.count(chr(10)) - 1} features, {len(text) // 1024} KiB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
