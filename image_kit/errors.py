"""Exceptions with a message for a person at a terminal, not for a programmer."""

import contextlib
import errno
import io
import os
import re
from collections.abc import Iterator

_LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # as str.splitlines() knows them


class UserError(Exception):
    """Something that the user can put right: the commands print its one line and exit with status 2.

    The message names the file or option, the rule, the value received and what to do. A line end in it is from a name
    of a file or a class, and becomes \\x0a, so that the message stays one line.
    """

    def __init__(self, message: str):
        super().__init__(_LINE_ENDS.sub(lambda end: escaped(end[0]), message))


def escaped(letter: str) -> str:
    """A letter as \\x0a or \\u2028."""
    return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"


def first_line(error: Exception) -> str:
    """The first line of an exception's message, for a `UserError`; the exception's type if there is no message."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


OUT_OF_MEMORY = "not enough memory for this process; close other programs, or give it fewer or smaller images at once"
OUT_OF_GPU_MEMORY = (
    "not enough free memory on the GPU; end other programs that use it, give it fewer or smaller images at once, "
    "or compute on the CPU: set CUDA_VISIBLE_DEVICES=-1"
)
OUT_OF_THREADS = "no more threads or processes are allowed; raise the limit (ulimit -u, or that of the container)"
OUT_OF_FILES = "too many files are open; raise the limit (ulimit -n)"
# Words of the system's loader, of C++, of TensorFlow and of Python.
_MEMORY_WORDS = (
    "failed to map segment",
    "annot allocate memory",
    "bad_alloc",
    "OOM when allocating",
    "nable to allocate",
)
# TensorFlow's, about libraries of NVIDIA's that are missing, of another version, or that fail.
_GPU_WORDS = re.compile("cuda|cudnn|cublas|DNN library|No BLAS|ptxas", re.IGNORECASE)
_GPU_MEMORY_WORDS = re.compile("out of memory|OOM when allocating", re.IGNORECASE)
_THREAD_WORDS = ("can't start new thread", "can't create new thread", "Resource temporarily unavailable")


def name_shortage(error: BaseException | None) -> str | None:
    """What this process has too little of, and what to do, if an error or one of its causes says so; otherwise None.

    A GPU that fails is named too: it lacks memory, or libraries that fit.
    """
    for each in causes(error):
        number, text = getattr(each, "errno", None), str(each)
        if type(each).__module__.startswith("tensorflow") and (failure := _name_gpu_failure(text)):
            return failure
        if isinstance(each, MemoryError) or number == errno.ENOMEM or any(word in text for word in _MEMORY_WORDS):
            return OUT_OF_MEMORY
        is_of_file = getattr(each, "filename", None) is not None  # which a network disk may lock for a moment
        if not is_of_file and (number == errno.EAGAIN or any(word in text for word in _THREAD_WORDS)):
            return OUT_OF_THREADS
        if number in (errno.EMFILE, errno.ENFILE):
            return OUT_OF_FILES
    return None


def _name_gpu_failure(text: str) -> str | None:
    """`name_shortage` for the message of one of TensorFlow's errors."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if _GPU_WORDS.search(line) and not line.startswith("File ")]  # of a call stack
    if _GPU_MEMORY_WORDS.search(text) and (said or "GPU:" in text):
        return OUT_OF_GPU_MEMORY
    if not said:
        return None
    return (
        f"the GPU failed: {said[0].rstrip('.')}; see that its driver and CUDA's libraries fit this TensorFlow, "
        "or compute on the CPU: set CUDA_VISIBLE_DEVICES=-1"
    )


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, the one behind it, and so on."""
    seen = set()
    while error and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def is_interruption(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error.

    It may arrive while a lock of Python's own, which is released for a wait, is not taken again yet. What leaves the
    lock's block then raises RuntimeError ("release unlocked lock") instead of KeyboardInterrupt.
    """
    is_of_lock = type(error) is RuntimeError and "lock" in str(error)
    return isinstance(error, KeyboardInterrupt) or (
        is_of_lock and any(isinstance(each, KeyboardInterrupt) for each in causes(error))
    )


