"""The upload form without JavaScript: multipart/form-data by Django's parser, each file staged when it is whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from pacsbrowser.access.models import User
from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import ingest
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import Staged, clean_name, stage
from pacsbrowser.archive.resume import resume_key
from pacsbrowser.archive.waiting_zips import receive_zip
from pacsbrowser.archive.zip_files import HEAD, is_zip, other_archive
from pacsbrowser.archive.zips import refused


@dataclass(frozen=True, slots=True)
class Received:
    """A file of the form: staged, or a zip that lies where it was written."""

    name: str
    size: int
    staged: Staged | None = None
    zip_path: Path | None = None


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]
    """How Django's parser carries a received file to `request.FILES`."""

    received: Received

    def close(self) -> None:
        """Nothing is open."""


class RefusingHandler(FileUploadHandler):
    """The handler of all other forms: none of them takes files, so none may fill the disk with them."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Break off."""
        raise StopUpload(connection_reset=True)

    def file_complete(self, file_size: int) -> ReceivedFile | None:
        """Return no file."""
        return None


class StagingHandler(FileUploadHandler):
    """Writes each file to `incoming/` and stages it when it is whole: no file stays open, none is in memory."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.taken: list[Received] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._path = Path(storage.incoming().new_path())
        self._file = self._path.open("xb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Write a piece."""
        if self._file:
            self._file.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> ReceivedFile | None:
        """Stage what was written."""
        if self._path is None or self._file is None:
            return None
        self._file.close()
        received = _examine(self._path, self.file_name or "", file_size)
        self._path = self._file = None
        self.taken.append(received)
        file = ReceivedFile(None, self.file_name, self.content_type, file_size)
        file.received = received
        return file

    def upload_interrupted(self) -> None:
        """Throw an unfinished file away."""
        self.discard_unfinished()

    def discard_unfinished(self) -> None:
        """Remove the file at hand."""
        if self._file and self._path:
            self._file.close()
            storage.discard(self._path)
            self._path = self._file = None


def _examine(path: Path, name: str, size: int) -> Received:
    key = resume_key(name, size, "")
    keep = False
    try:
        with path.open("rb") as file:
            first = file.read(HEAD)
            file.seek(0)
            if problem := other_archive(first):
                return Received(name, size, refused(name, size, problem, key))
            if keep := is_zip(first):
                return Received(name, size, zip_path=path)
            return Received(name, size, stage(file, name, key))
    finally:
        if not keep:
            storage.discard(path)


def files_of(request: HttpRequest) -> list[Received]:
    """Return the files of the form, in order."""
    return [file.received for file in request.FILES.getlist("files") if isinstance(file, ReceivedFile)]


def label_of(files: list[Received]) -> str:
    """Return what an upload is called: its only file, or their number."""
    return files[0].name if len(files) == 1 else f"{len(files)} files"


def clean_label(label: str) -> str:
    """Return a sender's words as one line."""
    return clean_name(label)[:200].strip()


def take(files: list[Received], delivery: Delivery, user: User) -> None:
    """Give what was staged to the archive, and zips to the worker."""
    ingest([file.staged for file in files if file.staged], delivery)
    for file in files:
        if file.zip_path:
            with file.zip_path.open("rb") as stream:
                receive_zip(stream, file.name, resume_key(file.name, file.size, ""), delivery, user)


def discard_rest(request: HttpRequest) -> None:
    """Remove what was written and did not get into the archive, whatever the reason."""
    for handler in request.upload_handlers:
        if isinstance(handler, StagingHandler):
            handler.discard_unfinished()
            for received in handler.taken:
                if received.zip_path:
                    storage.discard(received.zip_path)
                elif received.staged and received.staged.header:
                    storage.discard(received.staged.path)
