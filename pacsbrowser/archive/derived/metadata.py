"""Metadata of a series as DICOM JSON (PS3.18 10.4.3.3), kept in compressed chunks of up to 100 instances.

A chunk is named by a digest of the instances in it and never changes; it holds them in the order of their arrival, so
that a growing series keeps all its full chunks. What is not stored yet is read from the files, and stored after the
last byte has gone to the reader. `Series.change_seq` says which chunks are the present ones; others are removed.

Addresses of bulk data begin with "@" in what is stored: the reader puts its own address there.
"""

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.json_reader import MOST_ELEMENTS, Reading, read_json
from pacsbrowser.dicom.part10 import DEFLATED_UIDS, EXPLICIT_UID, UNCOMPRESSED_UIDS
from pacsbrowser.dicom.sign import wrong_signs

CHUNK_INSTANCES = 100
CHUNK_FRAMES = 2000  # objects with very many frames have very much metadata
BULK_MARK = "@"
_FORMAT = 4  # raise it when what is written changes, so that nothing older is found
_MARKED = b'"BulkDataURI":"@/'


@dataclass(frozen=True, slots=True)
class _Row:
    """What is needed of an instance."""

    key: int
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: bytes
    path: str
    frames: int
    size: int
    rows: int | None
    columns: int | None
    bits_allocated: int | None

    @property
    def may_be_cut(self) -> bool:
        """Whether the file has room for more elements than are read, of eight bytes at least; deflated always."""
        if self.transfer_syntax_uid in DEFLATED_UIDS:
            return True
        pixels = 0
        if self.transfer_syntax_uid in UNCOMPRESSED_UIDS:
            pixels = (self.rows or 0) * (self.columns or 0) * (self.bits_allocated or 0) * self.frames // 8
        return self.size - pixels >= 8 * MOST_ELEMENTS


