"""The listening port: a thread for each connection, a limit to their number, and an end in good order."""

import logging
import os
import select
import socket
import ssl
import threading
import time

from django.conf import settings

from pacsbrowser.dimse.service import REQUEST_WITHIN, Connection
from pacsbrowser.dimse.stored import settle
from pacsbrowser.exchange.wire import Wire

logger = logging.getLogger(__name__)

# Beyond the limit so many more are heard, to be told that there are too many; the rest is closed without a word.
_HEARD = 32
# Where there is no more room, a stranger who has been silent for so many seconds makes some.
_SILENT = 10.0
_STOP_WITHIN = 6.0
# Those that were cut off then have so long to record what they have stored.
_CUT_WITHIN = 2.0


class Server:
    """Takes calls until it is stopped.

    Args:
        listener: a socket that listens; it is closed at the end.
        share: how many processes take calls from it. Each takes its share of the associations that are allowed.
    """

    def __init__(self, listener: socket.socket, share: int = 1) -> None:
        self._listener = listener
        # of several processes that wake up for a call one is first, and the others must not wait for the next
        self._listener.setblocking(False)
        self._share = share
        self._woken, self._waker = os.pipe()
        self._tls = _tls()
        self._open: dict[threading.Thread, Connection | None] = {}
        self._lock = threading.Lock()
        self._stops = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def run(self) -> None:
        """Take calls until `stop` is called from elsewhere."""
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        waiting.register(self._woken, select.POLLIN)
        while not self._stops.is_set():
            try:
                waiting.poll()
                connection, address = self._listener.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                if self._stops.is_set():
                    break
                # out of file descriptors, or the caller was gone again
                logger.warning("a call could not be taken: %s", error.strerror)
                self._stops.wait(0.05)
                continue
            connection.setblocking(True)
            self._take(connection, str(address[0]))
        self._end()

    def stop(self) -> None:
        """Stop taking calls; what is being stored is stored to its end. May be called in a signal handler."""
        if self._stops.is_set():
            return
        # the socket may be shared: to shut it down would stop the other processes as well. Once `run` knows, the pipe
        # may be closed, and its number another file's
        os.write(self._waker, b"\0")
        self._stops.set()

    def _take(self, connection: socket.socket, address: str) -> None:
        with self._lock:
            count = len(self._open)
            most = -(-settings.DIMSE_MOST_ASSOCIATIONS // self._share)
            if count >= most + _HEARD:
                connection.close()
                return
            has_room = count < most or self._make_room()
            thread = threading.Thread(target=self._serve, args=(connection, address, has_room), daemon=True)
            self._open[thread] = None
        thread.start()

    def _make_room(self) -> bool:
        """End the connection of the stranger who has been silent longest; False where none has been for long."""
        found = max(filter(None, self._open.values()), key=lambda served: served.quiet, default=None)
        if found is None or found.quiet < _SILENT:
            return False
        logger.warning("there are too many associations: one that is silent is ended")
        found.stop()
        return True

    def _serve(self, connection: socket.socket, address: str, has_room: bool) -> None:
        thread = threading.current_thread()
        try:
            connection = self._secured(connection)
            served = Connection(Wire(connection), address.partition("%")[0], has_room)
            with self._lock:
                self._open[thread] = served
            if not self._stops.is_set():
                served.serve()
        except OSError as error:
            logger.info("a connection from %s failed: %s", address, getattr(error, "reason", "") or error.strerror)
        finally:
            connection.close()
            with self._lock:
                del self._open[thread]

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        connection.settimeout(REQUEST_WITHIN)
        return self._tls.wrap_socket(connection, server_side=True)

    def _end(self) -> None:
        self._listener.close()
        os.close(self._woken)
        os.close(self._waker)
        deadline = time.monotonic() + _STOP_WITHIN
        with self._lock:
            still = dict(self._open)
        for served in filter(None, still.values()):
            served.stop()
        for thread in still:
            thread.join(max(0.0, deadline - time.monotonic()))
        for served in filter(None, still.values()):
            served.cut()
        # what they have stored is recorded, or owed, when they end
        deadline = time.monotonic() + _CUT_WITHIN
        for thread in still:
            thread.join(max(0.0, deadline - time.monotonic()))
        settle(None, is_over=True, most=None)


def _tls() -> ssl.SSLContext | None:
    """Return how the port speaks TLS, None where it does not."""
    if not settings.DIMSE_TLS_CERT:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.DIMSE_TLS_CERT, settings.DIMSE_TLS_KEY or None)
    if settings.DIMSE_TLS_CA:
        context.load_verify_locations(settings.DIMSE_TLS_CA)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
