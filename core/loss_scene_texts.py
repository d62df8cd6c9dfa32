"""The texts that the pictures of the losses show, and where they stand on the unit circle."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin


@dataclass(frozen=True)
class Text:
    """One point: the text, the few words written beside it, its embedding, and the group that gives its colour.

    A `fixed` point is none of the loss's embeddings to move; `hollow` draws a ring.
    """

    text: str
    label: str
    place: tuple[float, ...]
    group: str
    fixed: bool = False
    hollow: bool = False


@dataclass(frozen=True)
class Link:
    """A line between two texts, by their place in the scene; `apart` is dotted. `label` stands at its middle."""

    first: int
    second: int
    apart: bool = False
    label: str = ""


def _at(degrees: float, radius: float = 1.0) -> tuple[float, float]:
    return radius * cos(radians(degrees)), radius * sin(radians(degrees))


def _pairs(rows: Sequence[tuple[str, Text, Text, bool]]) -> tuple[tuple[Text, ...], tuple[Link, ...]]:
    """Lay out pairs as first, second, first, second; a row is the line's label, the two texts and whether they belong apart."""
    texts = tuple(text for _, first, second, _ in rows for text in (first, second))
    return texts, tuple(Link(2 * row, 2 * row + 1, apart, label) for row, (label, _, _, apart) in enumerate(rows))


