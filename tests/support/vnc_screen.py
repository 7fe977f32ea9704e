"""Reads the screen of a window in another process through Qt's VNC platform (`QT_QPA_PLATFORM=vnc:port=N`)."""

import socket
import struct
import time

from tests.support.waiting import MAX_WAIT_SECONDS

VNC_WAIT_SECONDS = MAX_WAIT_SECONDS


def wait_for_colours(port: int, *, max_wait_seconds: float = VNC_WAIT_SECONDS) -> int:
    """Wait until the screen shows more than one colour, and return the number of its colours. Return 0 or 1 if that
    doesn't happen within `max_wait_seconds` seconds. An empty screen has one colour, a painted window has many.
    """
    deadline = time.monotonic() + max_wait_seconds
    colour_count = 0
    with _wait_for_connection(port, deadline) as stream:
        width, height = _make_handshake(stream)
        while colour_count < 2 and time.monotonic() < deadline:
            colour_count = len(_read_screen_colours(stream, width, height))
    return colour_count


def _wait_for_connection(port: int, deadline: float) -> socket.socket:
    """Wait until the other process accepts connections, and return a connection. Raises ConnectionRefusedError after
    `deadline` (monotonic seconds).
    """
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=VNC_WAIT_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # house: nothing tells when another process begins to listen


def _make_handshake(stream: socket.socket) -> tuple[int, int]:
    """Make the handshake of RFB 3.3 without a password, and return the width and height of the screen in pixels. The
    function sends the server's own pixel format back to it, because Qt 6.11 crashes if a viewer doesn't name one.
    """
    _read_bytes(stream, 12)
    stream.sendall(b"RFB 003.003\n")
    (security,) = struct.unpack(">I", _read_bytes(stream, 4))
    if security != 1:
        raise ConnectionError(f"the VNC server asks for security type {security}")
    stream.sendall(b"\x01")
    width, height, pixel_format, name = struct.unpack(">HH16sI", _read_bytes(stream, 24))
    _read_bytes(stream, name)
    stream.sendall(b"\0\0\0\0" + pixel_format + struct.pack(">BxHi", 2, 1, 0))
    return width, height


def _read_screen_colours(stream: socket.socket, width: int, height: int) -> set[bytes]:
    """Return the colours of the whole screen, each as the four bytes of a pixel in raw encoding."""
    stream.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    _kind, rectangles = struct.unpack(">BxH", _read_bytes(stream, 4))
    colours: set[bytes] = set()
    for _ in range(rectangles):
        _x, _y, wide, high, _encoding = struct.unpack(">HHHHi", _read_bytes(stream, 12))
        pixels = _read_bytes(stream, wide * high * 4)
        colours.update(pixels[at : at + 4] for at in range(0, len(pixels), 4))
    return colours


def _read_bytes(stream: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = stream.recv(count - len(parts))
        if not part:
            raise ConnectionError("the VNC server hung up")
        parts += part
    return bytes(parts)
