"""What a list is limited to besides the words of the box; the study filters hold for one and the same study."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Filters:
    """Each is off when empty.

    Attributes:
        modalities: the study has one of these.
        first: Study Date from, as YYYYMMDD.
        last: Study Date to, as YYYYMMDD.
        undated: studies without a whole date pass the date filter as well.
        sex: Patient's Sex (0010,0040); "none" for patients without.
        description: each word is somewhere in Study Description (0008,1030).
        accession: Accession Number (0008,0050), whole or in part.
        unidentified: patients without a Patient ID (0010,0020).
    """

    modalities: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    undated: bool = False
    sex: str = ""
    description: str = ""
    accession: str = ""
    unidentified: bool = False

    @property
    def has_date(self) -> bool:
        """Whether the study date is limited."""
        return bool(self.first or self.last)

    def __bool__(self) -> bool:
        """Say whether anything is filtered; `undated` alone does nothing."""
        return any(getattr(self, part.name) for part in fields(self) if part.name != "undated")
