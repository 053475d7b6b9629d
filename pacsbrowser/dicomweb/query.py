"""From the query parameters of QIDO-RS (PS3.18 8.3.4, 10.6.1) to a search of the archive."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest

from pacsbrowser.archive.in_files import MOST_READ, may_be_read
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import ABOVE, KEYS, MOST_RESULTS, Search, SearchKey, Wanted, columns_of
from pacsbrowser.dicom.json_model import keyword_of, tag_and_vr
from pacsbrowser.dicom.matching import Empty, Exact, Match, Range, UIDList, combine, parse_match
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
# Of sequences and binary values there is nothing to compare with a text.
_NOT_COMPARED = frozenset(("SQ", "OB", "OW", "OF", "OD", "OL", "OV", "UN"))
# Attributes that are no values of a file but said of every object.
COMPUTED = frozenset(("InstanceAvailability", "RetrieveURL", "SpecificCharacterSet"))
_LONGEST_LIST = 500
_LONGEST_VALUE = 8_192


Path = tuple[str, ...]


@dataclass(slots=True)
class Query:
    """What was asked: the search, which attributes to return besides the usual ones, and which part of the results.

    `fields` are paths of keywords or tags; `everything` stands for includefield=all. `in_files` has to match too, but
    is not in the index. `criteria` is what was typed.
    """

    level: Level
    wanted: list[Wanted] = field(default_factory=list)
    in_files: list[tuple[Path, Match]] = field(default_factory=list)
    fields: list[Path] = field(default_factory=list)
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
    def from_files(self) -> list[Path]:
        """What is to be returned and not in the index."""
        indexed = columns_of(self.level)
        return [path for path in self.fields if len(path) > 1 or (path[0] not in indexed and path[0] not in COMPUTED)]

    @property
    def reads_files(self) -> bool:
        """Whether files have to be read for what is to be returned."""
        return bool(self.from_files) or (self.everything and self.level is Level.INSTANCE)

    @property
    def page(self) -> int:
        """How many results are returned at most."""
        most = min(MOST, MOST_READ) if self.reads_files else MOST
        return most if self.limit is None else min(self.limit, most)


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
    query.wanted = [_paired(query, one) for one in query.wanted]
    return query


def _paired(query: Query, one: Wanted) -> Wanted:
    """Return a time range as one range with that of its date, where both are asked for (PS3.4 C.2.2.2.5.4)."""
    if not isinstance(one.match, Range) or not one.key.date:
        return one
    for other in query.wanted:
        if other.key.column == one.key.date:
            one = Wanted(one.key, combine(other.match, one.match))
    if isinstance(one.match, Range) and one.match.last and one.match.first > one.match.last:
        raise Problem(
            400, f"{one.key.keyword} ends before it begins, and there is no range of dates that it goes with."
        )
    return one


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
        path = parse_path(name)
        is_indexed = len(path) == 1 and path[0] in columns_of(query.level)
        if is_indexed or may_be_read(query.level, path):
            query.fields.append(path)


def _count(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", value):
        raise Problem(400, f"{name} has to be a whole number, not {value[:40]!r}.")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Problem(400, f"{name} has to be true or false.")
    return value.lower() == "true"


def parse_path(text: str) -> Path:
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
    name = ".".join(path)
    _include(query, name)
    if all(not value.strip(" *\0") for value in values):
        return
    key = _keys(query.level).get(name)
    vr = key.vr if key else _vr_in_files(query, path)
    if len(values) > 1 and vr not in _COMMA_LISTS:
        raise Problem(400, f"{name} occurs more than once.")
    text = "\\".join(values)
    query.criteria[name] = text[:200]
    match = _match(query, name, vr, text)
    if key is None:
        query.in_files.append((path, match))
    else:
        query.wanted.append(Wanted(key, match))


def _vr_in_files(query: Query, path: Path) -> str:
    """Return the VR of an attribute that files can be searched for; where they cannot, it is the client's mistake."""
    if path[0] == "TimezoneOffsetFromUTC":
        raise Problem(400, "Dates and times are compared as they are written; they are not converted to a time zone.")
    if path[0] in columns_of(query.level) or path[0] in COMPUTED or not may_be_read(query.level, path):
        offered = ", ".join(sorted(_keys(query.level)))
        raise Problem(400, f"{'.'.join(path)} cannot be searched for at this level. What can: {offered}.")
    try:
        vr = tag_and_vr(path[-1])[1]
    except KeyError:
        vr = "UN"
    if vr in _NOT_COMPARED:
        raise Problem(400, f"{'.'.join(path)} ({vr}) cannot be searched for.")
    return vr


def _match(query: Query, name: str, vr: str, text: str) -> Match:
    """Return the matching value; a value that can match nothing, such as no date, is the client's mistake."""
    if query.flags.get("emptyvalue") and text.strip() == '""':
        return Empty()
    parts = _parts(query, vr, text)
    if len(parts) > _LONGEST_LIST:
        raise Problem(400, f"{name} has more than {_LONGEST_LIST} values.")
    if len(parts) > 1:
        return UIDList(tuple(parts))
    match = parse_match(vr, parts[0] if parts else "")
    if match is None or (vr == "IS" and isinstance(match, Exact) and parse_integer(match.value) is None):
        raise Problem(400, f"{text[:80]!r} is no value that {name} ({vr}) can be searched for.")
    return match


def _parts(query: Query, vr: str, text: str) -> list[str]:
    separators = r"[\\,]" if vr in _COMMA_LISTS or query.flags.get("multiplevalue") else r"\\"
    return [part for part in (one.strip(" \0") for one in re.split(separators, text)) if part]