NLI_TEXTS, NLI_LINKS = _pairs(
    [
        ("", Text("A dog races along the beach.", "dog on a beach", _at(68), "entailment"),
         Text("An animal is outside.", "animal outside", _at(112), "entailment"), False),
        ("", Text("A man tunes his guitar.", "man tunes guitar", _at(14), "neutral"),
         Text("A man is about to go on stage.", "about to go on", _at(-14), "neutral"), False),
        ("", Text("A girl is fast asleep.", "girl asleep", _at(196), "contradiction"),
         Text("A girl is dancing.", "girl dancing", _at(246), "contradiction"), True),
    ]
)  # fmt: skip
SCORED_TEXTS, SCORED_LINKS = _pairs(
    [
        ("1.0", Text("A plane lands in the rain.", "plane lands", _at(116), "score 1.0"),
         Text("An aircraft touches down in the wet.", "touches down", _at(64), "score 1.0"), False),
        ("0.6", Text("A woman is cooking rice.", "cooking rice", _at(4), "score 0.6"),
         Text("A woman stirs a pot.", "stirs a pot", _at(-26), "score 0.6"), False),
        ("0.0", Text("A boy dives into a lake.", "boy dives", _at(172), "score 0.0"),
         Text("The bank is closed today.", "bank is closed", _at(242), "score 0.0"), True),
    ]
)  # fmt: skip
JUDGED_TEXTS, JUDGED_LINKS = _pairs(
    [
        ("alike", Text("How do I reset my password?", "reset password?", _at(116), "alike"),
         Text("I forgot my password, what now?", "forgot it", _at(64), "alike"), False),
        ("not alike", Text("Can I pay by card?", "pay by card?", _at(17), "not alike, too near"),
         Text("Can I pay in two parts?", "pay in parts?", _at(-18), "not alike, too near"), True),
        ("not alike", Text("Where is my parcel?", "my parcel?", _at(170), "not alike, far enough"),
         Text("Do you sell gift cards?", "gift cards?", _at(262), "not alike, far enough"), True),
    ]
)  # fmt: skip
ASKED_TEXTS, ASKED_LINKS = _pairs(
    [
        ("", Text("How long do I boil an egg?", "boil an egg?", _at(105), "anchor"),
         Text("Six minutes leave the yolk soft.", "six minutes", _at(52), "positive"), False),
        ("", Text("Where do penguins live?", "penguins?", _at(14), "anchor"),
         Text("On coasts and ice in the far south.", "in the far south", _at(-38), "positive"), False),
        ("", Text("Who wrote Faust?", "who wrote Faust?", _at(186), "anchor"),
         Text("The play is by Goethe.", "by Goethe", _at(232), "positive"), False),
    ]
)  # fmt: skip
ASKED_LINKS += tuple(
    Link(anchor, positive, apart=True) for anchor in (0, 2, 4) for positive in (1, 3, 5) if positive != anchor + 1
)
READ_TWICE, READ_LINKS = _pairs(
    [
        ("", Text(text, label, _at(degrees - 9), "first reading"), Text(text, "", _at(degrees + 9), "second reading"), False)
        for text, label, degrees in (
            ("The tram is late again.", "tram is late", 40),
            ("The bus did not come.", "bus did not come", 3),
            ("Tomatoes want a lot of sun.", "tomatoes", 155),
            ("The choir sings on Friday.", "choir sings", 248),
        )
    ]
)
READ_LINKS += tuple(Link(first, second, apart=True) for first in (0, 2, 4, 6) for second in (1, 3, 5, 7) if second != first + 1)
TRIPLES = (
    Text("A cook chops onions.", "chops onions", _at(100), "anchor"),
    Text("Somebody prepares vegetables.", "prepares food", _at(150), "positive"),
    Text("A cook washes his hands.", "washes hands", _at(58), "negative"),
    Text("The lake is frozen.", "lake is frozen", _at(-18), "anchor"),
    Text("There is ice on the water.", "ice on the water", _at(12), "positive"),
    Text("Children swim in the lake.", "children swim", _at(240), "negative"),
)
TRIPLE_LINKS = (Link(0, 1), Link(0, 2, apart=True), Link(3, 4), Link(3, 5, apart=True))
CLASSED = (
    Text("My card was swallowed.", "card swallowed", _at(88), "card"),
    Text("The machine kept my card.", "machine kept it", _at(6), "card"),
    Text("My new card has not come.", "card not here", _at(135), "card"),
    Text("The fee is too high.", "fee too high", _at(50), "fees"),
    Text("Why was I charged twice?", "charged twice", _at(-28), "fees"),
    Text("What does a transfer cost?", "transfer cost?", _at(-72), "fees"),
)
CLASSED_LINKS = tuple(
    Link(one, two, apart=CLASSED[one].group != CLASSED[two].group) for one in range(6) for two in range(one + 1, 6)
)
WORDS = ("the", "old", "dog", "sleeps", "car", "vote", "violin", "rain")
WORD_DEGREES = (64, 28, -8, -44, 108, 146, 214, 252)
ORIGINAL = ("the", "old", "dog", "sleeps")
DAMAGED = Text("dog (of “the old dog sleeps”)", "“… … dog …”", _at(180, 0.22), "damaged text")
DENOISING_TEXTS = (
    DAMAGED,
    *(
        Text(word, word, _at(degrees), "word of the text" if word in ORIGINAL else "other word", True, word not in ORIGINAL)
        for word, degrees in zip(WORDS, WORD_DEGREES, strict=True)
    ),
)
DENOISING_LINKS = tuple(Link(0, 1 + row, apart=word not in ORIGINAL) for row, word in enumerate(WORDS))
NESTED_TEXTS = (
    Text("How tall is the tower?", "how tall?", (0.42, 0.62, 0.66), "anchor"),
    Text("It rises to ninety metres.", "ninety metres", (-0.25, 0.66, 0.71), "positive"),
    Text("When does the shop open?", "when open?", (0.62, -0.2, -0.76), "anchor"),
    Text("It opens at nine.", "opens at nine", (0.72, 0.3, -0.62), "positive"),
    Text("Who runs the library?", "who runs it?", (-0.72, -0.2, 0.66), "anchor"),
    Text("The town pays for it.", "the town", (-0.4, -0.72, -0.57), "positive"),
)
NESTED_LINKS = (Link(0, 1), Link(2, 3), Link(4, 5))
