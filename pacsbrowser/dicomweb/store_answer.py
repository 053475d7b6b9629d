"""The Store Instances Response (PS3.18 10.5.3): each object with its result, and the status that sums them up."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from pacsbrowser.archive.ingest import IngestResult
from pacsbrowser.archive.models import Outcome
from pacsbrowser.dicom.header import Header
from pacsbrowser.dicom.json_model import JsonModel, data_set, element
from pacsbrowser.dicom.native_xml import native_xml
from pacsbrowser.dicomweb.accept import DICOM_XML, Offer
from pacsbrowser.dicomweb.resource import Call

# Failure Reason (0008,1197): PS3.18 I.2.2, PS3.4 B.2.3 and PS3.7 C.
PROCESSING_FAILURE = 0x0110
DUPLICATE = 0x0111
CLASS_NOT_SUPPORTED = 0x0122
NOT_OF_ITS_CLASS = 0xA900
OTHER_STUDY = 0xA901
NOT_UNDERSTOOD = 0xC000
# Warning Reason (0008,1196).
DOES_NOT_MATCH_CLASS = 0xB007

_FAILURES = {
    "missing_uid": NOT_OF_ITS_CLASS,
    "invalid_uid": NOT_OF_ITS_CLASS,
    "no_patient_object": CLASS_NOT_SUPPORTED,
    "dicomdir": CLASS_NOT_SUPPORTED,
    "not_indexed": PROCESSING_FAILURE,
}
# Findings that say of a stored object that it is not what its class promises.
_WARNINGS = frozenset((
    "truncated", "damaged", "sequence_broken", "pixel_data_broken", "header_too_large", "no_sop_class",
    "sop_class_not_storage", "no_pixel_data", "pixel_data_length", "transfer_syntax_contradicted",
))  # fmt: skip
_LONGEST_COMMENT = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """What the sender is told of one object: `failure` or `warning` are 0 where there is none."""

    study: str = ""
    series: str = ""
    instance: str = ""
    sop_class: str = ""
    failure: int = 0
    warning: int = 0
    comment: str = ""
    is_kept: bool = False

    @classmethod
    def of(cls, result: IngestResult, told: Outcome) -> "Stored":
        """Return what is told of a result of ingest, whose outcome is `told` to this caller.

        A conflict is a failure for the sender, who would else believe that this is the object others get; it is kept
        all the same, for a person to decide.
        """
        uids = (result.study_instance_uid, result.series_instance_uid, result.sop_instance_uid, result.sop_class_uid)
        if not result.is_kept:
            return cls(*uids, failure=_FAILURES.get(result.code, NOT_UNDERSTOOD), comment=result.reason)
        if told == Outcome.CONFLICT:
            return cls(*uids, failure=DUPLICATE, comment=result.reason, is_kept=True)
        warning = DOES_NOT_MATCH_CLASS if _WARNINGS.intersection(result.findings) else 0
        return cls(*uids, warning=warning, is_kept=True)

    @classmethod
    def of_other_study(cls, header: Header) -> "Stored":
        """Return the failure of an object that does not belong to the study of the path."""
        uids = (header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
        comment = "The Study Instance UID is not that of the address."
        return cls(*uids, header.values["SOPClassUID"], failure=OTHER_STUDY, comment=comment)

    @classmethod
    def not_dicom(cls, comment: str) -> "Stored":
        """Return the failure of a part that is no object at all."""
        return cls(failure=NOT_UNDERSTOOD, comment=comment)


def store_answer(call: Call, offer: Offer, results: Sequence[Stored]) -> HttpResponse:
    """Return the response: 200 all is well, 202 some of it, 409 nothing is (PS3.18 Table 10.5.3-1)."""
    good = [one for one in results if not one.failure]
    warned = any(one.warning for one in good)
    status = 409 if not good else 202 if warned or len(good) < len(results) else 200
    body = _body(call, results)
    if offer.media_type == DICOM_XML:
        return HttpResponse(native_xml(body), status=status, content_type=DICOM_XML)
    return HttpResponse(json.dumps(body, ensure_ascii=False), status=status, content_type=offer.media_type)


def _body(call: Call, results: Sequence[Stored]) -> JsonModel:
    """Return the data set of PS3.18 Table 10.5.3.1-1; objects whose UIDs are unknown go into Other Failures."""
    good = [one for one in results if not one.failure]
    failed = [one for one in results if one.failure and one.instance]
    other = [one for one in results if one.failure and not one.instance]
    elements = []
    base = call.base
    studies = {one.study for one in good}
    if len(studies) == 1:
        elements.append(element("RetrieveURL", f"{base}/studies/{good[0].study}"))
    if failed:
        elements.append(element("FailedSOPSequence", *map(_failed, failed)))
    if good:
        elements.append(element("ReferencedSOPSequence", *_referenced(base, good)))
    if other:
        elements.append(element("OtherFailuresSequence", *map(_other, other)))
    return data_set(elements)


def _referenced(base: str, good: Iterable[Stored]) -> Iterable[JsonModel]:
    for one in good:
        url = f"{base}/studies/{one.study}/series/{one.series}/instances/{one.instance}"
        elements = [*_reference(one), element("RetrieveURL", url)]
        if one.warning:
            elements.append(element("WarningReason", one.warning))
        yield data_set(elements)


def _reference(one: Stored) -> list[tuple[str, dict[str, Any]]]:
    classes = [one.sop_class] if one.sop_class else []
    return [element("ReferencedSOPClassUID", *classes), element("ReferencedSOPInstanceUID", one.instance)]


def _failed(one: Stored) -> JsonModel:
    return data_set([*_reference(one), *_reason(one)])


def _other(one: Stored) -> JsonModel:
    return data_set(_reason(one))


def _reason(one: Stored) -> list[tuple[str, dict[str, Any]]]:
    """Return the code, and the sentence for people as far as Error Comment (0000,0902) has room for it."""
    comment = one.comment
    if len(comment) > _LONGEST_COMMENT:
        comment = comment[: _LONGEST_COMMENT - 1] + "…"
    said = element("FailedAttributesSequence", data_set([element("ErrorComment", comment)]))
    return [element("FailureReason", one.failure), said]
