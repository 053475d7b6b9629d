"""What the tests speak DIMSE with: DCMTK's programs and pynetdicom, and the archive as they see it."""

import io
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Self

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, _config, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
    register_uid,
    uid_to_service_class,
)
from pynetdicom.transport import AssociationSocket

from pacsbrowser.dicom.file_meta import make_file_meta
from pacsbrowser.dicom.header import read_header
from pacsbrowser.dicom.part10 import find_dataset_start
from pacsbrowser.exchange.models import RIGHTS, Node
from tests.live import free_port, wait_until

TITLE = "PACSBROWSER"
CT = "1.2.840.10008.5.1.4.1.1.2"
PATIENT_FIND, STUDY_FIND = PatientRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelFind
PATIENT_GET = PatientRootQueryRetrieveInformationModelGet
STUDY_MOVE = StudyRootQueryRetrieveInformationModelMove
# pynetdicom sends the data sets of files byte for byte.
_config.STORE_SEND_CHUNKED_DATASET = True


def _close(link: AssociationSocket) -> None:
    """Close a socket of pynetdicom, also one that the other side has reset.

    pynetdicom itself leaves such a one to the garbage collector, which names whatever test runs at that moment, and
    a warning to be ignored would hide what this product leaves open.
    """
    if link.socket is not None:
        with suppress(OSError):
            link.socket.shutdown(socket.SHUT_RDWR)
        link.socket.close()


AssociationSocket._shutdown_socket = _close  # type: ignore[method-assign]


def dcmtk(name: str) -> str:
    """Return the path of one of DCMTK's programs, or skip; pynetdicom installs scripts of the same names."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(folder) / name
        if path.is_file() and not path.read_bytes().startswith(b"#!"):
            return str(path)
    pytest.skip(f"DCMTK's {name} is not installed")


def run(name: str, *arguments: Any, check: bool = True, **environment: str) -> str:
    """Run one of DCMTK's programs and return what it says."""
    command = [dcmtk(name), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, errors="replace", env={**os.environ, **environment}
    )
    said = done.stdout + done.stderr
    assert not check or not done.returncode, f"{name}: {said[-3000:]}"
    return said


@dataclass(frozen=True)
class Archive:
    """Where it listens."""

    port: int

    @property
    def at(self) -> tuple[str, ...]:
        """The arguments by which DCMTK's programs find it."""
        return ("-aec", TITLE, "127.0.0.1", str(self.port))

    def store(self, *paths: Path, check: bool = True, arguments: Sequence[str] = ()) -> str:
        """Send files by storescu, in the transfer syntax that they have."""
        return run("storescu", "-v", "-R", *arguments, *self.at, *paths, check=check)

    @contextmanager
    def associate(
        self, *contexts: Any, ae_title: str = "TESTER", roles: Sequence[Any] = (), **more: Any
    ) -> Iterator[Association]:
        """Open an association by pynetdicom: (abstract syntax, transfer syntaxes) or an abstract syntax each."""
        ae = AE(ae_title=ae_title)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
        for context in contexts or (Verification,):
            ae.add_requested_context(*(context if isinstance(context, tuple) else (context,)))
        link = ae.associate("127.0.0.1", self.port, ae_title=TITLE, ext_neg=list(roles), **more)
        assert link.is_established
        try:
            yield link
        finally:
            if link.is_established:
                link.release()

    def find(self, level: str, model: Any = STUDY_FIND, **keys: Any) -> list[Dataset]:
        """Ask by pynetdicom and return the answers."""
        with self.associate(model) as link:
            return ask(link, level, model, **keys)


def ask(link: Association, level: str, model: Any = STUDY_FIND, **keys: Any) -> list[Dataset]:
    """Ask over an open association."""
    question = Dataset()
    question.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(question, keyword, value)
    found = []
    for status, answer in link.send_c_find(question, model):
        assert status.Status in (0xFF00, 0xFF01, 0x0000), status
        if answer is not None:
            found.append(answer)
    return found


def write(folder: Path, *files: bytes) -> list[Path]:
    """Write files for a program to send."""
    paths = []
    for place, data in enumerate(files):
        path = folder / f"{place:04d}.dcm"
        path.write_bytes(data)
        paths.append(path)
    return paths


def data_set_of(file: bytes) -> bytes:
    """Return what follows the File Meta Information."""
    start = find_dataset_start(file)
    assert start is not None
    return file[start[0] :]


def send(link: Association, file: bytes, *, uid: str = "", data: bytes | None = None) -> int:
    """Send the data set of a file as it is and return the status; `uid` and `data` take the place of the file's own."""
    meta = read_header(io.BytesIO(file))
    values = meta.values
    head = make_file_meta(values["SOPClassUID"], uid or values["SOPInstanceUID"], meta.transfer_syntax_uid)
    with NamedTemporaryFile(suffix=".dcm") as sent:
        sent.write(head + (data_set_of(file) if data is None else data))
        sent.flush()
        status = link.send_c_store(sent.name)
    assert "Status" in status, "the association ended without an answer"
    return int(status.Status)


