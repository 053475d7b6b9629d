"""The segments that a segmentation declares, for whoever names and colours them: kept by the digest of the file.

What its frames show is not read: a large segmentation has a hundred thousand attributes that say only that.
"""

from functools import lru_cache

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Blob
from pacsbrowser.dicom.data_item import read_attributes
from pacsbrowser.dicom.segments import Segment, parse_segmentation

_WANTED = ("SpecificCharacterSet", "SegmentationType", "SegmentSequence")


def declared_segments(blob: Blob) -> tuple[Segment, ...]:
    """Return the segments in the order of the file; of their frames nothing is known.

    Raises:
        DicomError, OSError: the file cannot be read.
    """
    return _declared(blob.pk, bytes(blob.sha256))


@lru_cache(maxsize=64)
def _declared(key: int, digest: bytes) -> tuple[Segment, ...]:
    blob = Blob.objects.get(pk=key, sha256=digest)
    with storage.open_blob(blob) as file:
        return parse_segmentation(read_attributes(file, _WANTED)).segments
