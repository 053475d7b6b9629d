"""Query parameters (PS3.18 8.3): percent-decoded, in their order; names of parameters are compared without case."""

from urllib.parse import parse_qsl

from django.http import HttpRequest

from pacsbrowser.dicomweb.problems import Problem

MOST = 500


def parameters_of(request: HttpRequest) -> list[tuple[str, str]]:
    """Return all names and values. Names without a capital inside are lower case: Limit is limit.

    Raises:
        Problem: 400, there are too many.
    """
    query = request.META.get("QUERY_STRING", "")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=MOST)
    except ValueError:
        raise Problem(400, f"The query has more than {MOST} parameters.") from None
    return [(name.lower() if name.lower() in NAMES else name, value) for name, value in pairs]


# The parameters that are not attributes of DICOM.
NAMES = frozenset((
    "accept", "charset", "includefield", "fuzzymatching", "emptyvalue", "multiplevalue", "limit", "offset", "orderby",
    "annotation", "quality", "viewport", "window", "iccprofile",
))  # fmt: skip
