"""Where the boxes of a chart and the items of its tree lead."""

from collections.abc import Callable

from django.urls import reverse

from pacsbrowser.archive.hierarchy import Part, SeriesNode, StudyNode
from pacsbrowser.archive.models import Patient


class Links:
    """The addresses of one chart's objects; `absolute` makes them whole for a drawing that leaves the site."""

    def __init__(self, absolute: Callable[[str], str] = str) -> None:
        self._absolute = absolute
        self._paths: dict[int, str] = {}

    def patient(self, patient: Patient) -> str:
        """Return the address of the patient's page."""
        return self._absolute(reverse("patient_detail", args=[patient.pk]))

    def study(self, node: StudyNode) -> str:
        """Return the address of the study's page."""
        return _with(self._absolute(reverse("study_detail", args=[node.row.study_instance_uid])), node)

    def study_chart(self, node: StudyNode) -> str:
        """Return the address of the study's own chart, which lists all of its series."""
        return _with(self._absolute(reverse("study_chart", args=[node.row.study_instance_uid])), node)

    def series(self, study: StudyNode, node: SeriesNode) -> str:
        """Return the address of the series' page."""
        return _with(self._path(study, node), study)

    def part(self, study: StudyNode, node: SeriesNode, part: Part) -> str:
        """Return the address of an instance; for a range or a gap, of the series' page where it begins."""
        path = self._path(study, node)
        return _with(f"{path}instances/{part.uid}/", study) if part.uid else _with(path, study, f"from={part.first}")

    def _path(self, study: StudyNode, node: SeriesNode) -> str:
        """Return the path of a series; to ask the URL resolver for each instance would cost more than to draw it."""
        path = self._paths.get(node.row.pk)
        if path is None:
            uids = [study.row.study_instance_uid, node.row.series_instance_uid]
            path = self._paths[node.row.pk] = self._absolute(reverse("series_detail", args=uids))
        return path


def range_address(study: StudyNode, node: SeriesNode, first: int, last: int) -> str:
    """Return where the tree gets the instances of a range from."""
    uids = [study.row.study_instance_uid, node.row.series_instance_uid]
    return _with(reverse("chart_range", args=uids), study, f"first={first}&last={last}")


def _with(path: str, node: StudyNode, query: str = "") -> str:
    """Add a query, and the holder where several studies that the viewer sees have the UID."""
    parts = [f"holder={node.row.pk}"] if node.is_shared else []
    parts += [query] if query else []
    return f"{path}?{'&'.join(parts)}" if parts else path
