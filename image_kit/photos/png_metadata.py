"""PNG files without their texts and colour profiles, which Pillow refuses when they are large."""

import struct

SIGNATURE = b"\x89PNG\r\n\x1a\n"
METADATA = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # not eXIf, which says which way is up


def without_png_metadata(data: bytes) -> bytes:
    """A PNG file without its texts and colour profile; other files, and what follows a damaged chunk, stay as they are.

    Source: https://www.w3.org/TR/png-3/#5Chunk-layout: length, type, data and checksum of each chunk.
    """
    if not data.startswith(SIGNATURE):
        return data
    kept, place = [SIGNATURE], len(SIGNATURE)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind not in METADATA:
            kept.append(data[place:end])
        place = end
    return b"".join(kept) + data[place:]
