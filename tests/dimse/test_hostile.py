"""Whatever comes over the port, the server answers or ends the association, and serves the next caller."""

import io
import socket
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.identifier import BadIdentifier, encode_identifier, parse_identifier
from pacsbrowser.dimse.negotiation import Unreadable, parse_request
from pacsbrowser.exchange.association import Association, Context, Released
from pacsbrowser.exchange.commands import BadCommand, Command
from pacsbrowser.exchange.failures import Lost
from pacsbrowser.exchange.opening import Proposal, open_association
from pacsbrowser.exchange.scu import await_answer
from pacsbrowser.exchange.wire import Wire
from tests.datasets import make_dataset
from tests.dimse.peers import CT, STUDY_FIND, TITLE, Archive, ask, make_node, request_bytes, run

EXPLICIT = "1.2.840.10008.1.2.1"
REQUEST = request_bytes("TESTER", [("1.2.840.10008.1.1", EXPLICIT), (CT, EXPLICIT), (STUDY_FIND, EXPLICIT)])
ECHO = Command.of({0x0002: "1.2.840.10008.1.1", 0x0100: 0x0030, 0x0110: 1, 0x0800: 0x0101}).encode()


def unit(kind: int, body: bytes) -> bytes:
    """Return a protocol data unit."""
    return pack(">BxI", kind, len(body)) + body


def fragment(context: int, flags: int, data: bytes, length: int | None = None) -> bytes:
    """Return a P-DATA-TF with one fragment."""
    return unit(4, pack(">IBB", len(data) + 2 if length is None else length, context, flags) + data)


def say(archive: Archive, *pieces: bytes) -> bytes:
    """Send bytes over a connection and return what comes back until it ends, or nothing comes any more."""
    with socket.create_connection(("127.0.0.1", archive.port), timeout=20) as link:
        try:
            for piece in pieces:
                link.sendall(piece)
            link.shutdown(socket.SHUT_WR)
            answer = b""
            while part := link.recv(65536):
                answer += part
        except ConnectionError:
            return answer
        return answer


def is_alive(archive: Archive) -> bool:
    """Whether the next caller is served."""
    return "Success" in run("echoscu", "-v", *archive.at)


HOSTILE = {
    "nothing": (),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",),
    "zeros": (bytes(5000),),
    "release without association": (unit(5, bytes(4)),),
    "data without association": (fragment(1, 3, ECHO),),
    "request cut short": (REQUEST[:60],),
    "request that claims 4 GB": (pack(">BxI", 1, 0xFFFFFFFF) + REQUEST[6:],),
    "request of rubbish": (unit(1, b"\xff" * 300),),
    "request without contexts": (unit(1, REQUEST[6:74]),),
    "request twice": (REQUEST, REQUEST),
    "unknown unit": (REQUEST, unit(9, b"1234")),
    "unit that claims 4 GB": (REQUEST, pack(">BxI", 4, 0xFFFFFFFF), bytes(1000)),
    "fragment longer than its unit": (REQUEST, fragment(1, 3, ECHO, 0xFFFFFFF0)),
    "fragment of no length": (REQUEST, fragment(1, 3, b"", 0)),
    "empty unit": (REQUEST, unit(4, b"")),
    "leftover of a unit": (REQUEST, unit(4, pack(">IBB", len(ECHO) + 2, 1, 3) + ECHO + b"\0")),
    "unknown context": (REQUEST, fragment(99, 3, ECHO)),
    "data before its command": (REQUEST, fragment(3, 2, b"data")),
    "command of rubbish": (REQUEST, fragment(1, 3, b"\xff" * 40)),
    "command that never ends": (REQUEST, *[fragment(1, 1, bytes(60000))] * 3),
    "command without a field": (REQUEST, fragment(1, 3, Command.of({0x0110: 1}).encode())),
    "answer to nothing": (REQUEST, fragment(1, 3, Command.of({0x0100: 0x8030, 0x0120: 1, 0x0900: 0}).encode())),
    "store without data": (REQUEST, fragment(3, 3, Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1}).encode())),
    "find with rubbish": (
        REQUEST,
        fragment(5, 3, Command.of({0x0002: STUDY_FIND, 0x0100: 0x20, 0x0110: 1, 0x0800: 0}).encode()),
        fragment(5, 2, b"\xff" * 400),
    ),
    "echo in the context of storage": (REQUEST, fragment(3, 3, ECHO)),
    "store in the context of echo": (
        REQUEST,
        fragment(1, 3, Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: 0}).encode()),
        fragment(1, 2, b"data"),
    ),
    "end in the middle of an object": (
        REQUEST,
        fragment(3, 3, Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: 0, 0x1000: "1.2.3"}).encode()),
        fragment(3, 0, make_dataset()[300:]),
    ),
    "a command inside an object": (
        REQUEST,
        fragment(3, 3, Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: 0, 0x1000: "1.2.3"}).encode()),
        fragment(3, 0, make_dataset()[300:]),
        fragment(3, 3, ECHO),
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bytes_that_are_no_conversation(archive: Archive) -> None:
    for name, pieces in HOSTILE.items():
        answer = say(archive, *pieces)
        assert answer[:1] in (b"", b"\2", b"\3", b"\7"), name
    assert is_alive(archive)
    assert not Instance.objects.exists()
    assert not list(storage.incoming_root().rglob("*.part"))


