"""Leafing through the slices of an object that is drawn slice by slice: `?slice=` counts from 1."""

from dataclasses import dataclass

from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class Leaf:
    """Which slice is shown (from 1) of how many, and the numbers of the ones before and after it, 0 for none."""

    number: int
    count: int

    @property
    def previous(self) -> int:
        """The slice before."""
        return self.number - 1

    @property
    def following(self) -> int:
        """The slice after."""
        return self.number + 1 if self.number < self.count else 0


def leaf_of(query: QueryDict, count: int, usual: int) -> Leaf:
    """Return the slice that a query asks for, else the usual one (from 0)."""
    number = slice_of(query)
    return Leaf(number if 1 <= number <= count else usual + 1, count)


def slice_of(query: QueryDict) -> int:
    """Return the slice that a query asks for, 0 where it asks for none."""
    text = query.get("slice", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
