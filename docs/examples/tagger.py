"""Sentences of a small grammar for tagger.toml: `python tagger.py` writes what it trains on, and the words.

Some words are adjective, noun or verb, as what stands around them says: in "the light watch the plant" light is the
noun and watch the verb, in "the light watch" before a point watch is the noun. Shapes: x (N, T) numbers of words, 0
behind the end of a sentence, y (N, T) tags, weight (N, T) 1 at words.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bpframe import datasets

AMBIGUOUS = "light watch plant cold green dark fast kind sound fine still model present mean second"
BY_TAG = {
    "determiner": "the a this every no",
    "adjective": "small old red quiet strange",
    "noun": "dog teacher river engine garden",
    "verb": "sees likes follows finds repairs",
    "preposition": "with near under behind",
    "relative": "that which",
    "stop": ".",
}
WORDS = {tag: words.split() for tag, words in BY_TAG.items()}
OPEN = ("adjective", "noun", "verb")  # which ambiguous words may be
TAGS = list(WORDS)
VOCABULARY = [*" ".join(BY_TAG.values()).split(), *AMBIGUOUS.split()]
LONGEST = 24


def sentence(rng: np.random.Generator) -> list[tuple[str, str]]:
    """(word, tag) of a subject, a verb and an object."""
    tags = [*phrase(rng, 0), "verb", *phrase(rng, 0), "stop"]
    return [(word(rng, tag), tag) for tag in tags]


def phrase(rng: np.random.Generator, depth: int) -> list[str]:
    """The tags of a determiner, adjectives and a noun, with a place or a clause behind them at times."""
    tags = ["determiner", *["adjective"] * rng.choice(3, p=[0.4, 0.4, 0.2]), "noun"]
    kind = rng.uniform()
    if depth == 0 and kind < 0.3:
        tags += ["preposition", *phrase(rng, 1)]
    elif depth == 0 and kind < 0.5:
        tags += ["relative", "verb", *phrase(rng, 1)]
    return tags


def word(rng: np.random.Generator, tag: str) -> str:
    """A word of a tag: of open classes half of them ambiguous."""
    return str(rng.choice(AMBIGUOUS.split() if tag in OPEN and rng.uniform() < 0.5 else WORDS[tag]))


def arrays(count: int, seed: int) -> dict[str, np.ndarray]:
    """So many different sentences, filled up to one length."""
    rng, found = np.random.default_rng(seed), {}
    while len(found) < count:
        made = sentence(rng)
        found[tuple(word for word, _ in made)] = [tag for _, tag in made]
    x = [[VOCABULARY.index(word) + 1 for word in words] for words in found]
    y = [[TAGS.index(tag) for tag in tags] for tags in found.values()]
    (ids, weight), (tags, _) = (datasets.pad_sequences(rows, LONGEST) for rows in (x, y))
    return {"x": ids, "y": tags, "weight": weight}


def main() -> None:
    """Writes the files."""
    np.savez_compressed("tagger-train.npz", **arrays(2000, 0))
    np.savez_compressed("tagger-test.npz", **arrays(1000, 1))
    Path("tagger-words.txt").write_text("\n".join(["", *VOCABULARY]))


if __name__ == "__main__":
    main()
