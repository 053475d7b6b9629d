"""Which other objects a data set names: collected while its sequences are walked."""

from collections.abc import Sequence
from typing import NamedTuple

from pacsbrowser.dicom.elements import ITEM, Element
from pacsbrowser.dicom.uids import is_storable_uid, trim_uid
from pacsbrowser.dicom.window import Window

MOST_REFERENCES = 10_000
MOST_UID_BYTES = 66

SOP_CLASS = 0x00081150
_SOP_INSTANCE = 0x00081155
_STUDY = 0x0020000D
_SERIES = 0x0020000E
_FRAMES = frozenset((0x00200052, 0x30060024, 0x300600C2))
UID_TAGS = frozenset((SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES)) | _FRAMES

# The meaning comes from the outermost sequence that has one: SOP sequences inside an evidence sequence are evidence.
_STRONG = {
    0x0040A375: "evidence", 0x0040A385: "evidence", 0x0040A730: "content", 0x00082112: "source_image",
    0x00081140: "referenced_image", 0x300C0002: "rt_plan", 0x300C0060: "rt_structure_set", 0x300C0080: "rt_dose",
    0x00089237: "presentation", 0x30060016: "referenced_image", 0x0008114B: "referenced_real_world_value",
    0x0040A360: "predecessor", 0x0040A525: "identical", 0x00420013: "source_instance", 0x0008113A: "waveform",
    0x00081134: "stereometric", 0x00700405: "presentation", 0x00081200: "referenced_study",
}  # fmt: skip
_WEAK = {0x00081115: "referenced_series", 0x30060014: "referenced_series", 0x30060012: "referenced_study",
         0x00081110: "referenced_study"}  # fmt: skip
# Detached management and performed procedure step objects: named in every modality's images, kept by no archive.
_NOT_KEPT = "1.2.840.10008.3.1."


class HeaderReference(NamedTuple):
    """Another object, series, study or frame of reference that this one names."""

    kind: str
    sop_class_uid: str
    target_uid: str


def make_reference(tag: int, uid: str, sop_class: str, around: Sequence[int]) -> HeaderReference | None:
    """Return what a UID found inside sequences refers to, None for what no archive keeps.

    Args:
        tag: the UID's own, one of UID_TAGS but the SOP class.
        sop_class: the class that stands before it in its item, '' for none.
        around: the tags of the sequences around it, the outermost first.
    """
    if tag == _SOP_INSTANCE:
        if sop_class.startswith(_NOT_KEPT):
            return None
        return HeaderReference(_kind(around), sop_class, uid)
    if tag in _FRAMES:
        return HeaderReference("frame_of_reference", "", uid)
    return HeaderReference("referenced_series" if tag == _SERIES else "referenced_study", "", uid)


def _kind(around: Sequence[int]) -> str:
    for meanings in (_STRONG, _WEAK):
        for tag in around:
            if tag in meanings:
                return meanings[tag]
    return "referenced"


class ReferenceCollector:
    """Takes every element found inside sequences and keeps the distinct references, at most MOST_REFERENCES."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._sequences: list[int] = []  # tags of the open sequences, by depth
        self._class = ""
        self._class_at = -1
        self._found: dict[HeaderReference, None] = {}

    def take(self, element: Element) -> None:
        """Note where the walk is, and a reference when the element is one."""
        tag, depth = element.tag, element.depth
        if tag == ITEM:
            self._class, self._class_at = "", depth
        elif element.vr == "SQ" or element.length == 0xFFFFFFFF:
            del self._sequences[depth:]
            self._sequences.append(tag)
        elif tag in UID_TAGS and depth and 0 < element.length <= MOST_UID_BYTES and len(self._found) < MOST_REFERENCES:
            uid = trim_uid(self._window.read(element.start, element.length).decode("ascii", "replace"))
            if is_storable_uid(uid):
                self._add(tag, uid, depth)

    def _add(self, tag: int, uid: str, depth: int) -> None:
        if tag == SOP_CLASS:
            self._class, self._class_at = uid, depth - 1
            return
        sop_class = self._class if self._class_at == depth - 1 else ""
        found = make_reference(tag, uid, sop_class, self._sequences[:depth])
        if found:
            self._found[found] = None

    def references(self) -> tuple[HeaderReference, ...]:
        """Return what was found, in the order of the file."""
        return tuple(self._found)
