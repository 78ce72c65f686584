"""Which files are photos, judged by their names, and what identifies a photo."""

import errno
import hashlib
import os
import stat
from pathlib import Path

from image_kit.errors import name_disk_failure
from image_kit.retries import read_again

PHOTO_SUFFIXES = frozenset(
    (".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg")
    + (".jpf", ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp")
)
# Of systems and other programs, in lower case: Windows, macOS, Linux, network storage (Synology, QNAP, NetApp), photo
# programs, editors and versioning. They hold thumbnails, deleted photos or older versions.
PROGRAMS_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information"}
PROGRAMS_FILES |= {"__macosx", "icon\r", "network trash folder", "temporary items", "lost+found", "lost.dir"}
PROGRAMS_FILES |= {"@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"}
PROGRAMS_FILES |= {"~snapshot", "__pycache__", "node_modules", "cvs", "_gsdata_", "wpsystem", "msocache", "config.msi"}
PROGRAMS_FILES |= {"@transcode", "@sharesnap", "@appstore", "@database", "@synoresource", "@synoeastream"}
PROGRAMS_FILES |= {"$extend", "$winreagent", "$windows.~bt", "$windows.~ws", "$sysreset", "captureone"}
PROGRAMS_FILES |= {
    "@img_bkp_cache",
    "@s2s",
    "@docker",
    "files_trashbin",
    "files_versions",
    "deleted.sav",
    "windows.old",
}
PROGRAMS_FILES |= {"dfsrprivate", "thevolumesettingsfolder", "onedrivetemp", "ipod photo cache", "nksc_param", "thmbnl"}
PROGRAMS_FILES |= {"_svn", "_vti_cnf", "[originals]"}
PROGRAMS_BEGINNINGS = (".", "~$", "@gmt-", "@synofinder")  # also locks of Office, and versions that Samba shows
# Folders of photo programs, with previews, and of Time Machine.
PROGRAMS_SUFFIXES = (
    *(".lrdata", ".lrprev", ".lrcat-data", ".cocatalog", ".cosessiondb"),
    *(".aplibrary", ".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".backupdb"),
)
# Folders of the kit's own results, and a file in them; they have pictures, and lie in the photos of who works there.
OWN_RESULTS = {"runs": "**/settings.json", "evaluations": "*/predictions.csv", "checks": "*/check.json"}
OWN_RESULTS |= {"predictions": "answers-*.png", "preview": "contact_sheet_*.png"}
PACKAGES = ("pyvenv.cfg", "conda-meta")  # in a folder of Python's packages, which have pictures: venv/
FOUND_BY_CHKDSK = "found."  # FOUND.000: pieces of files

MAX_BYTES = 2 * 10**9  # of a file: more than the largest photo that is decoded has without compression


class PhotoError(Exception):
    """A file is not a readable photo. The message is the reason, without the file's name."""


def is_hidden(path: Path) -> bool:
    """Whether a file or folder belongs to a program and not to the user: .git, .DS_Store, @eaDir, Thumbs.db."""
    return is_hidden_name(path.name)


def is_hidden_name(name: str) -> bool:
    """See `is_hidden`."""
    name = name.lower()
    if name.startswith(FOUND_BY_CHKDSK) and name.removeprefix(FOUND_BY_CHKDSK).isdecimal():
        return True
    return name.startswith(PROGRAMS_BEGINNINGS) or name in PROGRAMS_FILES or name.endswith(PROGRAMS_SUFFIXES)


def has_own_results(folder: Path) -> bool:
    """Whether a folder holds results of the kit, as runs/ beside the class folders after `train.py .`, or packages."""
    file = OWN_RESULTS.get(folder.name)
    return (file is not None and any(folder.glob(file))) or any(os.path.exists(folder / name) for name in PACKAGES)


def is_photo_name(path: Path) -> bool:
    """Whether a photo's file has such a name; the content is not looked at."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not is_hidden(path)


def content_hash(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal: it identifies a photo whatever its name."""
    return hashlib.sha256(data).hexdigest()


@read_again
def read_file(path: Path | str) -> bytes:
    """The bytes of a photo's file.

    Raises:
        PhotoError: there is no such file, it is a folder or a pipe, or it may not be read.
    """
    try:
        refuse_other_than_files(path)
        data = Path(path).read_bytes()
        if data is None:  # Python's answer to EAGAIN, with which some network disks ask to try again
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return data
    except FileNotFoundError:
        leads_to_nothing = os.path.islink(path)  # as of git-annex and DVC until the files are fetched
        raise PhotoError("a link to a file that is not there" if leads_to_nothing else "no such file") from None
    except OSError as error:
        raise PhotoError(name_disk_failure(error) or error.strerror or str(error)) from None


def refuse_other_than_files(path: Path | str) -> None:
    """Raise PhotoError if the path is a folder, a pipe, which might never end, or a file that would fill the memory.

    A missing file passes.

    Raises OSError if the disk fails.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        if name_disk_failure(error):
            raise
        return  # opening it tells why
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError("not a file")
    if status.st_size > MAX_BYTES:
        raise PhotoError(f"a file of {status.st_size:,} bytes, of which at most {MAX_BYTES:,} are read")
