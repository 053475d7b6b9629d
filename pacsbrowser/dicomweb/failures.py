"""Why pixels cannot be sent, as a status of HTTP."""

from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicomweb.problems import Problem

_STATUSES = {
    "no_such_frame": 404, "missing": 410, "busy": 503, "too_many_pixels": 413, "too_large": 413,
}  # fmt: skip


def pixel_problem(error: DecodingError | DicomError | OSError, *offers: str) -> Problem:
    """Return the problem: 404 no such frame, 410 the file is gone, 413 too large, 503 busy, else 406 with offers."""
    if isinstance(error, FileNotFoundError):
        return Problem(410, "The file of this object is not in the store.")
    if isinstance(error, OSError):
        return Problem(503, "The store cannot be read at the moment.")
    status = _STATUSES.get(error.code, 406)
    told = f" On offer: {', '.join(offers)}." if offers and status == 406 else ""
    extra = {"offers": list(offers)} if told else {}
    headers = {"Retry-After": "2"} if status == 503 else {}
    return Problem(status, f"{error}".rstrip(".") + f".{told}", headers=headers, **extra)
