"""What a file is that was given as a photo and is no image, so that nobody looks for damage in a sound file."""

START = 512  # bytes that tell the kind of a file
# Beginnings of files and what they are. Source: https://en.wikipedia.org/wiki/List_of_file_signatures
BEGINNINGS = (
    (b"%PDF", "a PDF document; export its pages as images"),
    (b"8BPS", "a Photoshop document that cannot be read; export it as JPEG or PNG"),
    (b"8BPB", "a large Photoshop document; export it as JPEG or PNG"),
    (b"gimp xcf", "a GIMP project; export it as JPEG or PNG"),
    (b"AT&TFORM", "a DjVu document; export its pages as images"),
    (b"FUJIFILMCCD-RAW", "a raw photo of a Fujifilm camera; export it as JPEG"),
    (b"IIRO", "a raw photo of an Olympus camera; export it as JPEG"),
    (b"IIU\0", "a raw photo of a Panasonic camera; export it as JPEG"),
    (b"FOVb", "a raw photo of a Sigma camera; export it as JPEG"),
    (b"\xff\x0a", "a JPEG XL image, which cannot be read; save it as JPEG or PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image, which cannot be read; save it as JPEG or PNG"),
    (b"II\xbc\x01", "a JPEG XR image, which cannot be read; save it as JPEG or PNG"),
    (b"BPG\xfb", "a BPG image, which cannot be read; save it as JPEG or PNG"),
    (b"FLIF", "a FLIF image, which cannot be read; save it as PNG"),
    (b"v/1\x01", "an OpenEXR image, which cannot be read; save it as PNG"),
    (b"#?R", "a Radiance image, which cannot be read; save it as PNG"),
    (b"PF\n", "a PFM image in colour, which cannot be read; save it as TIFF or PNG"),
    (b"P7\n", "a PAM image, which cannot be read; save it as PNG"),
    (b"IIRS", "a raw photo of an Olympus camera; export it as JPEG"),
    (b"\0\x05\x16\x07", "what macOS keeps beside a file on other disks; the photo has the same name without ._"),
    (b"bplist", "a property list of macOS, such as a bookmark or what iCloud has not downloaded yet"),
    (b"L\0\0\0\x01\x14\x02\0", "a shortcut of Windows; give the photo that it leads to"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard; unpack it"),
    (b"\xd7\xcd\xc6\x9a", "a drawing (WMF); save it as PNG"),
    (b"\x1aE\xdf\xa3", "a video; save its frames as images"),
    (b"OggS", "a sound or a video"),
    (b"ID3", "a sound"),
    (b"fLaC", "a sound"),
    (b"FLV\x01", "a video; save its frames as images"),
    (b"\0\0\x01\xba", "a video; save its frames as images"),
    (b"\0\0\x01\xb3", "a video; save its frames as images"),
    (b"0&\xb2u\x8ef\xcf\x11", "a video or a sound"),
    (b"PK", "a ZIP archive or an office document; unpack it, or export its pictures"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document or a file of Windows; export its pictures"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"\x1f\x8b", "packed with gzip; unpack it"),
    (b"BZh", "packed with bzip2; unpack it"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it"),
    (b"SQLite format 3", "a database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"MZ", "a program of Windows"),
    (b"\x7fELF", "a program of Linux"),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself; run: git lfs pull"),
)
# What stands behind the first 8 bytes of RIFF and the first 4 of ISO media.
RIFF = {b"AVI ": "a video; save its frames as images", b"WAVE": "a sound"}
MOVIES = (b"isom", b"iso", b"mp4", b"avc1", b"M4V", b"M4A", b"qt  ", b"3gp", b"3g2", b"MSNV", b"dash", b"f4v")
ISO = {b"ftypcrx": "a raw photo of a Canon camera; export it as JPEG"} | {
    b"ftyp" + brand: "a video or a sound; save its frames as images" for brand in MOVIES
}
PAGES = {b"<svg": "a drawing (SVG); save it as PNG", b"<html": "a web page; download the image itself"}
TEXT_CONTROLS = b"\t\n\r\f\x1b"
SHORTEST_TEXT = 16  # bytes; fewer look like a text by chance


def name_other_kind(start: bytes) -> str | None:
    """What a file is, and what to do: "a PDF document; export its pages as images".

    Args:
        start: its first START bytes; fewer if it is shorter.

    Returns:
        None for an image, also a damaged one, and for what is not known.
    """
    if not start:
        return "empty: a copy or a download was cut short; get it again"
    for beginning, kind in BEGINNINGS:
        if start.startswith(beginning):
            return kind
    if start.startswith(b"RIFF"):
        return RIFF.get(start[8:12])
    for brand, kind in ISO.items():
        if start[4:].startswith(brand):
            return kind
    if start[8:10] == b"CR" and start.startswith(b"II*\0"):
        return "a raw photo of a Canon camera; export it as JPEG"
    if start[128:132] == b"DICM":
        return "a medical image (DICOM); export it as PNG"
    if start[257:262] == b"ustar":
        return "a tar archive; unpack it"
    if not start.strip(b"\0"):
        return "nothing but zeros: a copy or a download did not finish; get it again"
    return _name_text(start)


def _name_text(start: bytes) -> str | None:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", "ignore").encode()
    try:
        text = start.decode("utf-8", errors="strict" if len(start) < START else "ignore").lower().encode()
    except UnicodeDecodeError:
        return None
    if any(byte < 32 and byte not in TEXT_CONTROLS for byte in text):
        return None
    for mark, kind in PAGES.items():
        if mark in text:
            return kind
    if text.lstrip().startswith((b"<!doctype", b"<?xml")):
        return PAGES[b"<html"]
    return "a text" if len(start) >= SHORTEST_TEXT else None
