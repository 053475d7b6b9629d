"""The inbox of findings: which ones are on an object, in which order they are listed, and by what they are filtered."""

from collections.abc import Mapping, Sequence

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import findings
from pacsbrowser.archive.models import Finding, Instance, Patient, Series, Study
from pacsbrowser.archive.models.findings import FindingQuerySet

FILTERS = ("code", "severity", "level", "state")
MOST_DIGITS = 18

Row = Patient | Study | Series | Instance


def live_findings(scope: Scope) -> FindingQuerySet:
    """Return the findings on what is not in the trash, as far as a viewer may see them."""
    return findings.visible_findings(scope).live()


def open_findings_of(row: Row, scope: Scope) -> QuerySet[Finding]:
    """Return the open findings on an object and on all that is in it, the worst first; notes are not among them."""
    level: dict[str, Row] = {str(type(row)._meta.model_name): row}
    rows = live_findings(scope).open().filter(**level)
    worst = Case(When(severity=Finding.Severity.ERROR, then=Value(0)), default=Value(1), output_field=IntegerField())
    return rows.order_by(worst, "-last_seen", "-pk")


def finding_counts(rows: Sequence[Row], scope: Scope) -> dict[int, int]:
    """Return how many open findings each of these rows of one level has, by key."""
    if scope.everything or not rows:
        return {row.pk: row.finding_count for row in rows if not isinstance(row, Instance)}
    return count_open(str(type(rows[0])._meta.model_name), [row.pk for row in rows], scope)


def count_open(level: str, keys: Sequence[int], scope: Scope) -> dict[int, int]:
    """Count the open findings that a viewer may see on rows of a level, by key: stored counts know of other holders."""
    found = live_findings(scope).open().filter(**{f"{level}__in": keys})
    return dict(found.order_by(level).values_list(level).annotate(found=Count("pk")))


def inbox(scope: Scope, wanted: Mapping[str, str]) -> QuerySet[Finding]:
    """Return the findings that match, latest first; open ones unless another state is asked for."""
    rows = live_findings(scope)
    for field in FILTERS:
        value = wanted.get(field) or (Finding.State.OPEN if field == "state" else "")
        if value and value != "all":
            rows = rows.filter(**{field: value})
    for field in ("patient", "study", "series", "instance"):
        if is_key(wanted.get(field, "")):
            rows = rows.filter(**{field: int(wanted[field])})
    return rows.select_related("patient", "study", "series", "instance").order_by("-last_seen", "-pk")


def after(rows: QuerySet[Finding], key: str) -> QuerySet[Finding]:
    """Return what comes after the finding of this key in the inbox."""
    last = Finding.objects.filter(pk=int(key)).first() if is_key(key) else None
    if last is None:
        return rows
    return rows.filter(last_seen__lte=last.last_seen).exclude(last_seen=last.last_seen, pk__gte=last.pk)


def counts_by_code(scope: Scope, state: str) -> dict[str, int]:
    """Return how many findings of each code there are in a state."""
    rows = live_findings(scope)
    rows = rows.filter(state=state) if state in Finding.State.values else rows
    return dict(rows.order_by("code").values_list("code").annotate(found=Count("pk")))


def is_key(text: str) -> bool:
    """Say whether a text of a URL can be the key of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
