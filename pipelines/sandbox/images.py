"""Tiny real images, different for every text that they are made from."""

import hashlib
import struct
import zlib

PNG = "image/png"
JPEG = "image/jpeg"

_SIDE = 12


def image_type(content: bytes) -> str | None:
    """What an image says it is by its first bytes; None when it is none that we know."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    return JPEG if content.startswith(b"\xff\xd8\xff") else None


def make_png(text: str) -> bytes:
    """A square of grey noise."""
    noise = hashlib.shake_128(text.encode()).digest(_SIDE * _SIDE)
    rows = b"".join(b"\0" + noise[start : start + _SIDE] for start in range(0, len(noise), _SIDE))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def make_jpeg(text: str) -> bytes:
    """One grey block of 8 by 8, with a comment that makes it unlike any other."""
    segments = (
        (0xFE, hashlib.shake_128(text.encode()).hexdigest(32).encode()),
        (0xDB, b"\0" + b"\1" * 64),  # quantisation: none
        (0xC0, struct.pack(">BHHBBBB", 8, 8, 8, 1, 1, 0x11, 0)),  # baseline, one component
        (0xC4, b"\x00\1" + b"\0" * 16),  # one code each: no difference in brightness,
        (0xC4, b"\x10\1" + b"\0" * 16),  # end of block
        (0xDA, b"\1\1\0\0\x3f\0"),
    )
    body = b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    return b"\xff\xd8" + body + b"\x3f" + b"\xff\xd9"


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
