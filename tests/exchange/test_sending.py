"""Calling other nodes: C-ECHO and C-STORE to DCMTK's and pynetdicom's servers, and every way in which it fails."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import pack

import pytest
from pydicom.encaps import encapsulate
from pynetdicom import AE

from pacsbrowser.archive.models import Instance
from pacsbrowser.exchange import scu
from pacsbrowser.exchange.failures import Lost, Rejected, Unreachable
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.sending import NOT_SENT, send_instances
from pacsbrowser.exchange.storing import NO_CONTEXT, NOT_READ, Sent
from tests.datasets import ROOT, ingest_datasets, make_series
from tests.dimse.peers import CT, Receiver, data_set_of, make_node, storescp
from tests.live import free_port

pytestmark = pytest.mark.django_db
EXPLICIT = "1.2.840.10008.1.2.1"


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """A server that takes one call, says something, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def everything() -> list[int]:
    """Return the keys of all instances, in their order."""
    return list(Instance.objects.order_by("series_id", "position").values_list("pk", flat=True))


def sent(node: Node, **more: object) -> list[Sent]:
    """Send everything."""
    return list(send_instances(node, everything(), **more))  # type: ignore[arg-type]


def test_echo(tmp_path: Path) -> None:
    with storescp(tmp_path) as port:
        scu.echo(make_node("STORESCP", port))


def test_why_an_echo_fails() -> None:
    with pytest.raises(Unreachable, match="refused"):
        scu.echo(make_node("A", free_port()))
    with pytest.raises(Unreachable, match="this machine itself"):
        scu.echo(make_node("B", free_port(), is_trusted=False))
    with pytest.raises(Unreachable, match="no address"):
        scu.echo(make_node("C", host="no-such-host.invalid"))
    for number, answer in enumerate([b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\2\0\0\0\0\4oops", bytes(6)]):
        with saying(answer) as port, pytest.raises((Lost, Rejected)):
            scu.echo(make_node(f"D{number}", port))


def test_a_server_that_refuses() -> None:
    ae = AE(ae_title="STRICT")
    ae.require_called_aet = True
    ae.add_supported_context(CT)
    server = ae.start_server(("127.0.0.1", 0), block=False)
    assert server is not None
    port = int(server.server_address[1])
    try:
        with pytest.raises(Rejected, match="called ae title"):
            scu.echo(make_node("OTHER", port))
        with pytest.raises(Rejected, match="accepts none"):
            scu.echo(make_node("STRICT", port))
    finally:
        server.shutdown()


def test_objects_arrive_as_they_were_received(tmp_path: Path) -> None:
    files = [*make_series(2), *make_series(2, 2, transfer_syntax="1.2.840.10008.1.2")]
    ingest_datasets(*files)
    with storescp(tmp_path) as port:
        results = sent(make_node("STORESCP", port))
    assert [one.status for one in results] == [0, 0, 0, 0]
    arrived = {data_set_of(path.read_bytes()) for path in tmp_path.iterdir()}
    assert arrived == {data_set_of(file) for file in files}


def test_each_object_has_its_result() -> None:
    ingest_datasets(*make_series(3), *make_series(1, 1, 2, SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
    with Receiver([(CT, EXPLICIT)], refuses=f"{ROOT}.1.1.2") as receiver:
        results = sent(make_node("TARGET", receiver.port))
    assert [one.status for one in results] == [0, 0xA700, 0, NO_CONTEXT]
    assert [one.is_kept for one in results] == [True, False, True, False]
    assert receiver.originators == {(None, None)}


def test_a_file_that_is_gone_is_a_result() -> None:
    from pacsbrowser.archive import storage

    ingest_datasets(*make_series(2))
    storage.blob_path(Instance.objects.order_by("position")[0].blob).unlink()
    with Receiver([(CT, EXPLICIT)]) as receiver:
        results = sent(make_node("TARGET", receiver.port))
    assert [one.status for one in results] == [NOT_READ, 0]


def test_sending_can_be_stopped() -> None:
    ingest_datasets(*make_series(5))
    with Receiver([(CT, EXPLICIT)]) as receiver:
        results = sent(make_node("TARGET", receiver.port), should_stop=lambda: len(receiver.data_sets) == 2)
    assert len(results) == len(receiver.data_sets) == 2


def test_a_node_that_is_not_there_is_a_result_for_each_object() -> None:
    ingest_datasets(*make_series(2))
    results = sent(make_node("NOBODY", free_port()))
    assert [one.status for one in results] == [NOT_SENT, NOT_SENT]
    assert "refused" in results[0].reason


def test_an_object_that_breaks_the_association_keeps_no_other_back() -> None:
    ingest_datasets(*make_series(5))
    with Receiver([(CT, EXPLICIT)], breaks=[f"{ROOT}.1.1.2"]) as receiver:
        results = sent(make_node("TARGET", receiver.port))
        assert receiver.broken == 2, "it goes once more, at the end"
    assert [(one.sop_instance_uid[-1], one.status) for one in results] == [
        ("1", 0), ("3", 0), ("4", 0), ("5", 0), ("2", NOT_SENT),
    ]  # fmt: skip
    keys = dict(Instance.objects.values_list("sop_instance_uid", "pk"))
    assert all(one.key == keys[one.sop_instance_uid] for one in results)
    assert [one.is_suspect for one in results] == [False] * 4 + [True]


def test_two_losses_in_a_row_end_it() -> None:
    ingest_datasets(*make_series(5))
    with Receiver([(CT, EXPLICIT)], breaks=[f"{ROOT}.1.1.{number}" for number in (2, 3)]) as receiver:
        results = sent(make_node("TARGET", receiver.port))
        assert receiver.broken == 2
    assert [one.status for one in results] == [0] + [NOT_SENT] * 4
    assert {one.sop_instance_uid[-1] for one in results if one.is_suspect} == {"2", "3"}


def test_pixels_that_are_bad_after_the_first_frame_are_a_result() -> None:
    rle = "1.2.840.10008.1.2.5"
    frame = pack("<16L", 2, 64, 66, *[0] * 13) + bytes((256 - 63, 1)) * 2
    assert len(frame) == 68
    broken = pack("<16L", 2, 64, 66, *[0] * 13) + bytes((256 - 7, 1)) * 2
    ingest_datasets(
        *make_series(1, NumberOfFrames="2", PixelData=encapsulate([frame, broken]), transfer_syntax=rle),
        *make_series(3, series=2),
    )
    with Receiver([(CT, EXPLICIT)]) as receiver:
        results = sent(make_node("TARGET", receiver.port))
    assert [one.status for one in results] == [NOT_READ, 0, 0, 0]
    assert "frame 2" in results[0].reason
