"""Provenance: a delivery's row, its counters, and a line for each file that was not simply stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import islice
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, transaction
from django.http import HttpRequest
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.models import Delivery, DeliveryItem, Door, Outcome
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.statements import as_stored, insert, rows_of, statements

_EVENTS_A_TRANSACTION = 50

# A program that was silent for longer begins another delivery.
WARM = timedelta(minutes=2)


def open_delivery(
    door: Door, who: str = "", *, user: User | None = None, address: str = "", label: str = ""
) -> Delivery:
    """Begin a transfer.

    Args:
        door: the way in.
        who: a user's name or an AE title.
        user: the account, where there is one.
        address: the network address that it came from.
        label: a word of the sender on it, such as the name of the dropped folder.
    """
    now = timezone.now()
    return Delivery.objects.create(
        door=door, who=who[:150], user=user, address=address[:64], label=label[:200], started=now, active=now
    )


def resume_delivery(door: Door, user: User | None, *, who: str = "", address: str = "", label: str = "") -> Delivery:
    """Return the delivery to which a single request of a program belongs: its last one, if that is still warm.

    Programs send object by object, each in a request or association of its own; together they are one transfer. Such
    a delivery never stands open, because nobody says when the last request has come.
    """
    since = as_stored(Delivery, "active", timezone.now() - WARM)
    own = _WARM.format("user_id = %s" if user else "user_id IS NULL AND who = %s")
    found = rows_of(own, [since, door.value, user.pk if user else who[:150], address[:64], label[:200]])
    if found:
        return _delivery(found[0][0])
    fresh = open_delivery(door, user.get_username() if user else who, user=user, address=address, label=label)
    close_delivery(fresh)
    return fresh


_WARM = (
    "SELECT id FROM archive_delivery WHERE active > %s AND door = %s AND {} AND address = %s AND label = %s"
    " ORDER BY active DESC LIMIT 1"
)


@lru_cache(maxsize=256)
def _delivery(key: str | UUID) -> Delivery:
    """Return a delivery of which only the key is known, as ingest needs it; the rest is read when it is asked for."""
    return Delivery.from_db(DEFAULT_DB_ALIAS, ("id",), (UUID(str(key)),))


def close_delivery(delivery: Delivery) -> None:
    """Mark a transfer as finished."""
    Delivery.objects.filter(pk=delivery.pk, finished=None).update(finished=timezone.now())


def reopen_delivery(delivery: Delivery) -> None:
    """Mark a finished transfer as going on."""
    Delivery.objects.filter(pk=delivery.pk).exclude(finished=None).update(finished=None)


def audit_delivery(delivery: Delivery, action: Action, door: str, request: HttpRequest | None = None) -> None:
    """Record in the audit trail what a delivery brought: its counts, and one event for each study it added to.

    With a request the event names who sends it; without one, it names whom the delivery is from.
    """
    delivery.refresh_from_db()
    who, address = ("", "") if request else (delivery.who, delivery.address)
    event = partial(record, action, request=request, who=who, address=address, door=door, object=str(delivery.pk))
    event(detail={outcome.value: getattr(delivery, outcome.value) for outcome in Outcome})
    rows = delivery.delivery_studies.filter(instance_count__gt=0).select_related("study__patient").order_by("pk")
    brought = rows.iterator(chunk_size=_EVENTS_A_TRANSACTION)
    while some := list(islice(brought, _EVENTS_A_TRANSACTION)):
        with transaction.atomic():
            for row in some:
                patient, study = row.study.patient.audit_name, row.study.study_instance_uid
                event(patient=patient, study=study, detail={"instances": row.instance_count})


def record_results(
    delivery: Delivery, results: Sequence[IngestResult], new_in_study: Mapping[int, int], now: datetime
) -> None:
    """Write what became of a group: counters, lines, and the studies it added to (`new_in_study`: row key → count)."""
    outcomes = Counter(result.outcome for result in results)
    size = sum(result.size for result in results)
    # the names are those of the enumeration
    added = "".join(f", {outcome.value} = {outcome.value} + %s" for outcome in outcomes)
    statement = f"UPDATE archive_delivery SET active = %s, size = size + %s{added} WHERE id = %s"  # noqa: S608
    active, key = as_stored(Delivery, "active", now), as_stored(Delivery, "id", delivery.pk)
    with statements() as link:
        link.run(statement, [active, size, *outcomes.values(), key])
        for study, count in sorted(new_in_study.items()):
            link.run(_ADD_STUDY, (key, study, count))
    lines = [result for result in results if result.outcome != Outcome.STORED or result.resume_key or result.reason]
    insert([_item(delivery, result, now) for result in lines])


_ADD_STUDY = (
    "INSERT INTO archive_deliverystudy (delivery_id, study_id, instance_count) VALUES (%s, %s, %s)"
    " ON CONFLICT (delivery_id, study_id) DO UPDATE"
    " SET instance_count = archive_deliverystudy.instance_count + excluded.instance_count"
)


def _item(delivery: Delivery, result: IngestResult, now: datetime) -> DeliveryItem:
    return DeliveryItem(
        delivery=delivery,
        name=result.name,
        size=result.size,
        outcome=result.outcome,
        code=result.code,
        reason=result.reason,
        resume_key=result.resume_key,
        study_instance_uid=result.study_instance_uid,
        series_instance_uid=result.series_instance_uid,
        sop_instance_uid=result.sop_instance_uid,
        instance_id=result.instance_id,
        received=now,
    )
