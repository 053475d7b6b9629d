"""Person names (PS3.5 6.2.1): up to three groups of five components, shown, sorted and searched."""

from dataclasses import dataclass

from pacsbrowser.dicom.matching import fold, fold_variants


@dataclass(frozen=True, slots=True)
class NameGroup:
    """One representation of a name: alphabetic, ideographic or phonetic."""

    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> "NameGroup":
        """Split one group at its carets; what stands beyond the fifth component goes into the last."""
        parts = [part.strip() for part in text.split("^")]
        family, given, middle, prefix, *rest = [*parts, "", "", "", ""]
        return cls(family, given, middle, prefix, " ".join(part for part in rest if part))

    def text(self, upper: bool) -> str:
        """Return "FAMILY, Given Middle"."""
        family = self.family.upper() if upper else self.family
        given = " ".join(part for part in (self.given, self.middle) if part)
        return ", ".join(part for part in (family, given) if part)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A PN value: its raw text and its groups, of which at most the first three count."""

    raw: str
    groups: tuple[NameGroup, ...]

    @classmethod
    def parse(cls, raw: str) -> "PersonName":
        """Parse one PN value; of several values (\\) the first, as no name attribute of a patient has more."""
        first = raw.partition("\\")[0].strip(" \0")
        return cls(raw, tuple(NameGroup.parse(group) for group in first.split("=")[:3]))

    def _shown(self) -> list[tuple[int, str]]:
        texts = [(place, group.text(upper=place == 0)) for place, group in enumerate(self.groups)]
        return [(place, text) for place, text in texts if text]

    @property
    def display(self) -> str:
        """The name as shown: the alphabetic group, else the ideographic, else the phonetic; '' without a name."""
        shown = self._shown()
        return shown[0][1] if shown else ""

    @property
    def others(self) -> tuple[str, ...]:
        """The other groups as shown beneath."""
        return tuple(text for _, text in self._shown()[1:])

    @property
    def suffixes(self) -> str:
        """Prefix and suffix of the shown group: "Dr., PhD"."""
        shown = self._shown()
        group = self.groups[shown[0][0]] if shown else NameGroup()
        return ", ".join(part for part in (group.prefix, group.suffix) if part)

    @property
    def sort_key(self) -> str:
        """The shown name folded, family first."""
        shown = self._shown()
        group = self.groups[shown[0][0]] if shown else NameGroup()
        parts = (group.family, group.given, group.middle, group.prefix, group.suffix)
        return " ".join(folded for folded in (fold(part) for part in parts) if folded)

    def words(self) -> tuple[str, ...]:
        """All folded words of all groups and all values, with both spellings of German umlauts."""
        return fold_variants(self.raw.replace("\\", " "))
