"""The quiet way to import TensorFlow."""

import contextlib
import os
import sys
import tempfile

from image_kit.errors import UserError, name_shortage


@contextlib.contextmanager
def native_stderr_held_back():
    """Hold back what C++ code writes to file descriptor 2 while the block runs.

    If the block fails, the output is written after all, unless one line says everything: that of a UserError, or of
    what `name_shortage` knows. TensorFlow writes its first lines before any logging level applies to them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    if sys.stderr:  # None in a program that was started without one
        sys.stderr.flush()
    with contextlib.ExitStack() as opened:
        try:
            held = opened.enter_context(tempfile.TemporaryFile())
            saved = os.dup(2)
        except OSError:  # stderr is closed, so there is nothing to hold back; or there is no temporary folder
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception as error:
            if isinstance(error, UserError) or name_shortage(error):
                raise
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
