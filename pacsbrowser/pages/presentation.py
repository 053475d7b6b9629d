"""What one kind of object is shown as: a template, its context, its style sheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Presentation:
    """A template of `templates/presentations/`; its context, as `shown`; its style sheet and script in `static/`.

    `left_out` says what of the object was not read and why, '' where all was.
    """

    template: str
    shown: Mapping[str, Any]
    style: str = ""
    script: str = ""
    left_out: str = ""

    @property
    def template_name(self) -> str:
        """The template as Django finds it."""
        return f"presentations/{self.template}"
