"""An image as PNG, in the address of a page."""

from __future__ import annotations

import base64
import struct
import zlib

from bpframe.types import HostArray


def png(pixels: HostArray) -> str:
    """A data address of an image, (H, W) or (H, W, 3) bytes.

    Source: Portable Network Graphics (PNG) Specification, W3C (2003), sections 5 and 10.
    """
    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    content = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
