"""The Native DICOM Model in XML (PS3.19 A.1), made from the DICOM JSON Model, which says the same."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pacsbrowser.dicom.json_model import JsonModel, keyword_of

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# What XML 1.0 (2.2) does not allow in a document, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def native_xml(values: JsonModel) -> bytes:
    """Return the document of one data set, in UTF-8."""
    pieces = [f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{_NAMESPACE}" xml:space="preserve">']
    pieces += _attributes(values)
    pieces.append("</NativeDicomModel>")
    return "".join(pieces).encode()


def _attributes(values: JsonModel) -> Iterator[str]:
    for tag, element in values.items():
        yield f"<DicomAttribute{_names(tag, values)} vr={_quoted(element.get('vr', 'UN'))}>"
        yield from _content(element)
        yield "</DicomAttribute>"


def _names(tag: str, values: JsonModel) -> str:
    """Return the attributes that name an element; a private one goes by its creator and its number in the block."""
    number = int(tag, 16)
    group, place = number >> 16, number & 0xFFFF
    if group & 1 and place > 0xFF:
        creator = values.get(f"{group:04X}00{place >> 8:02X}", {}).get("Value") or [""]
        return f' tag="{group:04X}00{place & 0xFF:02X}" privateCreator={_quoted(creator[0])}'
    keyword = keyword_of(number)
    return f' tag="{tag}"' + (f' keyword="{keyword}"' if keyword else "")


def _content(element: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in element:
        yield f"<BulkData uri={_quoted(element['BulkDataURI'])}/>"
    elif "InlineBinary" in element:
        yield f"<InlineBinary>{_text(element['InlineBinary'])}</InlineBinary>"
    else:
        for place, value in enumerate(element.get("Value") or (), 1):
            yield from _value(element.get("vr", ""), place, value)


def _value(vr: str, place: int, value: Any) -> Iterator[str]:
    if vr == "SQ":
        yield f'<Item number="{place}">'
        yield from _attributes(value or {})
        yield "</Item>"
    elif vr == "PN":
        yield f'<PersonName number="{place}">'
        for group, text in (value or {}).items():
            yield f"<{group}>{_components(text)}</{group}>"
        yield "</PersonName>"
    elif value is not None:
        yield f'<Value number="{place}">{_text(value)}</Value>'


def _components(group: str) -> str:
    parts = [*group.split("^", 4), "", "", "", "", ""]
    named = zip(_COMPONENTS, parts, strict=False)
    return "".join(f"<{name}>{_text(part)}</{name}>" for name, part in named if part)


def _text(value: Any) -> str:
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value)))


def _quoted(value: Any) -> str:
    return quoteattr(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value)))
