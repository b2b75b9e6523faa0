"""The small model behind `messaging.intents`: how likely each meaning is, by weights that shipped code trained.

The weights are `intent_model.tsv` beside this file: a header (format, meanings, scale, checksum), then one feature a
line with a whole number for each meaning. `scripts/train_intents.py` writes it from the texts in
`scripts/intent_corpus`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from messaging import intent_text
from messaging.intent_text import Sentence

FORMAT = 1
PATH = Path(__file__).parent / "intent_model.tsv"
#: The feature every text has.
BIAS = "bias:"


class WrongModel(Exception):
    """The file of weights is of another format, or not as it was written."""


@dataclass(frozen=True, slots=True)
class Model:
    """Weights, and the words they know. `typos` leads from a word with letters missing to the word."""

    names: tuple[str, ...]
    scale: float
    weights: Mapping[str, tuple[int, ...]]
    vocabulary: frozenset[str]
    typos: Mapping[str, str]

    def read(self, said: Iterable[Sentence]) -> tuple[Sentence, ...]:
        """The sentences in the words of the model."""
        return tuple(intent_text.known(sentence, self.vocabulary, self.typos) for sentence in said)

    def odds(self, said: Iterable[Sentence]) -> dict[str, float]:
        """The probability of each meaning of sentences that `read` returned. They add up to 1."""
        found = intent_text.features(said)
        sums = [0] * len(self.names)
        for feature in found:
            for at, weight in enumerate(self.weights.get(feature, ())):
                sums[at] += weight
        norm = self.scale * math.sqrt(len(found))
        bias = self.weights[BIAS]
        scores = [total / norm + weight / self.scale for total, weight in zip(sums, bias, strict=True)]
        highest = max(scores)
        shares = [math.exp(score - highest) for score in scores]
        whole = sum(shares)
        return {name: share / whole for name, share in zip(self.names, shares, strict=True)}


def parse(text: str) -> Model:
    """The model that the text of a weights file holds. Raises WrongModel where it is not what it claims."""
    header, _, body = text.partition("\n")
    about = json.loads(header)
    if about["format"] != FORMAT:
        raise WrongModel(f"The weights have format {about['format']}; this program reads format {FORMAT}.")
    if about["checksum"] != checksum(body):
        raise WrongModel("The weights are not as they were written: train them again.")
    rows = (line.split("\t") for line in body.splitlines())
    weights = {row[0]: tuple(map(int, row[1:])) for row in rows}
    vocabulary = frozenset(feature for feature in weights if " " not in feature and ":" not in feature)
    return Model(tuple(about["names"]), about["scale"], weights, vocabulary, typos_of(vocabulary))


def checksum(body: str) -> str:
    """What tells one body of weights from another."""
    return hashlib.sha256(body.encode()).hexdigest()


@lru_cache(maxsize=1)
def shipped() -> Model:
    """The model that ships, read once for each process."""
    return parse(PATH.read_text(encoding="utf-8"))


def typos_of(vocabulary: Iterable[str]) -> dict[str, str]:
    """Each word's deletions, leading to it. Of two words with a deletion in common, the first in the alphabet."""
    table: dict[str, str] = {}
    for word in sorted(vocabulary):
        if len(word) >= intent_text.MENDABLE and word.isalpha():
            for less in sorted(intent_text.deletions(word)):
                table.setdefault(less, word)
    return table | {word: word for word in table.values()}
