"""Train a letter model on the help texts that come with Python. Run by `models/ngram.py`."""

import argparse
import json
import os
import random
from collections import Counter, defaultdict
from math import log2
from pathlib import Path
from pydoc_data.topics import topics

# How often a context must have been seen for its own counts to weigh as much as those of the next shorter.
ENOUGH = 5


class LetterModel:
    """Predicts a letter from the last `context` ones, and from fewer where those were rarely seen."""

    def __init__(self, context: int, alphabet: set[str]):
        self.context = context
        self.alphabet = sorted(alphabet)
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)

    def learn(self, text: str) -> None:
        for length in range(self.context + 1):
            for i in range(length, len(text)):
                self.counts[text[i - length : i]][text[i]] += 1
        self.totals = {before: counts.total() for before, counts in self.counts.items()}

    def probability(self, before: str, letter: str) -> float:
        probability = 1 / len(self.alphabet)
        for length in range(self.context + 1):
            seen = before[len(before) - length :]
            if seen not in self.totals:
                break
            probability = (self.counts[seen][letter] + ENOUGH * probability) / (self.totals[seen] + ENOUGH)
        return probability

    def bits_per_letter(self, text: str) -> float:
        """How many yes-or-no questions it takes, on average, to guess a letter of `text`."""
        pairs = [(text[i - self.context : i], text[i]) for i in range(self.context, len(text))]
        return -sum(log2(self.probability(before, letter)) for before, letter in pairs) / len(pairs)

    def babble(self, length: int) -> str:
        """`length` letters that the model finds likely, one after another."""
        text = ""
        for _ in range(length):
            before = text[max(0, len(text) - self.context) :]
            weights = [self.probability(before, letter) for letter in self.alphabet]
            text += random.choices(self.alphabet, weights)[0]
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=int, required=True, help="how many letters to look back")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write babble.txt into")
    parser.add_argument("--letters", type=int, default=300_000, help="how many letters of text to use")
    arguments = parser.parse_args()

    text = "\n".join(topics[name] for name in sorted(topics))[: arguments.letters]
    split = len(text) * 9 // 10
    model = LetterModel(arguments.context, set(text))
    model.learn(text[:split])
    results = {"bits_per_letter": model.bits_per_letter(text[split:]), "contexts": len(model.counts)}

    random.seed(1)
    arguments.out.joinpath("babble.txt").write_text(model.babble(500) + "\n", encoding="utf-8")
    print(f"{arguments.context} letters back: {results['bits_per_letter']:.2f} bits per letter")

    # One JSON object is the results; JSON lines would be metrics along the way. Run by hand, nobody asks.
    if "MLP_METRICS" in os.environ:
        Path(os.environ["MLP_METRICS"]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
