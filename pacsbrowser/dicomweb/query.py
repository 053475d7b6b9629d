"""From the query parameters of QIDO-RS (PS3.18 8.3.4, 10.6.1) to a search of the archive."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest

from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import ABOVE, KEYS, MOST_RESULTS, Search, SearchKey, Wanted
from pacsbrowser.dicom.json_model import keyword_of, tag_and_vr
from pacsbrowser.dicom.matching import Empty, Exact, Match, UIDList, Universal, parse_match
from pacsbrowser.dicom.values import parse_integer
from pacsbrowser.dicomweb.parameters import parameters_of
from pacsbrowser.dicomweb.problems import Problem

# More than this comes page by page; the answer says so.
MOST = MOST_RESULTS
_TAG = re.compile(r"\(?([0-9A-Fa-f]{4})[,]?([0-9A-Fa-f]{4})\)?")
_FLAGS = ("fuzzymatching", "emptyvalue", "multiplevalue")
_OF_OTHERS = frozenset(("accept", "charset"))
# A list may be written with a backslash, as DIMSE does; of UIDs and codes, which hold no commas, with commas as well.
_COMMA_LISTS = frozenset(("UI", "CS"))
_LONGEST_LIST = 500
_LONGEST_VALUE = 8_192


@dataclass(slots=True)
class Query:
    """What was asked: the search, which attributes to return besides the usual ones, and which part of the results.

    `fields` are paths of keywords or tags; `everything` stands for includefield=all. `criteria` is what was typed.
    """

    level: Level
    wanted: list[Wanted] = field(default_factory=list)
    fields: list[tuple[str, ...]] = field(default_factory=list)
    everything: bool = False
    limit: int | None = None
    offset: int = 0
    flags: dict[str, bool] = field(default_factory=dict)
    criteria: dict[str, str] = field(default_factory=dict)

    @property
    def search(self) -> Search:
        """The question to the archive."""
        return Search(self.level, tuple(self.wanted), self.flags.get("fuzzymatching", False))

    @property
    def page(self) -> int:
        """How many results are returned at most."""
        return MOST if self.limit is None else min(self.limit, MOST)


def parse_query(request: HttpRequest, level: Level, within: Mapping[str, str]) -> Query:
    """Read the query of a request for objects of a level.

    Args:
        within: the UIDs of the path, by keyword.

    Raises:
        Problem: 400 with the parameter that cannot be honoured: nothing is left out silently, or a query would find
            more than was asked for.
    """
    query = Query(level)
    query.wanted += [Wanted(_keys(level)[keyword], Exact(uid)) for keyword, uid in within.items()]
    attributes: dict[tuple[str, ...], list[str]] = {}
    for name, value in parameters_of(request):
        if len(value) > _LONGEST_VALUE:
            raise Problem(400, f"The value of {name[:80]} is too long.")
        if not _take_parameter(query, name, value):
            attributes.setdefault(parse_path(name), []).append(value)
    for path, values in attributes.items():
        _take_attribute(query, path, values)
    return query


def _take_parameter(query: Query, name: str, value: str) -> bool:
    """Take a parameter that is no attribute; False if it is one."""
    if name == "includefield":
        for one in value.split(","):
            _include(query, one.strip())
    elif name in ("limit", "offset"):
        setattr(query, name, _count(name, value))
    elif name in _FLAGS:
        query.flags[name] = _flag(name, value)
    elif name == "orderby":
        raise Problem(400, "orderby is not offered. Studies come with the newest first.")
    else:
        return name in _OF_OTHERS
    return True


def _include(query: Query, name: str) -> None:
    if name.lower() == "all":
        query.everything = True
    elif name:
        query.fields.append(parse_path(name))


def _count(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise Problem(400, f"{name} has to be a whole number, not {value[:40]!r}.")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Problem(400, f"{name} has to be true or false.")
    return value.lower() == "true"


def parse_path(text: str) -> tuple[str, ...]:
    """Return an attribute ID (PS3.18 8.3.4.1) as keywords, tags of unknown attributes as they are; dots go deeper."""
    return tuple(_keyword(step, text) for step in text.split("."))


def _keyword(step: str, text: str) -> str:
    found = _TAG.fullmatch(step)
    if found:
        tag = int(found[1] + found[2], 16)
        return keyword_of(tag) or f"{tag:08X}"
    try:
        tag_and_vr(step)
    except KeyError:
        raise Problem(400, f"{text[:80]!r} is neither a parameter of this search nor an attribute of DICOM.") from None
    return step


def _keys(level: Level) -> dict[str, SearchKey]:
    return {keyword: key for one in ABOVE[level] for keyword, key in KEYS[one].items()}


def _take_attribute(query: Query, path: tuple[str, ...], values: Sequence[str]) -> None:
    query.fields.append(path)
    name = ".".join(path)
    if all(not value.strip(" *\0") for value in values):
        return
    key = _keys(query.level).get(name)
    if key is None:
        offered = ", ".join(sorted(_keys(query.level)))
        raise Problem(400, f"{name} cannot be searched for at this level. What can: {offered}.")
    if len(values) > 1 and key.vr not in _COMMA_LISTS:
        raise Problem(400, f"{name} occurs more than once.")
    text = "\\".join(values)
    query.criteria[name] = text[:200]
    query.wanted.append(Wanted(key, _match(query, key, text)))


def _match(query: Query, key: SearchKey, text: str) -> Match:
    """Return the matching value; a value that can match nothing, such as no date, is the client's mistake."""
    if query.flags.get("emptyvalue") and text.strip() == '""':
        return Empty()
    parts = _parts(query, key, text)
    if len(parts) > _LONGEST_LIST:
        raise Problem(400, f"{key.keyword} has more than {_LONGEST_LIST} values.")
    if len(parts) > 1:
        return UIDList(tuple(parts))
    match = parse_match(key.vr, parts[0] if parts else "")
    if match is None or (key.number and isinstance(match, Exact) and parse_integer(match.value) is None):
        raise Problem(400, f"{text[:80]!r} is no value that {key.keyword} ({key.vr}) can be searched for.")
    return Universal() if match is None else match


def _parts(query: Query, key: SearchKey, text: str) -> list[str]:
    separators = r"[\\,]" if key.vr in _COMMA_LISTS or query.flags.get("multiplevalue") else r"\\"
    return [part for part in (one.strip(" \0") for one in re.split(separators, text)) if part]
