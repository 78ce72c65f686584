"""image_kit.threads: one pool for a process, another after a fork."""

import os

import pytest

from image_kit.threads import threads


def test_one_pool():
    assert threads() is threads()
    assert list(threads().map(abs, [-1, 2])) == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_has_threads_of_its_own(run_python):
    code = """
import os
from image_kit.threads import threads
list(threads().map(abs, range(9)))
child = os.fork()
if not child:
    os._exit(sum(threads().map(abs, [3, 4])))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_python("-c", code, timeout=120).stdout.strip() == "7"
