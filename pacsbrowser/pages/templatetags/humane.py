"""Amounts of work and spans of time as people say them."""

import itertools
from datetime import datetime

from django import template
from django.utils import timezone

register = template.Library()

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@register.simple_tag
def amount(number: int, unit: str = "") -> str:
    """Return "1,204 files" or, of bytes, "1.2 GB"."""
    if unit != "bytes":
        return f"{number:,} {unit}".strip()
    size = float(number)
    for name in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {name}" if size >= 10 or name == "bytes" else f"{size:.1f} {name}"
        size /= 1000
    return f"{size:.1f} TB"


@register.simple_tag
def speed(rate: float, unit: str = "") -> str:
    """Return how much is done in a second, or, where that is less than one, in a minute: "38/s", "4.1 MB/s"."""
    if unit == "bytes":
        return f"{amount(int(rate), unit)}/s"
    if rate < 1:
        return f"{rate * 60:.0f}/min" if rate * 60 >= 1 else "less than 1/min"
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"


@register.filter
def time_span(seconds: float) -> str:
    """Return a number of seconds as "6 s", "1 min 52 s", "2 h 5 min" or "3 d 4 h"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole else "less than 1 s"
    large, small = next(pair for pair in itertools.pairwise(_SPANS) if whole >= pair[0][0])
    first, rest = divmod(whole, large[0])
    more = f" {rest // small[0]} {small[1]}" if rest // small[0] else ""
    return f"{first} {large[1]}{more}"


@register.filter
def soon(moment: datetime) -> str:
    """Return when something happens that is to come: "now", "in 30 s"."""
    seconds = (moment - timezone.now()).total_seconds()
    return f"in {time_span(seconds)}" if seconds >= 1 else "now"
