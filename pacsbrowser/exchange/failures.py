"""What can go wrong between two nodes, in words for the person who asked."""


class ExchangeError(Exception):
    """Something between this archive and another node failed; the text says what, without patient data."""


class Unreachable(ExchangeError):
    """No connection: the name, the address, the port, or TLS."""


class Rejected(ExchangeError):
    """The other side refused the association (PS3.8 9.3.4), or everything that was proposed in it."""


class NothingAccepted(Rejected):
    """The other side takes the association, and none of the services and forms that were proposed in it."""


class NotTaken(Rejected):
    """The other side refuses a request, perhaps for what it carries; `status` says how (RFC 9110 15.5, 15.6)."""

    def __init__(self, reason: str, status: int) -> None:
        self.status = status
        super().__init__(reason)


class Lost(ExchangeError):
    """An association that was open has ended before its time: aborted, cut, silent, or against the protocol."""


class ReadingFailed(Lost):
    """An object of this archive could not be read to its end while it was sent, so this side ended the association."""
