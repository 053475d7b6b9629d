"""Sameness: what an object is to the one that has its UID already. Decided by reading files, outside the write lock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.models import Copy, Instance, Series, Study
from pacsbrowser.archive.receive import CHUNK
from pacsbrowser.dicom.compare import same_elements
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import Header, read_header


class Judgement(Enum):
    """What an arrival is to the other content that has its place."""

    VARIANT = "variant"
    CONFLICT = "conflict"
    COMPLETES = "completes"
    CONTAINED = "contained"


# By (digest of the new content, digest of the content here).
Judgements = dict[tuple[bytes, bytes], Judgement]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object belongs: its UIDs and the identity its study was received under."""

    study_instance_uid: str
    identity_key: str
    series_instance_uid: str
    sop_instance_uid: str


def place_of(arrival: Arrival) -> Place:
    """Return the place of an arrival."""
    header = arrival.header
    return Place(header.study_instance_uid, arrival.identity_key, header.series_instance_uid, header.sop_instance_uid)


def find_held(arrivals: Sequence[Arrival], series_keys: Collection[int]) -> dict[Place, Instance]:
    """Return the instances, live or in the trash, that are in the places of these arrivals.

    The series are asked for by key: a device that gives every object the same UID must not make each look-up read all
    that it ever sent.
    """
    uids = {arrival.header.sop_instance_uid for arrival in arrivals}
    rows = Instance.objects.filter(sop_instance_uid__in=uids, series__in=series_keys)
    return {
        Place(
            row.series.study.study_instance_uid,
            row.series.study.received_identity_key,
            row.series.series_instance_uid,
            row.sop_instance_uid,
        ): row
        for row in rows.select_related("series__study", "blob")
    }


def _find_series(arrivals: Sequence[Arrival]) -> list[int]:
    """Return the keys of the series that these arrivals belong to, as far as they are here."""
    studies = Study.objects.filter(
        study_instance_uid__in={arrival.header.study_instance_uid for arrival in arrivals},
        received_identity_key__in={arrival.identity_key for arrival in arrivals},
    )
    series = Series.objects.filter(
        series_instance_uid__in={arrival.header.series_instance_uid for arrival in arrivals},
        study__in=list(studies.values_list("pk", flat=True)),
    )
    return list(series.values_list("pk", flat=True))


def judge(arrivals: Sequence[Arrival]) -> Judgements:
    """Compare each arrival with the different content that is in its place now."""
    judgements: Judgements = {}
    held = find_held(arrivals, _find_series(arrivals))
    for arrival in arrivals:
        instance = held.get(place_of(arrival))
        if instance is None or bytes(instance.content_digest) == arrival.content_digest:
            continue
        key = (arrival.content_digest, bytes(instance.content_digest))
        judgements[key] = _judge(arrival, instance)
    return judgements


def _judge(arrival: Arrival, instance: Instance) -> Judgement:
    try:
        with arrival.incoming.open("rb") as new, storage.open_blob(instance.blob) as here:
            return _judge_files(new, arrival.header, here, read_header(here))
    except (DicomError, OSError):
        return Judgement.CONFLICT


def _judge_files(new: BinaryIO, new_header: Header, here: BinaryIO, here_header: Header) -> Judgement:
    """Compare two files of one UID.

    Variant: they differ in their transfer syntax and otherwise only in how the pixels are encoded. Of two in the same
    transfer syntax, one that is cut short and is the beginning of the other adds nothing to it.
    """
    if new_header.transfer_syntax_uid != here_header.transfer_syntax_uid:
        same = same_elements(new, new_header, here, here_header)
        return Judgement.VARIANT if same else Judgement.CONFLICT
    if not here_header.whole and _is_beginning(here, here_header, new, new_header):
        return Judgement.COMPLETES
    if not new_header.whole and _is_beginning(new, new_header, here, here_header):
        return Judgement.CONTAINED
    return Judgement.CONFLICT


def _is_beginning(short: BinaryIO, short_header: Header, long: BinaryIO, long_header: Header) -> bool:
    """Say whether one data set's bytes are the first bytes of another's."""
    short.seek(short_header.dataset_offset)
    long.seek(long_header.dataset_offset)
    while part := short.read(CHUNK):
        if long.read(len(part)) != part:
            return False
    return True


def find_copies(instances: Sequence[Instance]) -> dict[tuple[int, bytes], Copy]:
    """Return the copies of some instances by (instance, digest of the content)."""
    rows = Copy.objects.filter(instance__in=instances)
    return {(row.instance_id, bytes(row.content_digest)): row for row in rows}
