"""The fast scanner sees what the walker sees or leaves the object to it: all test data, and changed copies of it."""

import io
import random
import time
from functools import cache
from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings

from pacsbrowser.dicom.elements import EXPLICIT_BIG
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import read_header
from pacsbrowser.dicom.part10 import DEFLATED_UIDS, Layout, open_data_set
from pacsbrowser.dicom.scanner import scan_top_level
from pacsbrowser.dicom.top_level import TopLevel, walk_top_level
from tests.datasets import ROOT, make_dataset
from tests.dicom.samples import CORPUS, expected, malformed, wheel_file, wheel_files
from tests.dicom.test_hostile import mutated

FILES = wheel_files() + ([CORPUS / "dicom" / path for path in expected()["files"]] if CORPUS else [])
BROKEN = [CORPUS / "malformed" / row["file"] for row in malformed()] if CORPUS else []
_SMALL = 60_000  # bytes of files that are changed


def both(data: bytes) -> tuple[TopLevel | None, TopLevel | None]:
    """Return what the scanner saw, which equals what the walker saw, or the walker's view alone; None for an error."""
    try:
        walked = walk_top_level(open_data_set(io.BytesIO(data)))
    except DicomError:
        walked = None
    try:
        scanned = scan_top_level(open_data_set(io.BytesIO(data)))
    except DicomError:
        scanned = None
    assert scanned is None or scanned == walked
    return scanned, walked


def follows(layout: Layout) -> bool:
    return layout.encoding != EXPLICIT_BIG and layout.transfer_syntax_uid not in DEFLATED_UIDS


def test_nearly_all_good_files_are_scanned() -> None:
    scanned = candidates = 0
    for path in FILES:
        data = path.read_bytes()
        try:
            if read_header(io.BytesIO(data)).whole and follows(open_data_set(io.BytesIO(data))):
                candidates += 1
                scanned += both(data)[0] is not None
        except DicomError:
            continue
    assert candidates > 60
    assert scanned > 0.95 * candidates


def test_malformed_files_are_seen_alike() -> None:
    for path in BROKEN:
        if path.stat().st_size < 20_000_000:
            both(path.read_bytes())


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_mutated_files_are_seen_alike(data: bytes) -> None:
    both(data)


@cache
def originals() -> list[bytes]:
    return [path.read_bytes() for path in FILES if path.stat().st_size < _SMALL]


# Headers that stand where another element was: delimiters, sequences, values without or with the wrong VR.
_TAGS = [bytes.fromhex(tag) for tag in (
    "08000500", "08001800", "20000d00", "08001111", "10001000", "09001000", "e07f1000", "fcfffcff", "02001000",
    "04002012", "feff00e0", "feff0de0", "feffdde0",
)]  # fmt: skip
_REST = [
    b"CS\2\0AB",
    b"SQ\0\0" + bytes(4),
    b"SQ\0\0\xff\xff\xff\xff",
    b"UN\0\0\4\0\0\0abcd",
    b"\4\0\0\0abcd",
    b"LO\3\0abc",
]
_LENGTHS = [b"\xff" * 4, bytes(4), b"\1\0\0\0", b"\x08\0\0\0", b"\xff\xff\xff\x7f"]
_VRS = [b"SQ", b"UI", b"LO", b"OB", b"UN", b"DS", b"CS"]


def changed(chance: random.Random, data: bytes) -> bytes:
    """Return a copy with its elements changed: their tags, lengths and order, items, bits, and where it ends."""
    copy = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(copy) if chance.random() < 0.4 else min(len(copy), 4000))
        match chance.choice(("bit", "length", "tag", "cut", "end", "insert", "of_vr", "of_vr", "of_item")):
            case "bit":
                copy[at] ^= 1 << chance.randrange(8)
            case "length":
                copy[at : at + 4] = chance.choice(_LENGTHS)
            case "tag":
                copy[at : at + 4] = chance.choice(_TAGS)
            case "cut":
                del copy[at : at + chance.randrange(1, 64)]
            case "end":
                del copy[at + 1 :]
            case "insert":
                copy[at:at] = chance.choice(_TAGS) + chance.choice(_REST)
            case "of_vr":
                found = copy.find(chance.choice(_VRS), at)
                if 0 <= found < len(copy) - 2:
                    copy[found + 2] = copy[found + 2] + chance.choice((1, 2, -1, -2, 8, -8)) & 0xFF
            case "of_item":
                found = copy.find(b"\xfe\xff\0\xe0", at)
                length = int.from_bytes(copy[found + 4 : found + 8], "little")
                if found >= 0:
                    new = chance.choice((0xFFFFFFFF, 0, length - 8, length - 2, length + 1, length + 2, length + 8))
                    copy[found + 4 : found + 8] = pack("<I", new & 0xFFFFFFFF)
        if not copy:
            break
    return bytes(copy)


@pytest.mark.parametrize("seed", range(8))
def test_changed_elements_are_seen_alike(seed: int) -> None:
    chance = random.Random(seed)
    count = 500
    scanned = sum(both(changed(chance, chance.choice(originals())))[0] is not None for _ in range(count))
    assert scanned > 0.15 * count  # enough changes leave an object that the scanner takes


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    length = len(value) if length is None else length
    head = pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (pack("<HI", 0, length) if vr in ("OB", "SQ", "UN", "OW") else pack("<H", length)) + value


def item(*elements: bytes, undefined: bool = False) -> bytes:
    content = b"".join(elements)
    if undefined:
        return b"\xfe\xff\0\xe0\xff\xff\xff\xff" + content + b"\xfe\xff\x0d\xe0" + bytes(4)
    return b"\xfe\xff\0\xe0" + pack("<I", len(content)) + content


