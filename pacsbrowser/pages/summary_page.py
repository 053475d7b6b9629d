"""What the page of any other object shows: the attributes that matter of its kind, else all that it says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.http import QueryDict

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.contents import plain_attributes, private_blocks, sequences
from pacsbrowser.dicom.data_item import DataItem, read_object
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.spectrum import read_spectrum
from pacsbrowser.dicom.uids import sop_class_name, uid_name
from pacsbrowser.pages.attribute_tables import Column, Table, facts_of, items_at, table_of
from pacsbrowser.pages.curves import Chart, draw_curves
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.slices import Leaf, leaf_of
from pacsbrowser.pages.summaries import ANYTHING, SUMMARIES
from pacsbrowser.pages.templatetags.dicom_format import short_number
from pacsbrowser.pages.wording import words_of

STYLE = "css/presentations.css"
MATRICES = 24
SPECTRUM_COLOUR = "#0b57b7"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A transformation from a frame of reference: its rows as texts."""

    title: str
    kind: str
    uid: str
    rows: list[list[str]]


def present_summary(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return the summary of an object of any kind."""
    instance = place.instance
    kind = object_kind(instance.sop_class_uid)
    shown: dict[str, Any] = {"title": kind[:1].upper() + kind[1:], "is_known": bool(uid_name(instance.sop_class_uid))}
    left_out = ""
    try:
        with storage.open_blob(instance.blob) as file:
            dataset = read_object(file)
            left_out = dataset.problem
            shown |= _summary(dataset, kind) if kind in SUMMARIES else _anything(dataset)
            if kind == "registration":
                shown["matrices"] = matrices_of(dataset)
            if kind == "spectroscopy":
                spectrum = read_spectrum(file, dataset)
                shown |= {"spectrum": spectrum, "chart": spectrum and _chart(spectrum.points, spectrum.unit)}
    except DicomError as error:
        shown["problem"] = error.reason
    if instance.has_pixel_data:
        shown["leaf"] = frame_leaf(instance, query)
    shown["name"] = sop_class_name(instance.sop_class_uid)
    return Presentation("summary.html", shown, STYLE, left_out=left_out)


def frame_leaf(instance: Instance, query: QueryDict) -> Leaf:
    """Return which frame of an image is shown."""
    count = max(instance.number_of_frames, 1)
    return leaf_of(query, count, count // 2)


def _summary(dataset: DataItem, kind: str) -> dict[str, Any]:
    summary = SUMMARIES[kind]
    tables = (
        table_of(listing.title, items_at(dataset, listing.sequence), listing.columns) for listing in summary.listings
    )
    return {"facts": facts_of(dataset, summary.facts), "tables": [table for table in tables if table]}


def _anything(dataset: DataItem) -> dict[str, Any]:
    """Return what an object of any class says of itself."""
    named = {path for _, path in ANYTHING}
    others = [(words_of(keyword), keyword) for keyword in plain_attributes(dataset) if keyword not in named]
    tables: list[Table | None] = []
    for found in sequences(dataset):
        columns = [Column(words_of(keyword), keyword) for keyword in found.columns]
        title = words_of(found.keyword).removesuffix(" sequence")
        tables.append(table_of(title, found.items, columns))
    return {
        "facts": facts_of(dataset, ANYTHING),
        "more_facts": facts_of(dataset, others),
        "tables": [table for table in tables if table],
        "blocks": private_blocks(dataset),
    }


def matrices_of(dataset: DataItem) -> list[Matrix]:
    """Return the transformations of a registration (PS3.3 C.20.2, C.20.3): 4 × 4 matrices."""
    return list(islice((matrix for matrix in _every_matrix(dataset) if matrix.rows), MATRICES))


def _every_matrix(dataset: DataItem) -> Iterator[Matrix]:
    for one in dataset.items("RegistrationSequence"):
        uid = one.text("FrameOfReferenceUID")
        for item in items_at(one, "MatrixRegistrationSequence/MatrixSequence"):
            yield _matrix(item, "Matrix", uid)
    for one in dataset.items("DeformableRegistrationSequence"):
        uid = one.text("SourceFrameOfReferenceUID")
        for title, keyword in (("Before the deformation", "PreDeformationMatrixRegistrationSequence"),
                               ("After the deformation", "PostDeformationMatrixRegistrationSequence")):  # fmt: skip
            for item in one.items(keyword):
                yield _matrix(item, title, uid)


def _matrix(item: DataItem, title: str, uid: str) -> Matrix:
    numbers = item.numbers("FrameOfReferenceTransformationMatrix")
    rows = [[short_number(number) for number in numbers[start : start + 4]] for start in (0, 4, 8, 12)]
    kind = item.text("FrameOfReferenceTransformationMatrixType")
    return Matrix(title, kind, uid, rows if len(numbers) == 16 else [])


def _chart(points: tuple[tuple[float, float], ...], unit: str) -> Chart | None:
    across = {"ppm": "Chemical shift, ppm", "Hz": "Frequency, Hz"}.get(unit, "Data point")
    up = "Magnitude"
    return draw_curves([("Spectrum", SPECTRUM_COLOUR, points)], across, up, from_zero=False, reverse=unit == "ppm")
