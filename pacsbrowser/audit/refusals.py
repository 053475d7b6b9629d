"""Refused callers, who may come as often as the network lets them: they fill neither the log nor the disk.

Of an address, a door and a reason the first refusal in a minute is an event at once. Those that follow are counted, and
when the minute is over the worker adds one event that says how many they were.
"""

import ipaddress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from pacsbrowser.audit.models import Action, Refusal, Result
from pacsbrowser.audit.record import record

# Of more addresses in one minute, the rest is counted together.
MOST_ADDRESSES = 100
SEVERAL = "several"


def record_refusal(action: Action, *, door: str, address: str, reason: str, who: str = "", object: str = "") -> bool:
    """Record or count a refusal; true for one that made an event of its own."""
    minute = timezone.now().replace(second=0, microsecond=0)
    with transaction.atomic():
        key: dict[str, Any] = {"minute": minute, "action": action, "door": door, "reason": reason[:100]}
        key["address"] = _counted_as(minute, address)
        row, is_first = Refusal.objects.get_or_create(**key)
        if not is_first:
            Refusal.objects.filter(pk=row.pk).update(more=F("more") + 1)
            return False
        record(
            action,
            door=door,
            address=address,
            who=who,
            object=object,
            outcome=Result.REFUSED,
            detail={"reason": reason},
        )
    return True


def add_up() -> None:
    """Make an event of what was counted in minutes that are over."""
    now = timezone.now().replace(second=0, microsecond=0)
    for row in Refusal.objects.filter(minute__lt=now):
        with transaction.atomic():
            # read again: of several workers one does it
            held = Refusal.objects.filter(pk=row.pk).select_for_update().first()
            if held is None:
                continue
            held.delete()
            if held.more:
                detail = {"reason": held.reason, "more": held.more, "minute": f"{held.minute:%Y-%m-%d %H:%M}"}
                record(held.action, door=held.door, address=held.address, outcome=Result.REFUSED, detail=detail)


def _counted_as(minute: datetime, address: str) -> str:
    """Return what an address is counted by, or the word for those that are too many in a minute."""
    counted = _network(address)
    known = Refusal.objects.filter(minute=minute).values("address").distinct()
    if known.filter(address=counted).exists() or known.count() < MOST_ADDRESSES:
        return counted
    return SEVERAL


def _network(address: str) -> str:
    """Return the network of an IPv6 address, for one machine may have all addresses of it; of IPv4 the address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    # a port for both families shows IPv4 callers in this form (RFC 4291 2.5.5.2): they share its network
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, 64), strict=False))
