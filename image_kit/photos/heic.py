"""HEIC, the format of an iPhone's photos: Pillow reads it once the package pillow-heif is installed."""

from pathlib import Path

from image_kit.photos.photo_files import PhotoError

# A file of the family starts with a box "ftyp" that names its brand: ISO 23008-12, and 23000-22 for mif1 and msf1.
BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
PACKAGE = "pillow-heif"


def is_heic(source: Path | str | bytes) -> bool:
    """Whether a file, or the bytes of one, begins as HEIC does."""
    if isinstance(source, bytes):
        return source[4:8] == b"ftyp" and source[8:12] in BRANDS
    with open(source, "rb") as file:
        return is_heic(file.read(12))


def read_heic() -> None:
    """Have Pillow read HEIC. Raises PhotoError if the package is not installed."""
    try:
        import pillow_heif  # optional, and .1 s that other photos need not wait for
    except ImportError:
        raise PhotoError(f"is a HEIC photo; to read such photos: pip install {PACKAGE}, or save it as JPEG") from None
    pillow_heif.register_heif_opener()
