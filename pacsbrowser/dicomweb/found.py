"""What a search returns of each object (PS3.18 10.6.3.3): the usual attributes of its level, and those asked for."""

from collections.abc import Iterable, Iterator, Sequence

from pacsbrowser.archive.in_files import FileReader
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import ABOVE, RETURNED, ObjectRow
from pacsbrowser.dicom.json_model import JsonModel, json_of_text
from pacsbrowser.dicom.json_paths import prune, small, tree_of
from pacsbrowser.dicomweb.query import Query
from pacsbrowser.dicomweb.resource import Call

Found = JsonModel

_USUAL = {
    Level.STUDY: (
        "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "StudyDescription",
        "ReferringPhysicianName", "TimezoneOffsetFromUTC", "PatientName", "PatientID", "IssuerOfPatientID",
        "PatientBirthDate", "PatientSex", "StudyID", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "TimezoneOffsetFromUTC",
        "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "NumberOfSeriesRelatedInstances",
    ),
    Level.INSTANCE: (
        "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
        "TimezoneOffsetFromUTC", "AvailableTransferSyntaxUID",
    ),
}  # fmt: skip
# Of every object, whatever is asked for: which character set this is, that it can be had, and what it belongs to.
_ALWAYS = {"SpecificCharacterSet": "ISO_IR 192", "InstanceAvailability": "ONLINE"}
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_LEVELS = (Level.STUDY, Level.SERIES, Level.INSTANCE)


def describe(call: Call, query: Query, rows: Sequence[ObjectRow], files: FileReader, *, is_nested: bool) -> list[Found]:
    """Return the data set of each row; what has no value is left out."""
    keywords = _keywords(query, is_nested)
    base = call.base
    found = [json_of_text(_values(row, keywords, base)) for row in rows]
    return _with_files(query, rows, found, files) if query.reads_files else found


def _with_files(query: Query, rows: Sequence[ObjectRow], found: list[Found], files: FileReader) -> list[Found]:
    """Add what is read from the files; what the index says goes before it."""
    models = files.read(rows)
    tree = tree_of(query.from_files)
    whole = query.everything and query.level is Level.INSTANCE
    added = []
    for row, one in zip(rows, found, strict=True):
        model = models.get(row.id, {})
        more = small(model) if whole else prune(model, tree)
        added.append(dict(sorted({**more, **one}.items())))
    return added


def _keywords(query: Query, is_nested: bool) -> list[str]:
    """Return what is returned; below a study of the path, its own attributes only where they are asked for."""
    above = [one for one in _LEVELS[: _LEVELS.index(query.level)] if not is_nested]
    wanted = dict.fromkeys(keyword for level in (*above, query.level) for keyword in _USUAL[level])
    indexed = {keyword for level in ABOVE[query.level] for keyword in RETURNED[level]}
    if query.everything:
        wanted |= dict.fromkeys(indexed)
    wanted |= dict.fromkeys(path[0] for path in query.fields if len(path) == 1 and path[0] in indexed)
    return list(wanted)


def _values(row: ObjectRow, keywords: Iterable[str], base: str) -> Iterator[tuple[str, str]]:
    yield from _ALWAYS.items()
    values = row.values
    url = base
    for level, keyword in zip(("studies", "series", "instances"), _UIDS, strict=True):
        if uid := values.get(keyword, ""):
            url += f"/{level}/{uid}"
            if keyword not in keywords:
                yield keyword, uid
    yield "RetrieveURL", url
    for keyword in keywords:
        if text := values.get(keyword, ""):
            yield keyword, text
