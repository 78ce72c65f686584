"""Alpha of files that often mean none by it: programs that know no alpha leave 0 in each pixel's fourth byte.

Other kinds of file have alpha only if their program wanted it; where it is 0 everywhere there, they are empty.
"""

from PIL import Image

FORMATS = ("BMP", "DIB", "TGA")  # as Pillow names them
BMP, BITS_OF_BMP, BITS_OF_DIB, BITS_OF_TGA = b"BM", 28, 14, 16  # where their headers have the bits of a pixel
DIB_HEADERS = range(40, 125)  # its length, which is all that a BMP without its first 14 bytes begins with
TGA_TYPES, BITS_WITH_ALPHA = (2, 3, 10, 11), (16, 32)  # of colours and grey, plain and packed


def is_alpha_unset(image: Image.Image) -> bool:
    """Whether alpha is 0 everywhere, and the colours are not, in an image that Pillow has opened and decoded."""
    if image.format not in FORMATS or image.mode not in ("RGBA", "LA") or image.getchannel("A").getbbox():
        return False
    return image.getbbox(alpha_only=False) is not None


def may_have_unset_alpha(data: bytes) -> bool:
    """Whether a file is of such a kind and has alpha, by its first bytes; also of a few files of other kinds."""
    if data.startswith(BMP):
        return data[BITS_OF_BMP : BITS_OF_BMP + 1] == b"\x20"
    if int.from_bytes(data[:4], "little") in DIB_HEADERS:
        return data[BITS_OF_DIB : BITS_OF_DIB + 1] == b"\x20"
    if len(data) <= BITS_OF_TGA or data[1]:
        return False
    return data[2] in TGA_TYPES and data[BITS_OF_TGA] in BITS_WITH_ALPHA
