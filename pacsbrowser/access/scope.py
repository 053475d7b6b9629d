"""What a viewer may see, as a small neutral value made for a user (later also for a token or a node)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser

if TYPE_CHECKING:
    from pacsbrowser.access.models import User


@dataclass(frozen=True, slots=True)
class Scope:
    """All studies, or those of some institutions (Institution Name (0008,0080)); by default none."""

    everything: bool = False
    institutions: frozenset[str] = frozenset()


NOTHING = Scope()
EVERYTHING = Scope(everything=True)


def scope_of(user: "User | AnonymousUser") -> Scope:
    """The scope of a user; whoever is not logged in or not active sees nothing."""
    if not user.is_authenticated or not user.is_active:
        return NOTHING
    institutions = frozenset(line.strip() for line in user.institutions.splitlines() if line.strip())
    return Scope(institutions=institutions) if institutions else EVERYTHING
