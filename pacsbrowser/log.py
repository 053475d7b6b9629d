"""Log lines that hold no patient data: no query strings, and no exception text that may quote a value."""

import logging
import re
from copy import copy
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

# What these say is about the machine or the configuration, never about a patient.
_SAYABLE = (OSError, OperationalError, ImproperlyConfigured, ImportError, NameError, AttributeError)
_QUERY = re.compile(r"\?\S*")
_SETUP_TOKEN = re.compile(r"/setup/[^/\s]+")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """One line of time, level, request number and message; a traceback shows where, not with which values."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(number)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Add the request number, if there is a request, and take query strings and one-time tokens out."""
        number = getattr(getattr(record, "request", None), "number", "")
        record.number = f" [{number}]" if number else ""
        if getattr(record, "status_code", 500) < 500:
            # refused or not found, as the code meant it: where that was does not matter
            record = copy(record)
            record.exc_info = record.exc_text = None
        text = super().format(record)
        return _SETUP_TOKEN.sub("/setup/…", _QUERY.sub("?…", text) if number else text)

    def formatException(self, ei: ExcInfo) -> str:
        """The frames of a traceback and the kind of the exception; its text only where it is about the machine."""
        kind, error, trace = ei
        frames = []
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"  {code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
            trace = trace.tb_next
        name = kind.__name__ if kind else "error"
        said = f": {error}" if isinstance(error, _SAYABLE) else ""
        return "\n".join([*frames, f"{name}{said}"])
