"""Temporary names that tell who made them, so that what a killed process left is removed by the next command.

    .tmp-<place>-<process>-<start>-<number>.<final name>

A place is one boot of one machine, and there one set of process numbers: a container has its own. A process is named
by its number and the time of its start, since numbers are used again. Only a process in the same place can be asked
whether it lives, so only there a leftover is removed at once. On a network disk it may belong to another machine, whose
processes cannot be seen: there it is removed when nothing in it has changed for OLD_SECONDS. Locks would not do: some
network disks have none, or keep them to one machine.
"""

import atexit
import contextlib
import errno
import hashlib
import itertools
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from image_kit.retries import is_folder

OLD_SECONDS = 24 * 3600  # a temporary file is written within seconds, a folder of many photos within an hour
LONGEST_NAME = 180  # bytes of a final name in a temporary one: most disks allow 255 in all
RANDOM_LETTERS = 8  # that Python adds to the name of a temporary folder
_OWNED = re.compile(r"\.tmp-([0-9a-f]{8})-([0-9a-f]{1,7})-([0-9a-f]{1,16})-[0-9a-f]+\.")
_EARLIER = re.compile(r"\.tmp-[0-9a-f]{8}\.")  # of versions of the kit that did not write down who made it
# A write that is refused by them does not name its file.
_REFUSED_WRITES = frozenset((errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)))
_numbers = itertools.count()
_hook_before = sys.unraisablehook


def temporary_name(name: str) -> str:
    """A hidden name that nobody else has, for what will be called `name`; it ends in the same suffixes."""
    while len(os.fsencode(name)) > LONGEST_NAME:
        name = name[1:]
    process = os.getpid()  # asked each time: a fork has another
    return f".tmp-{_place()}-{process:x}-{_start_of_this(process):x}-{next(_numbers):x}.{name}"


def remove_leftovers(folder: Path) -> None:
    """Remove what dead processes left in a folder; once for each folder and process, as it takes a look at each name.

    What cannot be removed, because it belongs to another user, for instance, stays.
    """
    _remove_once(os.path.abspath(folder), os.getpid())


@contextlib.contextmanager
def scratch_folder(longest: int | None = None) -> Iterator[Path]:
    """An empty folder among the system's temporary files, for this user only; it is removed at the end in any case.

    Args:
        longest: letters that its path may have; it is made in /tmp where it would have more.

    Raises:
        OSError: it cannot be written. It names the folder of the temporary files.
    """
    import tempfile  # 10 ms, which the answer to one photo does not need

    place = tempfile.gettempdir()
    if not is_folder(place):  # systems remove what lies there for days, as long trainings do
        os.makedirs(place, mode=0o700, exist_ok=True)
    prefix = temporary_name("")
    if longest and len(os.path.join(place, prefix)) + RANDOM_LETTERS > longest:
        place = "/tmp"
    remove_leftovers(Path(place))
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, place) from error
    with made as folder:
        try:
            yield Path(folder)
        except OSError as error:
            is_in_folder = str(error.filename or "").startswith(folder)
            if is_in_folder or (error.filename is None and error.errno in _REFUSED_WRITES):
                raise OSError(error.errno, error.strerror, os.path.dirname(folder)) from error
            raise


def gather_temporary_files() -> None:
    """Have libraries make their temporary files in a folder of this process, which goes when the process ends.

    If it is killed, the next process that calls this removes the folder. For commands only: in a program of others, its
    own temporary files would go too.
    """
    import tempfile  # as above

    if sys.unraisablehook is not _tell_others:
        global _hook_before
        _hook_before, sys.unraisablehook = sys.unraisablehook, _tell_others
    with contextlib.suppress(OSError):  # no temporary folder: libraries do without
        tempfile.tempdir = _own_folder(os.getpid())


def _tell_others(error: "sys.UnraisableHookArgs") -> None:
    """Say nothing of a library that cannot remove its temporary files, as from a disk that is read-only by now."""
    name = error.exc_value.filename if isinstance(error.exc_value, OSError) else None
    if not (isinstance(name, str) and _OWNED.search(name)):
        _hook_before(error)


def stop_gathering() -> None:
    """Let libraries use the system's temporary folder again: a notebook goes on after a command has ended."""
    if _own_folder.cache_info().currsize:
        import tempfile  # as above

        tempfile.tempdir = None  # it is found anew


@cache
def _own_folder(process: int) -> str:
    import tempfile  # as above

    remove_leftovers(Path(tempfile.gettempdir()))
    folder = tempfile.mkdtemp(prefix=temporary_name(""))
    atexit.register(_remove_own, Path(folder), process)
    return folder


def _remove_own(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not the end of a fork
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _remove_once(folder: str, process: int) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for path in [Path(entry.path) for entry in entries if entry.name.startswith(".tmp-")]:
            with contextlib.suppress(OSError):
                if _is_leftover(path):
                    _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _is_leftover(path: Path) -> bool:
    """Whether nobody will use a temporary file or folder any more."""
    if owned := _OWNED.match(path.name):
        place, process, start = owned[1], int(owned[2], 16), int(owned[3], 16)
        if place == _place():
            return not _is_alive(process, start)
    elif not _EARLIER.match(path.name):
        return False
    return time.time() - _last_change(path) > OLD_SECONDS


def _last_change(path: Path) -> float:
    """When a file, or anything in a folder, was last written; seconds since 1970."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return max(each.lstat().st_mtime for each in (path, *inside))


def _is_alive(process: int, start: int) -> bool:
    """Whether the process of this number, on this machine, is the one that started then; True if that is not known."""
    if process == os.getpid():
        return start == _start_of_this(process)
    if sys.platform == "linux":
        try:
            os.kill(process, 0)  # asks only; not on Windows, where it ends the process
        except ProcessLookupError:
            return False
        except OSError:
            pass  # of another user
    elif not _psutil().pid_exists(process):
        return False
    found = _start_of(process)
    return found is None or found == start


@cache
def _start_of_this(process: int) -> int:
    return _start_of(process) or 0


def _start_of(process: int) -> int | None:
    """When a process started, in 1/100 s or the kernel's ticks; -1 if it has ended, None if that is not known."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:  # /proc may hide the processes of other users
            return None
        return -1 if fields[0] in b"ZX" else int(fields[19])  # a zombie waits for its parent only
    try:
        return round(100 * _psutil().Process(process).create_time())
    except _psutil().Error:
        return None


@cache
def _place() -> str:
    """8 hexadecimal digits: this boot of this machine, and the set of process numbers that this process sees."""
    if sys.platform == "linux":
        try:
            facts = [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")]
            facts += [os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "time") if _has_namespace(name)]
        except OSError:
            facts = [os.urandom(8).hex()]  # equal to no other, so age alone decides
    else:
        import platform  # these two take 30 ms, which Linux does not need
        import uuid

        facts = [platform.node(), str(uuid.getnode())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _has_namespace(name: str) -> bool:
    return name == "pid" or os.path.lexists(f"/proc/self/ns/{name}")


def _psutil():
    import psutil  # 20 ms, which Linux does not need

    return psutil