def make_node(ae_title: str, port: int = 104, **fields: Any) -> Node:
    """Make a node of this machine that may everything, but for what is said."""
    rights = {f"may_{word}": True for word in RIGHTS}
    more = {"name": ae_title.lower(), "host": "127.0.0.1", "is_trusted": True, **rights, **fields}
    return Node.objects.create(ae_title=ae_title, port=port, **more)


def teach(forms: Sequence[tuple[str, str]]) -> None:
    """Tell pynetdicom that these classes are of stored objects: retired and private ones it does not know."""
    for sop_class in {one for one, _ in forms} - _taught:
        if uid_to_service_class(sop_class) is not StorageServiceClass:
            register_uid(sop_class, f"Taught{len(_taught)}", StorageServiceClass)
        _taught.add(sop_class)


_taught: set[str] = set()


def fetch(
    archive: Archive, question: Dataset, forms: Sequence[tuple[str, str]], statuses: Sequence[int] = (0,)
) -> dict[str, bytes]:
    """Fetch by C-GET, a context for each SOP class and transfer syntax, and return the data sets by their UID."""
    found: dict[str, bytes] = {}
    teach(forms)

    def on_store(event: Any) -> int:
        found[str(event.request.AffectedSOPInstanceUID)] = event.request.DataSet.getvalue()
        return 0

    roles = [build_role(one, scp_role=True) for one in dict.fromkeys(sop_class for sop_class, _ in forms)]
    contexts = [(sop_class, [syntax]) for sop_class, syntax in forms]
    handlers = [(evt.EVT_C_STORE, on_store)]
    with archive.associate(PATIENT_GET, *contexts, roles=roles, evt_handlers=handlers) as link:
        answers = list(link.send_c_get(question, PATIENT_GET))
        assert answers[-1][0].Status in statuses, answers[-1]
    return found


class Receiver:
    """A storage SCP of pynetdicom that keeps what it gets; after five objects, it waits until it `may_go_on`.

    It has no room for what it `refuses`, and aborts at what `breaks` it; `broken` is how often it has.
    """

    def __init__(
        self,
        forms: Sequence[tuple[str, str]],
        refuses: str = "",
        may_go_on: threading.Event | None = None,
        breaks: Sequence[str] = (),
    ) -> None:
        self._may_go_on = may_go_on
        self.breaks = set(breaks)
        self.broken = 0
        self.data_sets: dict[str, bytes] = {}
        self.originators: set[tuple[str, int]] = set()
        self._refuses = refuses
        self._ae = AE(ae_title="TARGET")
        teach(forms)
        for sop_class, syntax in forms:
            self._ae.add_supported_context(sop_class, syntax)

    def __enter__(self) -> Self:
        self._server: Any = self._ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._take)]
        )
        self.port = int(self._server.server_address[1])
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()

    def _take(self, event: Any) -> int:
        request = event.request
        if self._may_go_on and len(self.data_sets) >= 5:
            assert self._may_go_on.wait(20)
        if request.AffectedSOPInstanceUID == self._refuses:
            return 0xA700
        if request.AffectedSOPInstanceUID in self.breaks:
            self.broken += 1
            event.assoc.abort()
            return 0xA700
        self.data_sets[str(request.AffectedSOPInstanceUID)] = request.DataSet.getvalue()
        self.originators.add((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return 0


@contextmanager
def storescp(folder: Path, *arguments: str) -> Iterator[int]:
    """Run DCMTK's storescp, which writes what it gets into a folder as it comes."""
    port = free_port()
    command = [dcmtk("storescp"), "+B", "+xa", "-od", str(folder), *arguments, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: run("echoscu", "127.0.0.1", port, check=False) == "", 10, "storescp")
        yield port
    finally:
        process.terminate()
        process.wait(10)


def request_bytes(calling: str, forms: Sequence[tuple[str, str]]) -> bytes:
    """Return an A-ASSOCIATE-RQ as pynetdicom writes it."""
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = calling, TITLE
    contexts = []
    for place, (abstract, syntax) in enumerate(forms):
        context = build_context(abstract, syntax)
        context.context_id = 2 * place + 1
        contexts.append(context)
    request.presentation_context_definition_list = contexts
    most, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    most.maximum_length_received, implementation.implementation_class_uid = 16384, "1.2.3"
    request.user_information = [most, implementation]
    encoded: bytes = A_ASSOCIATE_RQ(request).encode()
    return encoded
