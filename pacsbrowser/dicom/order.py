"""The order of the instances of a series, by the first rule that its instances allow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

INSTANCE_NUMBER = "instance_number"
SLICE = "slice"
TIME = "time"
UID = "uid"


@dataclass(frozen=True, slots=True)
class OrderKey:
    """What the order of one instance is decided by; `acquired` is YYYYMMDDHHMMSS… or ''."""

    instance_number: int | None
    slice_position: float | None
    acquired: str
    sop_instance_uid: str


def order_instances(keys: Sequence[OrderKey]) -> tuple[list[int], str]:
    """Return the place (from 0) of each instance, and the rule: instance_number, slice, time or uid.

    Instance Number counts if every instance has its own; a position along the slice normal or a time if every
    instance has one and they differ at all. What a rule leaves equal, time, number and UID decide.
    """
    rule, value = _choose(keys)
    ranked = sorted(range(len(keys)), key=lambda place: (value(keys[place]), *_tie_break(keys[place])))
    places = [0] * len(keys)
    for rank, place in enumerate(ranked):
        places[place] = rank
    return places, rule


def _choose(keys: Sequence[OrderKey]) -> tuple[str, Callable[[OrderKey], Any]]:
    numbers = {key.instance_number for key in keys}
    if None not in numbers and len(numbers) == len(keys):
        return INSTANCE_NUMBER, lambda key: key.instance_number
    slices = {key.slice_position for key in keys}
    if _tells_apart(slices, None, keys):
        return SLICE, lambda key: key.slice_position
    times: set[object] = {key.acquired for key in keys}
    if _tells_apart(times, "", keys):
        return TIME, lambda key: key.acquired
    return UID, lambda key: 0


def _tells_apart(found: "set[Any]", missing: object, keys: Sequence[OrderKey]) -> bool:
    return missing not in found and (len(found) > 1 or len(keys) == 1)


def _tie_break(key: OrderKey) -> tuple[Any, ...]:
    number = key.instance_number
    return key.acquired, number is None, number or 0, natural_uid(key.sop_instance_uid), key.sop_instance_uid


def natural_uid(uid: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts UIDs by their numbers, so that ….9 comes before ….10."""
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in uid[:128].split(".")
    )
