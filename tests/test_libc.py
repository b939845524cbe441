"""What is taken of the C library does what it is taken for."""

from __future__ import annotations

import subprocess
import sys

from forebay import libc

PIECES = """
import resource, sys, threading
from forebay import libc

if sys.argv[1] == "reuse":
    libc.reuse_memory()

def work():
    for size in (4, 6, 8, 10, 12, 14, 16, 4, 16, 5, 15):
        bytes([1]) * (size << 20)

before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    work()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    ran = subprocess.run([sys.executable, "-c", PIECES, how], capture_output=True, text=True, check=True)
    return int(ran.stdout)


def test_pieces_one_after_the_other_are_of_the_same_memory() -> None:
    assert faults("reuse") * 2 < faults("not")


def test_what_the_library_does_not_have_is_none() -> None:
    assert libc.function("no_such_function_of_any_library") is None
