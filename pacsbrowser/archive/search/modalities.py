"""Which modalities there are: what the filter offers."""

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search.sql import Sql, rows

MOST = 100
# What a limited scope is offered: the archive's own list would say what lies outside it.
COMMON = ("CT", "MR", "US", "CR", "DX", "MG", "XA", "RF", "NM", "PT", "ECG", "SEG", "SR", "KO", "PR", "OT")

_DISTINCT = f"""WITH RECURSIVE known(modality) AS (
        SELECT min(modality) FROM archive_studymodality
        UNION ALL
        SELECT (SELECT min(m.modality) FROM archive_studymodality m WHERE m.modality > known.modality)
        FROM known WHERE known.modality IS NOT NULL LIMIT {MOST}
    ) SELECT modality FROM known WHERE modality IS NOT NULL"""

# More combinations than this are not enumerated: the studies are asked instead.
MOST_COMBINATIONS = 800
_COMBINATIONS = f"""WITH RECURSIVE known(joined) AS (
        SELECT min(modalities) FROM archive_patient
        UNION ALL
        SELECT (SELECT min(p.modalities) FROM archive_patient p WHERE p.modalities > known.joined)
        FROM known WHERE known.joined IS NOT NULL LIMIT {MOST_COMBINATIONS}
    ) SELECT joined FROM known WHERE joined IS NOT NULL"""


def find_combinations(modalities: tuple[str, ...]) -> list[str]:
    """Return the patients' combinations of modalities that hold one of `modalities`; none when there are too many."""
    known = [row[0] for row in rows(Sql(_COMBINATIONS))]
    if len(known) >= MOST_COMBINATIONS - 1:
        return []
    wanted = set(modalities)
    return [joined for joined in known if wanted & set(joined.split("\\"))]


def find_modalities(scope: Scope) -> list[str]:
    """Return the modalities in the archive, in alphabetical order; jumps from one to the next along the index."""
    return [row[0] for row in rows(Sql(_DISTINCT))] if scope.everything else list(COMMON)