_FIELDS = (
    "pk", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "blob__sha256", "blob__path", "number_of_frames",
    "blob__size", "rows", "columns", "bits_allocated",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeriesMetadata:
    """The metadata of a series as it is now: a digest of it, and what it is read from."""

    series: Series
    chunks: Sequence[tuple[str, Sequence[_Row]]]

    @property
    def digest(self) -> str:
        """A text that is the same for the same metadata."""
        return hashlib.sha256("".join(name for name, _ in self.chunks).encode()).hexdigest()[:40]

    def is_cut(self) -> bool:
        """Say whether something is left out. What is not stored yet and may be cut is read and stored for that."""
        here, found = _folder_of(self.series), False
        for name, rows in self.chunks:
            if any(row.may_be_cut for row in rows) and not (here / name).exists():
                text, is_cut = _make_chunk(self.series, rows)
                found = found or is_cut
                self._store([(name, zlib.compress(text, 1), is_cut)])
        return found or any((here / _cut_mark(name)).exists() for name, _ in self.chunks)

    def read(self, address: str) -> Iterator[bytes]:
        """Yield pieces of JSON: objects with commas between them, addresses of bulk data below `address`.

        Missing chunks are made as they are come to, and stored when the last piece is out.
        """
        made: list[tuple[str, bytes, bool]] = []
        place = b'"BulkDataURI":"' + json.dumps(address.rstrip("/"), ensure_ascii=False).encode()[1:-1] + b"/"
        for name, rows in self.chunks:
            text = _stored(self.series, name)
            if text is None:
                text, is_cut = _make_chunk(self.series, rows)
                made.append((name, zlib.compress(text, 1), is_cut))
            yield text.replace(_MARKED, place)
        if made:
            self._store(made)

    def prepare(self) -> int:
        """Store what is not stored yet; return how many chunks that were."""
        here = _folder_of(self.series)
        missing = [(name, rows) for name, rows in self.chunks if not (here / name).exists()]
        for name, rows in missing:
            text, is_cut = _make_chunk(self.series, rows)
            _write_chunk(here, name, zlib.compress(text, 1), is_cut)
        self._store(())
        return len(missing)

    def _store(self, made: Sequence[tuple[str, bytes, bool]]) -> None:
        here = _folder_of(self.series)
        for name, data, is_cut in made:
            _write_chunk(here, name, data, is_cut)
        wanted = {one for name, _ in self.chunks for one in (name, _cut_mark(name))}
        for path in list(here.iterdir()) if here.is_dir() else ():
            if path.name not in wanted and not path.name.startswith("."):
                path.unlink(missing_ok=True)


def series_metadata(series: Series) -> SeriesMetadata:
    """Return the metadata of the live instances of a series; the row comes with its study."""
    rows = Instance.objects.live().filter(series=series).order_by("pk").values_list(*_FIELDS)
    found = [_Row(*row) for row in rows.iterator(chunk_size=2000)]
    return SeriesMetadata(series, [(_name(series, group), group) for group in _groups(found)])


def instance_metadata(instance: Instance) -> Reading:
    """Return the metadata of one instance, read from its file; addresses of bulk data begin with "@"."""
    row = _Row(
        instance.pk, instance.sop_instance_uid, instance.sop_class_uid, instance.transfer_syntax_uid,
        bytes(instance.blob.sha256), instance.blob.path, instance.number_of_frames, instance.blob.size,
        instance.rows, instance.columns, instance.bits_allocated,
    )  # fmt: skip
    return _read(instance.series, row)


def _groups(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    group: list[_Row] = []
    frames = 0
    for row in rows:
        if group and (len(group) >= CHUNK_INSTANCES or frames + row.frames > CHUNK_FRAMES):
            yield group
            group, frames = [], 0
        group.append(row)
        frames += max(row.frames, 1)
    if group:
        yield group


def _name(series: Series, rows: Sequence[_Row]) -> str:
    digest = hashlib.sha256(f"{_FORMAT}|{series.study.study_instance_uid}|{series.series_instance_uid}".encode())
    for row in rows:
        digest.update(row.key.to_bytes(8, "little") + bytes(row.sha256))
    return f"{digest.hexdigest()[:40]}.z"


def _folder_of(series: Series) -> Path:
    return folder.derived_folder() / "metadata" / f"{series.pk % 1000:03d}" / str(series.pk)


def _stored(series: Series, name: str) -> bytes | None:
    data = folder.read(_folder_of(series) / name)
    if data is None:
        return None
    try:
        return zlib.decompress(data)
    except zlib.error:
        return None


def _cut_mark(name: str) -> str:
    """Return the name of the empty file that stands beside a chunk in which something is left out."""
    return f"{name}.cut"


def _write_chunk(here: Path, name: str, data: bytes, is_cut: bool) -> None:
    if is_cut:
        folder.write(here / _cut_mark(name), b"")
    folder.write(here / name, data)


def _make_chunk(series: Series, rows: Sequence[_Row]) -> tuple[bytes, bool]:
    """Return the text of a chunk, and whether something is left out of it."""
    texts, is_cut = [], False
    for row in rows:
        reading = _read(series, row)
        texts.append(json.dumps(reading.model, ensure_ascii=False, separators=(",", ":")))
        is_cut |= reading.is_cut
    return ",".join(texts).encode("utf-8", "replace"), is_cut


def _read(series: Series, row: _Row) -> Reading:
    """Read one file. What cannot be read any more is told by what the index knows."""
    study = series.study.study_instance_uid
    base = f"{BULK_MARK}/studies/{study}/series/{series.series_instance_uid}/instances/{row.sop_instance_uid}/bulkdata"
    syntax = row.transfer_syntax_uid
    try:
        with (storage.store_folder() / row.path).open("rb") as file:
            reading = read_json(file, lambda path: f"{base}/{path}")
            is_stream_wrong, is_header_wrong = wrong_signs(file, syntax)
            if is_stream_wrong:
                syntax = EXPLICIT_UID
            if is_header_wrong:
                reading.model["00280103"] = {"vr": "US", "Value": [1]}
    except (OSError, DicomError):
        reading = Reading({
            "00080016": _uid(row.sop_class_uid), "00080018": _uid(row.sop_instance_uid),
            "0020000D": _uid(study), "0020000E": _uid(series.series_instance_uid),
        }, "The file cannot be read.")  # fmt: skip
    # Available Transfer Syntax UID: the form in which the frames are right as they come.
    return replace(reading, model=_with_syntax(reading.model, syntax))


def _with_syntax(model: JsonModel, syntax: str) -> JsonModel:
    """Return the model with Available Transfer Syntax UID (0008,3002) in its place."""
    if not syntax:
        return model
    found = {**model, "00083002": _uid(syntax)}
    return dict(sorted(found.items()))


def _uid(uid: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}
