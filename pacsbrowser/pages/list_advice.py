"""What to try when nothing was found: leave a word out, or take a name that is spelled nearly the same."""

from dataclasses import dataclass
from difflib import get_close_matches

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search import Kind, count_patients, count_studies, find_words
from pacsbrowser.pages.list_chips import Chip
from pacsbrowser.pages.list_state import ListState

# Counting further than this is no better advice.
ENOUGH = 1_000
MOST = 6
SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Advice:
    """A search that may find something."""

    text: str
    href: str
    count: int
    exact: bool


def without_one(scope: Scope, state: ListState, chips: list[Chip], level: str) -> list[Advice]:
    """Return the search without each of its words and filters, and how much it would find."""
    count = count_patients if level == "patients" else count_studies
    found = []
    for chip in chips[:MOST] if len(chips) > 1 else []:
        hits = count(scope, chip.query, chip.filters, ENOUGH)
        found.append(Advice(chip.value, chip.href, hits.count, hits.exact))
    return sorted(found, key=lambda advice: -advice.count)


def close_words(scope: Scope, state: ListState) -> list[Advice]:
    """Return words of names here that are spelled nearly like a word of the search.

    Not for a limited scope: the words of all names would tell it who else is here.
    """
    if not scope.everything:
        return []
    found = []
    for term in state.query.of(Kind.WORD, Kind.NAME):
        word = term.texts[0]
        if len(word) < SHORTEST or not word.isalpha():
            continue
        for close in get_close_matches(word, find_words(word[:2]), n=3, cutoff=0.75):
            if close != word:
                text = " ".join(close if other is term else other.typed for other in state.query.terms)
                found.append(Advice(close, state.link(q=text), 0, exact=True))
    return found[:MOST]
