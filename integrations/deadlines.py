"""An end to connections that drip: the time-out of a socket only counts silence."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Timer


def cut_after(connection: socket.socket, seconds: float) -> Timer:
    """Cut a connection, TLS or not, in so many seconds unless the timer is cancelled first."""
    timer = Timer(seconds, _cut, (connection,))
    timer.daemon = True
    timer.start()
    return timer


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # It may have ended meanwhile.
        # Past the TLS layer, which would take what still lies there for plain text.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
