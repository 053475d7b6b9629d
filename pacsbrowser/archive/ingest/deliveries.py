"""Provenance: a delivery's row, its counters, and a line for each file that was not simply stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.models import Delivery, DeliveryItem, DeliveryStudy, Door, Outcome

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


def resume_delivery(door: Door, user: User, *, address: str = "", label: str = "") -> Delivery:
    """Return the delivery to which a single request of a program belongs: its last one, if that is still warm.

    Programs send object by object, each in a request of its own; together they are one transfer. Such a delivery never
    stands open, because nobody says when the last request has come.
    """
    since = timezone.now() - WARM
    own = Delivery.objects.filter(door=door, user=user, address=address[:64], label=label[:200], active__gt=since)
    found = own.order_by("-active").first()
    if found is None:
        found = open_delivery(door, user.get_username(), user=user, address=address, label=label)
        close_delivery(found)
    return found


def close_delivery(delivery: Delivery) -> None:
    """Mark a transfer as finished."""
    Delivery.objects.filter(pk=delivery.pk, finished=None).update(finished=timezone.now())


def record_results(
    delivery: Delivery, results: Sequence[IngestResult], new_in_study: Mapping[int, int], now: datetime
) -> None:
    """Write what became of a group: counters, lines, and the studies it added to (`new_in_study`: row key → count)."""
    outcomes = Counter(result.outcome for result in results)
    added = {outcome.value: F(outcome.value) + count for outcome, count in outcomes.items()}
    size = sum(result.size for result in results)
    Delivery.objects.filter(pk=delivery.pk).update(active=now, size=F("size") + size, **added)
    lines = [result for result in results if result.outcome != Outcome.STORED or result.resume_key or result.reason]
    DeliveryItem.objects.bulk_create(_item(delivery, result, now) for result in lines)
    _record_studies(delivery, new_in_study)


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


def _record_studies(delivery: Delivery, new_in_study: Mapping[int, int]) -> None:
    known = {row.study_id: row for row in DeliveryStudy.objects.filter(delivery=delivery, study__in=new_in_study)}
    for study_id, row in known.items():
        row.instance_count += new_in_study[study_id]
    DeliveryStudy.objects.bulk_update(known.values(), ["instance_count"])
    DeliveryStudy.objects.bulk_create(
        DeliveryStudy(delivery=delivery, study_id=study_id, instance_count=count)
        for study_id, count in new_in_study.items()
        if study_id not in known
    )
