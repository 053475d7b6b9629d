"""Transfer syntaxes as the web knows them (PS3.18 8.7.3): which are sent, which decoded, their media types."""

from pacsbrowser.dicom.part10 import BIG_ENDIAN_UID, DEFLATED_UIDS, EXPLICIT_UID, IMPLICIT_UID, UNCOMPRESSED_UIDS

# Shall not be used on the web (PS3.18 8.7.3.2), nor is what has no name.
NOT_FOR_WEB = frozenset((IMPLICIT_UID, BIG_ENDIAN_UID, "1.2.840.113619.5.2", ""))
NATIVE = UNCOMPRESSED_UIDS | DEFLATED_UIDS | {""}

_JPEG = "1.2.840.10008.1.2.4."
RLE_UID = "1.2.840.10008.1.2.5"
# Media types of compressed frames (PS3.18 Table 8.7.3-5).
FRAME_MEDIA_TYPES = {
    **dict.fromkeys((f"{_JPEG}{number}" for number in (50, 51, 57, 70)), "image/jpeg"),
    **dict.fromkeys((f"{_JPEG}{number}" for number in (80, 81)), "image/jls"),
    **dict.fromkeys((f"{_JPEG}{number}" for number in (90, 91)), "image/jp2"),
    **dict.fromkeys((f"{_JPEG}{number}" for number in (92, 93)), "image/jpx"),
    **dict.fromkeys((f"{_JPEG}{number}" for number in (201, 202, 203)), "image/jphc"),
    **dict.fromkeys((f"{_JPEG}{number}" for number in (110, 111, 112)), "image/jxl"),
    RLE_UID: "image/dicom-rle",
}
VIDEO = frozenset(
    [f"{_JPEG}{number}" for number in (100, 101, 102, 103, 104, 105, 106, 107, 108)]
    + [f"{_JPEG}{number}.1" for number in (100, 101, 102, 103, 104, 105, 106)]
)
# Retired in 2005: spectral selection and full progression.
PROGRESSIVE = frozenset(f"{_JPEG}{number}" for number in (53, 55))
DECODABLE = (
    frozenset(f"{_JPEG}{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203))
    | PROGRESSIVE
    | {RLE_UID}
)

STORED, EXPLICIT = "stored", "explicit"


def choose_form(stored: str, wanted: tuple[str, ...]) -> str:
    """Return in which form an object of a stored transfer syntax meets one of those wanted, the first one first.

    Args:
        wanted: UIDs, "*" for any, "" for the default of the web, Explicit VR Little Endian.

    Returns:
        STORED, EXPLICIT, or "" where none can be met.
    """
    for one in wanted:
        if one == "*":
            return EXPLICIT if stored in NOT_FOR_WEB else STORED
        if one == stored and stored not in NOT_FOR_WEB:
            return STORED
        if one in ("", EXPLICIT_UID) and (stored in NATIVE or stored in DECODABLE):
            return EXPLICIT
    return ""
