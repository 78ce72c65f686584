"""Files that a person would not want among the photos: unreadable, damaged, empty, of an odd shape or of no photo."""

from pathlib import Path

from image_kit.checks.checked_photos import CheckedPhotos
from image_kit.checks.file_facts import FileFacts
from image_kit.checks.findings import Finding
from image_kit.photos import PhotoError, PhotoHeader, is_hidden_name, jpeg_bits, read_file, walk

MISSING_FROM = 0.05  # of the rows; less does not change what a network sees
PLAIN_BELOW = 2.0  # grey levels, standard deviation: a lens cap or an empty page, with the noise of JPEG
EXTREME_SHAPE = 4.0  # times as long as wide: the square that a network sees then shows it squeezed, or a part only
TINY = 32  # pixels of the shorter side: a network's image of 224 is then a blur
THUMBNAIL = 160  # pixels of the longer side, as EXIF and old cameras store them
THUMBNAIL_FOLDERS = {"thumb", "thumbs", "thumbnail", "thumbnails"}


def find_odd_files(photos: CheckedPhotos, facts: FileFacts) -> list[Finding]:
    """Photos that cannot be read, and odd ones, at most one finding for each; the most certain first.

    Takes milliseconds for 1,000 photos. A photo whose EXIF rotation was dropped cannot be told from its file, so only
    the opposite is found: EXIF that turns a photo once more that is upright already.
    """
    found = [_describe_unreadable(photos.folder, file, reason) for file, reason in photos.unreadable.items()]
    for index, file in enumerate(photos.files):
        if reasons := _judge(file, facts, index):
            found.append(max(reasons, key=lambda each: each.certainty))
    found += _find_system_files(photos.folder)
    return sorted(found, key=lambda each: (each.kind != "unreadable", -each.certainty, each.file))


def _describe_unreadable(folder: Path, file: str, reason: str) -> Finding:
    try:
        bits = jpeg_bits(read_file(folder / file))
    except PhotoError:
        bits = 0
    evidence, advice = f"It cannot be read: {reason}.", "Replace it by a sound copy, or drop it."
    if bits > 8:
        evidence = f"It is a JPEG of {bits} bits a sample, which hardly any program reads; photos have 8."
        advice = "Save it again as an 8-bit JPEG or as PNG, or drop it."
    elif "truncated" in reason.lower():
        evidence = f"The file ends too early: {reason}."
        advice = "Copy it again from the camera or the first source, or drop it."
    return Finding(file, "unreadable", "high", evidence, advice, action="drop")


def _judge(file: str, facts: FileFacts, index: int) -> list[Finding]:
    header, missing = facts.headers[index], float(facts.missing_ends[index])
    spread = float(facts.thumbnails[index].astype(float).std(axis=(0, 1)).max())
    longer, shorter = max(header.width, header.height), min(header.width, header.height)
    found = []

    def note(certainty: float, evidence: str, suggestion: str, action: str = "drop") -> None:
        found.append(
            Finding(file, "odd", "low" if certainty < 0.9 else "medium", evidence, suggestion, "", action, certainty)
        )

    if spread < PLAIN_BELOW:
        drop = "Drop it." if header.bits <= 8 else "Give --sample-bits if its samples have fewer, or drop it."
        note(0.99, f"It is of a single colour: its pixels differ by {spread:.1f} of 255 grey levels.", drop)
    elif missing >= MISSING_FROM:
        note(
            0.97,
            f"The lower {100 * missing:.0f} % of it is plain grey, as where the end of a file was lost.",
            "Replace or drop it.",
        )
    if shorter < TINY:
        note(0.95, f"It is tiny: {header.width} x {header.height} pixels.", "Replace it by a larger one, or drop it.")
    elif longer >= EXTREME_SHAPE * shorter:
        times = longer / shorter
        note(
            0.9,
            f"It is {times:.1f} times as long as wide ({header.width} x {header.height} pixels).",
            "Crop it to its subject.",
            "",
        )
    if _is_thumbnail(file) and longer <= 2 * THUMBNAIL:
        note(
            0.92,
            f"By its name it is a thumbnail ({header.width} x {header.height} pixels).",
            "Use the full photo instead.",
        )
    _note_format(header, bool(facts.fits_suffix[index]), Path(file).suffix, note)
    return found


def _note_format(header: PhotoHeader, fits: bool, suffix: str, note) -> None:
    if header.was_turned:
        evidence = "It lies on its side: it was turned upright, but its EXIF data still say that it must be turned."
        note(0.93, evidence, "Open it, turn it upright and save it.", "")
    if header.frames > 1:
        several = (
            f"has {header.frames} pages" if header.format == "TIFF" else f"is an animation of {header.frames} pictures"
        )
        note(0.9, f"It {several}, of which only the first is used.", "Keep one picture.", "")
    if header.bits > 8 and header.format != "GIF":
        note(
            0.6,
            f"It has {header.bits} bits a sample; photos have 8.",
            "Look whether it is too dark, and save it with 8.",
            "",
        )
    if not fits:
        note(
            0.5,
            f"It is named {suffix}, but it is a {header.format} file.",
            "Rename it, because some programs refuse it.",
            "",
        )


def _is_thumbnail(file: str) -> bool:
    path = Path(file.lower())
    words = path.stem.replace("-", "_").split("_")
    return bool(THUMBNAIL_FOLDERS & set(path.parts[:-1])) or bool({"thumb", "thumbnail"} & {words[0], words[-1]})


def _find_system_files(folder: Path) -> list[Finding]:
    """One finding for all files that systems and other programs leave behind; they are never read as photos."""
    files = []
    for where, folders, names in walk(folder, on_error=lambda _: None):  # the photos in it are named elsewhere
        files += [
            Path(where, name).relative_to(folder).as_posix() for name in [*names, *folders] if is_hidden_name(name)
        ]
        folders[:] = [name for name in folders if not is_hidden_name(name)]
    if not files:
        return []
    lie = "lies" if len(files) == 1 else "lie"
    named = f"{len(files):,} {'file' if len(files) == 1 else 'files'} or folders of the system or of other programs"
    evidence = f"{named}, such as {files[0]}, {lie} among the photos."
    advice = "They are left out anyway; delete them when you pass the folder on."
    return [Finding("", "odd", "low", evidence, advice, certainty=0.3)]
