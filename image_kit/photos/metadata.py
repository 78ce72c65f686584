"""PNG and JPEG files without their metadata, over which Pillow refuses sound pixels if it is large or damaged."""

import struct

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# What decides a PNG's pixels, and eXIf, which says which way is up. Other parts whose names begin with a capital letter
# stay too: without them nobody can tell the pixels.
KEPT_CHUNKS = (b"tRNS", b"eXIf", b"sBIT")
EXIF, ADOBE, COMMENT, SCAN = 0xE1, 0xEE, 0xFE, 0xDA  # markers of a JPEG; Adobe's says which colours it has
APPLICATIONS = range(0xE0, 0xF0)
# Of a frame, which says the size and the bits of a sample: those of JPEG but for three that are no frames; JPEG-LS.
FRAMES, LOSSLESS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}, 0xF7
LOSSLESS_FRAMES = (0xC3, 0xC7, 0xCB, 0xCF)
MOST_BEFORE_FRAME = 2**16  # bytes that are looked through for it; cameras write more metadata, and lossy frames
SHORTEST_ADOBE = 2 + 12  # bytes, with those of the length


def without_metadata(data: bytes) -> bytes:
    """A PNG or JPEG file without metadata; other files, and what follows damage, stay as they are.

    Sources: https://www.w3.org/TR/png-3/#5Chunk-layout (length, type, data and checksum of each chunk) and ITU T.81,
    annex B (marker, length with its own two bytes, and data of each segment).
    """
    if data.startswith(PNG):
        return _without_chunks(data)
    return _without_segments(data) if data.startswith(JPEG) else data


def _without_chunks(data: bytes) -> bytes:
    kept, place = [PNG], len(PNG)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if kind[:1].isupper() or kind in KEPT_CHUNKS:
            kept.append(data[place:end])
        place = end
    return b"".join(kept) + data[place:]


def _without_segments(data: bytes) -> bytes:
    kept, place = [data[:2]], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != SCAN:
        marker, length = struct.unpack_from(">xBH", data, place)
        is_needed = marker == EXIF or (marker == ADOBE and length >= SHORTEST_ADOBE)
        if is_needed or not (marker in APPLICATIONS or marker == COMMENT):
            kept.append(data[place : place + 2 + length])
        place += 2 + length
    return b"".join(kept) + data[place:]


def name_frame(data: bytes) -> str | None:
    """What a JPEG is whose frame Pillow does not read; None for another file.

    Args:
        data: the file, or so much of it that its frame is there.
    """
    marker, bits = jpeg_frame(data)
    if marker == LOSSLESS:
        return "a JPEG-LS image, which cannot be read; save it as PNG"
    return f"a JPEG of {bits} bits a sample, which cannot be read; save it as PNG" if bits > 8 else None


def is_lossless(data: bytes) -> bool:
    """Whether a JPEG is lossless, as medical archives save it: a decoder cannot shrink it while it decodes."""
    return jpeg_frame(data)[0] in LOSSLESS_FRAMES


def jpeg_frame(data: bytes) -> tuple[int, int]:
    """Marker and bits of a sample of a JPEG, from the header of its frame; 0 and 0 if there is none."""
    at = 2
    while data[:2] == JPEG[:2] and at + 4 < len(data) and data[at] == 0xFF:
        if data[at + 1] in FRAMES or data[at + 1] == LOSSLESS:
            return data[at + 1], data[at + 4]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0
