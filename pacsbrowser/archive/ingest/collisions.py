"""Sameness: what an object is to the one that has its UID already. Decided by reading files, outside the write lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.models import Copy, Instance
from pacsbrowser.archive.receive import CHUNK
from pacsbrowser.dicom.compare import same_elements
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import Header, hash_dataset, read_header
from pacsbrowser.statements import rows_of_each


class Judgement(Enum):
    """What an arrival is to the other file that has its place."""

    SAME = "same"
    VARIANT = "variant"
    CONFLICT = "conflict"
    COMPLETES = "completes"
    CONTAINED = "contained"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an arrival is, with the digests of transfer syntax and data set of both: only here they are needed."""

    judgement: Judgement
    content: bytes
    content_here: bytes


# By (SHA-256 of the arrival's file, SHA-256 of the file here).
Verdicts = dict[tuple[bytes, bytes], Verdict]


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


# By its place in the hierarchy, from above: a device that gives every object the same UID must not make each look-up
# read all that it ever sent.
_HELD = (
    "SELECT instance.id FROM archive_study study"
    " JOIN archive_series series ON series.study_id = study.id AND series.series_instance_uid = %s"
    " JOIN archive_instance instance ON instance.series_id = series.id AND instance.sop_instance_uid = %s"
    " WHERE study.study_instance_uid = %s AND study.received_identity_key = %s"
)


def find_held(arrivals: Sequence[Arrival]) -> dict[Place, Instance]:
    """Return the instances, live or in the trash, that are in the places of these arrivals."""
    places = map(place_of, arrivals)
    keys = [
        key
        for (key,) in rows_of_each(
            _HELD,
            (
                (one.series_instance_uid, one.sop_instance_uid, one.study_instance_uid, one.identity_key)
                for one in places
            ),
        )
    ]
    if not keys:
        return {}
    rows = Instance.objects.filter(pk__in=keys)
    return {
        Place(
            row.series.study.study_instance_uid,
            row.series.study.received_identity_key,
            row.series.series_instance_uid,
            row.sop_instance_uid,
        ): row
        for row in rows.select_related("series__study", "blob")
    }


def judge(arrivals: Sequence[Arrival]) -> Verdicts:
    """Compare each arrival with the different file that is in its place now."""
    verdicts: Verdicts = {}
    held = find_held(arrivals)
    for arrival in arrivals:
        instance = held.get(place_of(arrival))
        if instance is not None and not is_same_file(arrival, instance):
            verdicts[key_of(arrival, instance)] = _judge(arrival, instance)
    return verdicts


def is_same_file(arrival: Arrival, instance: Instance) -> bool:
    """Whether an arrival is, byte for byte, what an instance shows."""
    return bytes(instance.blob.sha256) == arrival.staged.sha256


def key_of(arrival: Arrival, instance: Instance) -> tuple[bytes, bytes]:
    """Return the key of the verdict on an arrival and the instance that has its place."""
    return arrival.staged.sha256, bytes(instance.blob.sha256)


def _judge(arrival: Arrival, instance: Instance) -> Verdict:
    with Path(arrival.incoming).open("rb") as new:
        content = hash_dataset(new, arrival.header)
        try:
            with storage.open_blob(instance.blob) as here:
                header = read_header(here)
                content_here = bytes(instance.content_digest) or hash_dataset(here, header)
                if content == content_here:
                    return Verdict(Judgement.SAME, content, content_here)
                return Verdict(_judge_files(new, arrival.header, here, header), content, content_here)
        except (DicomError, OSError):
            # what cannot be read can be compared with nothing: its file stands for its content
            return Verdict(Judgement.CONFLICT, content, bytes(instance.content_digest or instance.blob.sha256))


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
    if not instances:
        return {}
    rows = Copy.objects.filter(instance__in=instances)
    return {(row.instance_id, bytes(row.content_digest)): row for row in rows}