# They say nothing about the file: a disk, or the way to one over a network, has failed.
_FAILURES = """EIO ESTALE EAGAIN EINTR ETIMEDOUT EREMOTEIO ENOTCONN ENOLINK ECONNRESET ECONNABORTED ENETDOWN ENETUNREACH
    ENETRESET EHOSTDOWN EHOSTUNREACH"""
DISK_FAILURES = frozenset(getattr(errno, name) for name in _FAILURES.split() if hasattr(errno, name))


def name_disk_failure(error: BaseException | None) -> str | None:
    """The system's words, if a failing disk is behind an error, and what to do; otherwise None."""
    for each in causes(error):
        number = each.errno if isinstance(each, OSError) else None
        if number is None and (found := re.search(r"\berrno = (\d+), error message", str(each))):  # libhdf5
            number = int(found[1])
        if isinstance(each, io.UnsupportedOperation) and "not seekable" in str(each):
            number = errno.EIO  # io's words for a file of which the disk does not tell the place; pipes are not opened
        if number is not None and number in DISK_FAILURES:
            return f"{os.strerror(number)}: its disk or network fails, so try again when it works"
    return None


# What a user can do where the system refuses to write; the same command then goes on.
_WAYS_OUT = {
    "ENOSPC": "make room on its disk",
    "EDQUOT": "make room, or have the quota raised",
    "EFBIG": "raise the limit on the size of a file (ulimit -f), or use another disk",
    "EROFS": "make its disk writable again, or use another folder",
    "EACCES": "give this user the permission, or use another place",
}
_WAYS_OUT_OF = {getattr(errno, name): way for name, way in _WAYS_OUT.items() if hasattr(errno, name)}


def describe_os_error(error: OSError) -> str:
    """The system's words and what to do, without the file's name."""
    said = error.strerror or str(error)
    way_out = _WAYS_OUT_OF.get(error.errno or 0)
    return name_disk_failure(error) or (f"{said}; {way_out}" if way_out else said)


# Import name -> name on PyPI, where they differ.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
}


@contextlib.contextmanager
def naming_missing_packages(wanted: str = "") -> Iterator[None]:
    """Raise a `UserError` with the way to install it where a package of others, such as TensorFlow, is missing.

    Args:
        wanted: the name of what needs the package, if the message should give it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "image_kit"):  # an error in our own code
            raise
        install = DISTRIBUTIONS.get(package, package)
        needs = f"needs the package {package}, which is not installed; run: pip install {install}"
        raise UserError(f"{wanted}: {needs}" if wanted else needs) from error
    except ImportError as error:  # a library of the system is missing, or versions do not belong together
        package = (error.name or _raised_in(error)).partition(".")[0]
        if package in ("", "image_kit", "__main__") or name_shortage(error):
            raise
        repair = f"pip install --force-reinstall {DISTRIBUTIONS.get(package, package)}"
        raise UserError(f"the package {package} cannot be loaded ({first_line(error)}); run: {repair}") from error


def _raised_in(error: Exception) -> str:
    """The name of the module whose code raised an error; empty if that is not known."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return last.tb_frame.f_globals.get("__name__", "") if last else ""


class MachineLost(UserError):
    """Another machine of the same training stopped or cannot be reached.

    Args:
        cause: TensorFlow's error; its message is shortened for the line.
    """

    def __init__(self, cause: Exception):
        # TensorFlow's text is long; what happened follows these words.
        said = str(cause).rpartition("aborted by: ")[2].strip().splitlines()
        why = said[0][:200] if said else type(cause).__name__
        super().__init__(
            f"another machine has stopped or cannot be reached, so this one stops too ({why}); "
            "the last line of the machine that stopped first gives the cause"
        )
