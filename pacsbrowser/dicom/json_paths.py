"""Attributes of a data set in the DICOM JSON Model by their path: RequestAttributesSequence, RequestedProcedureID."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pacsbrowser.dicom.json_model import JsonModel, tag_and_vr
from pacsbrowser.dicom.matching import Empty, Exact, Match, Range, UIDList, Universal, Wildcard, fold
from pacsbrowser.dicom.values import parse_decimal

Path = Sequence[str]
# Sorts after every digit, so that the last moment of a range is included.
LAST = "\U0010ffff"
# What is asked for below each attribute; nothing below means all of it.
Tree = dict[str, "Tree"]


def tag_of(step: str) -> str:
    """Return the tag of a step: a keyword, or the tag of an attribute that the dictionary does not know."""
    try:
        return tag_and_vr(step)[0]
    except KeyError:
        return step


def tree_of(paths: Iterable[Path]) -> Tree:
    """Return paths as a tree by tags; a whole attribute takes in what is asked for below it."""
    root: Tree = {}
    for path in sorted(paths, key=len):
        here = root
        for depth, step in enumerate(path):
            tag = tag_of(step)
            if tag in here and not here[tag]:
                break
            here = here.setdefault(tag, {})
            if depth == len(path) - 1:
                here.clear()
    return root


def prune(model: JsonModel, tree: Tree) -> JsonModel:
    """Return the attributes of the tree that a data set has a value of; bulk data is left out."""
    found: JsonModel = {}
    for tag, below in sorted(tree.items()):
        element = model.get(tag)
        if element is None or not element.get("Value"):
            continue
        if below and element["vr"] == "SQ":
            items = [prune(item, below) for item in element["Value"]]
            found[tag] = {"vr": "SQ", "Value": items}
        elif not below:
            found[tag] = element if element["vr"] != "SQ" else _without_bulk(element)
    return found


def small(model: JsonModel) -> JsonModel:
    """Return all attributes that have a value, without bulk data."""
    return prune(model, {tag: {} for tag in model})


def _without_bulk(element: dict[str, Any]) -> dict[str, Any]:
    return {"vr": "SQ", "Value": [small(item) for item in element["Value"]]}


def values_at(model: JsonModel, path: Path) -> Iterator[Any]:
    """Yield the values of an attribute in every item of the sequences above it."""
    values = model.get(tag_of(path[0]), {}).get("Value") or []
    for value in values:
        if len(path) == 1:
            yield value
        elif isinstance(value, dict):
            yield from values_at(value, path[1:])


def matches(model: JsonModel, path: Path, match: Match) -> bool:
    """Say whether an attribute of a data set matches: one of its values, in one of the items (PS3.4 C.2.2.2.6)."""
    values = [value for value in values_at(model, path) if value is not None]
    if isinstance(match, Universal):
        return True
    if isinstance(match, Empty):
        return not values
    return any(_fits(match, value) for value in values)


def _fits(match: Match, value: Any) -> bool:
    if isinstance(match, UIDList):
        return any(_fits(Exact(one), value) for one in match.uids)
    if isinstance(value, dict):
        return any(_fits_text(match, fold(str(group)), fold) for group in value.values())
    if isinstance(match, Exact) and isinstance(value, int | float):
        return parse_decimal(match.value) == value
    return _fits_text(match, str(value), str)


def _fits_text(match: Match, text: str, form: Callable[[str], str]) -> bool:
    """Compare one value; `form` brings what is asked for into the form in which `text` is."""
    if isinstance(match, Range):
        digits = re.sub(r"[:.]", "", text)
        return bool(digits) and match.first <= digits < (match.last or "9") + LAST
    if isinstance(match, Wildcard):
        return Wildcard(form(match.pattern)).matches(text)
    return isinstance(match, Exact) and form(match.value) == text