def test_the_oracle_understands_our_echo(archive: Archive) -> None:
    answer = say(archive, REQUEST, fragment(1, 3, ECHO), unit(5, bytes(4)))
    assert answer.endswith(unit(6, bytes(4)))
    assert b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00" in answer  # (0000,0900) = 0000H


def test_hostile_objects(archive: Archive, corpus: Path) -> None:
    files = [path for path in sorted((corpus / "malformed").rglob("*.dcm")) if path.stat().st_size < 4_000_000]
    statuses = set()
    link = open_association(make_node(TITLE, archive.port), [Proposal(CT, (EXPLICIT,))])
    for path in files:
        request = Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x1000: "1.2.3.4"})
        link.send(link.contexts[1], request, [path.read_bytes()[144:] or b"\0\0"])
        statuses.add(await_answer(link).command.status)
    link.release()
    assert len(files) > 50
    assert statuses <= {0x0000, 0xA900, 0xB000, 0xB007, 0xC000}
    assert is_alive(archive)


def test_hostile_values_of_a_question(archive: Archive) -> None:
    with archive.associate(STUDY_FIND) as link:
        for value in ("*" * 1000, "%_%", "'; DROP TABLE archive_study; --", "a\\b" * 100, "[a-z]*", "?" * 64):
            question = Dataset()
            question.QueryRetrieveLevel = "STUDY"
            question.add_new("StudyDescription", "UT", value)
            assert [one.Status for one, _ in link.send_c_find(question, STUDY_FIND)] == [0]
        assert ask(link, "STUDY", PatientID="P1") == []


# ------------------------------------------------------------------ parsers


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_as_a_command(data: bytes) -> None:
    try:
        command = Command.parse(data)
    except BadCommand:
        return
    assert isinstance(command.field, int)
    assert isinstance(command.text(0x0002), str)
    assert Command.parse(command.answer(0).encode()).status == 0


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=600), st.sampled_from([EXPLICIT, "1.2.840.10008.1.2"]))
def test_any_bytes_as_an_identifier(data: bytes, syntax: str) -> None:
    try:
        found = parse_identifier(data, syntax)
    except BadIdentifier:
        return
    assert all(isinstance(text, str) for text in found.values.values())


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, len(REQUEST) - 1), st.binary(min_size=1, max_size=8))
def test_a_request_with_other_bytes_in_it(place: int, rubbish: bytes) -> None:
    data = REQUEST[:place] + rubbish + REQUEST[place + len(rubbish) :]
    try:
        request = parse_request(data)
    except Unreadable:
        return
    assert len(request.offers) <= 128


class Script(Wire):
    """A wire that says what a test says."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)
        self.sent = bytearray()

    def read_head(self, within: float) -> tuple[int, int]:
        head = self.read(6, within)
        return head[0], int.from_bytes(head[2:], "big")

    def read(self, size: int, within: float) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise Lost("end")
        return data

    def write(self, data: bytes | bytearray) -> None:
        self.sent += data

    def close(self, linger: bool = False) -> None:
        pass


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 3]), st.sampled_from([1, 3]), st.binary(max_size=60)), max_size=12),
    st.integers(0, 3),
)
def test_any_fragments(parts: list[tuple[int, int, bytes]], cut: int) -> None:
    data = b"".join(fragment(context, flags, body) for flags, context, body in parts)
    contexts = {number: Context(number, CT, EXPLICIT) for number in (1, 3)}
    link = Association(Script(data[: len(data) - cut]), contexts, 4096, 4096)
    with pytest.raises((Lost, Released)):
        while True:
            message = link.receive(1)
            if message.command.has_data:
                link.read_data(100)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 700), max_size=8), st.integers(64, 300))
def test_what_is_sent_is_received(data: bytes, cuts: list[int], most: int) -> None:
    """However a data set is cut into pieces, it arrives whole, in units that the other side takes."""
    pieces, rest = [], data
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    context = Context(1, CT, EXPLICIT)
    out = Script(b"")
    Association(out, {1: context}, most, most).send(context, Command.of({0x0100: 1}), [*pieces, rest])
    link = Association(Script(bytes(out.sent)), {1: context}, most, most)
    assert link.receive(1).command.field == 1
    assert link.read_data() == data


@settings(max_examples=100, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40),
    st.sampled_from(["", "ISO_IR 100", "GB18030"]),
)
def test_text_goes_round(text: str, asked: str) -> None:
    wanted = text.strip(" \0\ufffd").replace("\\", "")
    for syntax in (EXPLICIT, "1.2.840.10008.1.2"):
        data = encode_identifier({"PatientName": wanted, "StudyInstanceUID": "1.2.3", "Rows": "512"}, syntax, asked)
        found: dict[str, Any] = parse_identifier(data, syntax).values
        assert (found["PatientName"], found["StudyInstanceUID"], found["Rows"]) == (wanted, "1.2.3", "512")
