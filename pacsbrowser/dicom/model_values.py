"""Values of a DICOM JSON model as plain numbers and bytes, whatever the object holds in their place."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from pacsbrowser.dicom.json_model import JsonModel


def values(model: JsonModel, key: str) -> list[Any]:
    """Return the values of an attribute, none where it is absent."""
    found = model.get(key, {}).get("Value", [])
    return found if isinstance(found, list) else []


def first_number(model: JsonModel, key: str) -> float | None:
    """Return the first value if it is a number."""
    found = values(model, key)
    return found[0] if found and isinstance(found[0], int | float) else None


def first_text(model: JsonModel, key: str) -> str:
    """Return the first value if it is text, '' otherwise; a person's name by its first group."""
    found = values(model, key)
    if found and isinstance(found[0], dict):
        return str(next(iter(found[0].values()), ""))
    return found[0] if found and isinstance(found[0], str) else ""


def items(model: JsonModel, key: str) -> list[JsonModel]:
    """Return the items of a sequence."""
    return [item for item in values(model, key) if isinstance(item, dict)]


def read_binary(entry: dict[str, Any], read_bulk: Callable[[str], bytes]) -> bytes:
    """Return the bytes of a binary value, inline or by its path."""
    if "InlineBinary" in entry:
        try:
            return base64.b64decode(entry["InlineBinary"])
        except (binascii.Error, ValueError):
            return b""
    return read_bulk(entry["BulkDataURI"]) if "BulkDataURI" in entry else b""