def endless(tag: int, vr: str, content: bytes) -> bytes:
    return element(tag, vr, content + b"\xfe\xff\xdd\xe0" + bytes(4), 0xFFFFFFFF)


def with_element(added: bytes) -> bytes:
    """Return an object with an element between (0020,0013) and (0028,0002)."""
    data = make_dataset(ImagePositionPatient=None, ImageOrientationPatient=None)
    at = data.index(pack("<HH", 0x28, 0x02))
    return data[:at] + added + data[at:]


CLASS = element(0x00081150, "UI", b"1.2.840.10008.5.1.4.1.1.2\0")
TARGET = element(0x00081155, "UI", f"{ROOT}.9.9".encode())
NAMED = item(CLASS, TARGET)
INNER = element(0x0040A170, "SQ", item(element(0x00080100, "SH", b"1 ")))
SEQUENCES = {
    "plain": element(0x00209222, "SQ", NAMED),
    "of undefined length": endless(0x00209222, "SQ", item(CLASS, TARGET, undefined=True) + NAMED),
    "UN of undefined length": endless(
        0x00209222, "UN", b"\xfe\xff\0\xe0" + pack("<IHHI", 12, 0x8, 0x1155, 4) + b"1.2\0"
    ),
    "private": endless(0x00211010, "SQ", NAMED),
    "class before an inner item": element(0x00209222, "SQ", item(CLASS, INNER, TARGET)),
    "class before an empty inner item": element(
        0x00209222, "SQ", item(CLASS, element(0x0040A170, "SQ", item()), TARGET)
    ),
    "class before an inner sequence without items": element(
        0x00209222, "SQ", item(CLASS, element(0x0040A170, "SQ", b""), TARGET)
    ),
    "class before an endless one without items": element(
        0x00209222, "SQ", item(CLASS, endless(0x0040A170, "SQ", b""), TARGET)
    ),
    "a class in the other item": element(0x00209222, "SQ", item(CLASS) + item(TARGET)),
    "empty": element(0x00209222, "SQ", b""),
    "large": element(0x00209222, "SQ", item(CLASS, TARGET, element(0x00211010, "OB", bytes(100_000)))),
    "many": element(0x00209222, "SQ", b"".join(
        item(element(0x00081155, "UI", f"{ROOT}.{number:05d}".encode())) for number in range(100, 1100)
    )),
    "behind a large value": element(0x00211010, "OB", bytes(200_000)) + element(0x00211011, "SQ", NAMED),
    "large value inside a group": element(0x00211010, "LO", b"a" * 60_000) + element(0x00211011, "LO", b"b" * 60_000),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_what_is_well_formed_is_scanned(name: str) -> None:
    scanned, walked = both(with_element(SEQUENCES[name]))
    assert scanned is not None
    assert walked is not None
    assert not walked.findings


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        (element(0x00211010, "SQ", NAMED[:-2]), "sequence_broken"),
        (element(0x00211010, "LO", b"abc"), "odd_length"),
        (element(0x00100010, "PN", b"A^B "), "duplicate_element"),
        (element(0x00100021, "LO", b"HOSP"), "out_of_order"),
        (pack("<HH", 0x21, 0x10) + b"ZZ\2\0ab", "vr_unknown"),
        (element(0x00209222, "SQ", item(b"\xfe\xff\x0d\xe0" + bytes(4))), "sequence_broken"),
    ],
)
def test_what_is_odd_is_left_to_the_walker(odd: bytes, code: str) -> None:
    scanned, walked = both(with_element(odd))
    assert scanned is None
    assert walked is not None
    assert code in {finding.code for finding in walked.findings}


def test_more_references_than_are_kept_are_left_to_the_walker() -> None:
    many = b"".join(item(element(0x00081155, "UI", f"1.2.{number}".encode())) for number in range(10_000, 20_100))
    scanned, walked = both(with_element(element(0x00209222, "SQ", many)))
    assert scanned is None
    assert walked is not None
    assert len(walked.references) == 10_000


@pytest.mark.parametrize("depth", [3, 16, 17, 60])
def test_nesting(depth: int) -> None:
    content = NAMED
    for _ in range(depth - 1):
        content = item(element(0x0040A730, "SQ", content))
    scanned, walked = both(with_element(endless(0x00209222, "SQ", content)))
    assert (scanned is not None) == (depth <= 16)
    assert (walked is not None) == (depth <= 50)


@pytest.mark.parametrize(
    "hostile",
    [
        b"".join(pack("<HH", 0x21 + 2 * (number >> 16), number & 0xFFFF) + b"LO\0\0" for number in range(1, 300_000)),
        endless(0x00209222, "SQ", item(undefined=True) * 200_000),
        element(0x00209222, "SQ", item() * 400_000),
        b"\xfe\xff\0\xe0\xff\xff\xff\xff" * 200_000,
    ],
)
def test_hostile_objects_are_given_up_soon(hostile: bytes) -> None:
    layout = open_data_set(io.BytesIO(with_element(hostile)))
    began = time.process_time()
    scan_top_level(layout)
    assert time.process_time() - began < 5


def test_compressed_pixels_and_a_path() -> None:
    path: Path = wheel_file("JPEG2000.dcm")
    with path.open("rb") as file:
        seen = scan_top_level(open_data_set(file))
    assert seen is not None
    assert seen.pixel_length == 0xFFFFFFFF
