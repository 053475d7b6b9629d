"""Links to objects that another one names: where they lead, what they are called, their small picture."""

from dataclasses import dataclass, field

from django.urls import reverse

from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.pages.shapes import Shape
from pacsbrowser.pages.viewer_page import viewer_address

THUMBNAIL, PICTURE = 180, 512


@dataclass(slots=True)
class ObjectLink:
    """An object that is named. `instance` is None where it is not in the archive, as far as the viewer may know.

    `shapes` are drawn over its picture, in its pixels; `note` names frames and segments; `words` describe a drawing.
    """

    uid: str
    kind: str
    instance: Instance | None = None
    frame: int = 1
    note: str = ""
    words: str = ""
    shapes: list[Shape] = field(default_factory=list)

    @property
    def href(self) -> str:
        """The address of the object's page."""
        return instance_address(self.instance) if self.instance else ""

    @property
    def viewer(self) -> str:
        """The address of the object, at its frame, in the viewer."""
        if self.instance is None:
            return ""
        series = self.instance.series
        uids = {"series": series.series_instance_uid, "instance": self.instance.sop_instance_uid}
        return viewer_address(series.study, True, **uids, frame=self.frame)

    @property
    def text(self) -> str:
        """What the object is called: "series 3, instance 206, frame 4"."""
        parts = [self.note] if self.note else []
        if self.instance is None:
            return ", ".join([f"{self.kind} not in the archive", *parts])
        return ", ".join([instance_name(self.instance), *parts])

    @property
    def has_picture(self) -> bool:
        """Whether it has pixels that can be shown."""
        return self.instance is not None and self.instance.has_pixel_data and bool(self.instance.rows)

    @property
    def picture(self) -> str:
        """The address of the picture: small, or large enough for what is drawn over it."""
        return frame_picture(self.instance, self.frame, PICTURE if self.shapes else THUMBNAIL) if self.instance else ""

    @property
    def view_box(self) -> str:
        """The image's own pixels as the coordinates of what is drawn over it."""
        return f"0 0 {self.instance.columns} {self.instance.rows}" if self.instance else ""

    @property
    def alternative(self) -> str:
        """What the picture is, for those who do not see it."""
        return f"{self.kind}, {self.text}{f', with {self.words} drawn over it' if self.shapes else ''}"


def link_to(uid: str, sop_class_uid: str, instance: Instance | None, frame: int = 1, note: str = "") -> ObjectLink:
    """Return the link to an object named by its UID."""
    kind = object_kind(instance.sop_class_uid if instance else sop_class_uid)
    last = max(instance.number_of_frames, 1) if instance else 1
    return ObjectLink(uid, kind, instance, frame if 1 <= frame <= last else 1, note)


def instance_name(instance: Instance) -> str:
    """Return what an instance is called: "series 3, instance 206"."""
    series = f"series {instance.series.series_number}" if instance.series.series_number else "series without number"
    number = instance.instance_number or "without number"
    return f"{series}, instance {number}"


def instance_address(instance: Instance) -> str:
    """Return the address of an instance's page, with its holder, as others may have the same UIDs."""
    series = instance.series
    uids = [series.study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid]
    return f"{reverse('instance_detail', args=uids)}?holder={series.study_id}"


def frame_picture(instance: Instance, frame: int, side: int) -> str:
    """Return the address of the picture of a frame (from 1), fitted into a square of `side` pixels."""
    series = instance.series
    uids = {
        "holder": series.study_id,
        "study": series.study.study_instance_uid,
        "series": series.series_instance_uid,
        "instance": instance.sop_instance_uid,
        "frames": str(frame),
    }
    return f"{reverse('dicomweb_frames_rendered', kwargs=uids)}?viewport={side},{side}"
