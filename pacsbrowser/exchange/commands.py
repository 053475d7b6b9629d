"""Command sets of DIMSE messages (PS3.7 6.3.1, Annex E): always Implicit VR Little Endian, always of group 0000."""

from collections.abc import Mapping
from struct import Struct, error

AFFECTED_CLASS, REQUESTED_CLASS = 0x0002, 0x0003
FIELD, MESSAGE_ID, RESPONDED_ID = 0x0100, 0x0110, 0x0120
DESTINATION, PRIORITY, DATA_SET_TYPE = 0x0600, 0x0700, 0x0800
STATUS, COMMENT = 0x0900, 0x0902
AFFECTED_INSTANCE, REQUESTED_INSTANCE = 0x1000, 0x1001
EVENT_TYPE, ACTION_TYPE = 0x1002, 0x1008
REMAINING, COMPLETED, FAILED, WARNING = 0x1020, 0x1021, 0x1022, 0x1023
ORIGINATOR, ORIGINATOR_ID = 0x1030, 0x1031

# Command Field (0000,0100): PS3.7 E.1-1. A response has the highest bit as well.
C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030
N_EVENT_REPORT, N_ACTION, C_CANCEL = 0x0100, 0x0130, 0x0FFF
RESPONSE = 0x8000
NO_DATA_SET = 0x0101

_UIDS = frozenset((AFFECTED_CLASS, REQUESTED_CLASS, AFFECTED_INSTANCE, REQUESTED_INSTANCE))
_HEAD = Struct("<HHI")
_SHORT = Struct("<H")
_LONG = Struct("<I")
_WITHOUT_DATA = _SHORT.pack(NO_DATA_SET)
_LONGEST_COMMENT = 64


class BadCommand(ValueError):
    """The bytes are no command set."""


class Command:
    """The elements of a command set by their number, as bytes."""

    __slots__ = ("values",)

    def __init__(self, values: dict[int, bytes]) -> None:
        self.values = values

    @classmethod
    def of(cls, values: Mapping[int, int | str]) -> "Command":
        """Make one of numbers (US) and texts (UI, AE, LO)."""
        return cls({element: _encoded(element, value) for element, value in values.items()})

    @classmethod
    def parse(cls, data: bytes) -> "Command":
        """Read one; raises BadCommand."""
        values: dict[int, bytes] = {}
        position = 0
        try:
            while position < len(data):
                group, element, length = _HEAD.unpack_from(data, position)
                position += _HEAD.size
                if group or position + length > len(data):
                    raise BadCommand("The command set holds what is no command, or is cut short.")
                values[element] = data[position : position + length]
                position += length
        except error:
            raise BadCommand("The command set is cut short.") from None
        return cls(values)

    def encode(self) -> bytes:
        """Return its bytes, with the group length."""
        parts = [_HEAD.pack(0, element, len(value)) + value for element, value in sorted(self.values.items())]
        body = b"".join(parts)
        return _HEAD.pack(0, 0, 4) + _LONG.pack(len(body)) + body

    def number(self, element: int, default: int = 0) -> int:
        """Return a value of two bytes."""
        raw = self.values.get(element, b"")
        return int(_SHORT.unpack_from(raw)[0]) if len(raw) >= _SHORT.size else default

    def text(self, element: int) -> str:
        """Return a text without its padding; what is not ASCII is replaced."""
        return self.values.get(element, b"").decode("ascii", "replace").strip(" \0")

    @property
    def field(self) -> int:
        """What is asked for, or answered."""
        return self.number(FIELD)

    @property
    def message_id(self) -> int:
        """The number that the answer has to name."""
        return self.number(MESSAGE_ID)

    @property
    def status(self) -> int:
        """What an answer says; one without a status is a failure."""
        return self.number(STATUS, 0x0110)

    @property
    def has_data(self) -> bool:
        """Whether a data set follows."""
        return self.number(DATA_SET_TYPE, NO_DATA_SET) != NO_DATA_SET

    def answer(self, status: int, comment: str = "", more: Mapping[int, int | str] | None = None) -> "Command":
        """Return the response to this request, as yet without a data set."""
        response = Command({
            FIELD: _SHORT.pack(self.field | RESPONSE),
            RESPONDED_ID: _SHORT.pack(self.message_id),
            DATA_SET_TYPE: _WITHOUT_DATA,
            STATUS: _SHORT.pack(status),
        })  # fmt: skip
        for number, value in (more or {}).items():
            response.values[number] = _encoded(number, value)
        if comment:
            response.values[COMMENT] = _encoded(COMMENT, comment[:_LONGEST_COMMENT])
        for asked, element in (
            (AFFECTED_CLASS, AFFECTED_CLASS), (REQUESTED_CLASS, AFFECTED_CLASS),
            (AFFECTED_INSTANCE, AFFECTED_INSTANCE), (REQUESTED_INSTANCE, AFFECTED_INSTANCE),
        ):  # fmt: skip
            if asked in self.values:
                response.values[element] = self.values[asked]
        return response


def _encoded(element: int, value: int | str) -> bytes:
    if isinstance(value, int):
        return _SHORT.pack(value)
    raw = value.encode("ascii", "replace")
    return raw + (b"\0" if element in _UIDS else b" ") if len(raw) & 1 else raw
