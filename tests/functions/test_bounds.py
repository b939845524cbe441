"""Whatever the user's code does, the events that it did not do it to go on, and so does the pool."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import psutil
import pytest

from forebay.errors import Unavailable
from forebay.functions.transforms import WorkerTransform
from tests.functions.conftest import Project, events, failed, only_failure, origins, rows

MISCHIEF = """
    import ctypes, os, signal, subprocess, sys, time

    kept = []

    def hang(): time.sleep(60)
    def spin():
        while True: pass
    def exit(): sys.exit(3)
    def vanish(): os._exit(3)
    def segfault(): ctypes.string_at(0)
    def kill(): os.kill(os.getpid(), signal.SIGKILL)
    def abort(): os.abort()
    def eat():
        while True: kept.append(bytes(range(256)) * 65536)
    def gulp(): kept.append(bytearray(1 << 40))
    def recurse(): recurse()
    def interrupt(): raise KeyboardInterrupt
    def close(): os.closerange(0, 4096)
    def stop(): os.kill(os.getpid(), signal.SIGSTOP)
    def broken():
        class Odd(Exception):
            def __str__(self): raise ValueError('no words')
        raise Odd
    def closed_then_hang():
        os.closerange(0, 4096)
        time.sleep(60)
    def impostor():
        for fd in range(3, 1024):
            try: os.write(fd, b'x' * 64)
            except OSError: pass
"""

FUNCTION = (
    MISCHIEF
    + """
    def f(event):
        if 'do' in event: globals()[event['do']]()
        return event
"""
)

HANDLER = (
    MISCHIEF
    + """
    import base64, json

    def handler(event, context):
        for record in event['records']:
            document = json.loads(base64.b64decode(record['data']))
            if 'do' in document: globals()[document['do']]()
            record['result'] = 'Ok'
        return event
"""
)

SHORT = 1.5
"""Seconds for what takes them all; what ends by itself has as long as it needs, as the machine may be busy."""

FATAL = {
    "hang": "did not answer within 1.5 s",
    "spin": "did not answer within 1.5 s",
    "stop": "did not answer within 1.5 s",
    "closed_then_hang": "closed its channel",
    "exit": "SystemExit: 3",
    "vanish": "exited with status 3",
    "segfault": "was killed by SIGSEGV",
    "kill": "was killed by SIGKILL",
    "abort": "was killed by SIGABRT",
    "eat": "its bound is 100 MiB",
    "gulp": "MemoryError",
    "recurse": "RecursionError: maximum recursion depth exceeded",
    "interrupt": "KeyboardInterrupt",
    "close": "",
    "broken": "Odd: <str() raised ValueError>",
    "impostor": "broke the protocol",
}


def patience(what: str) -> float:
    return SHORT if "did not answer" in FATAL[what] else 30.0


def still_works(transform: WorkerTransform) -> None:
    outcome = transform.apply(events({"n": 1}, {"n": 2}), origins(2, first=10_000))
    assert rows(outcome) == [{"n": 1}, {"n": 2}]
    assert not outcome.failed


@pytest.mark.parametrize("what", FATAL)
def test_a_plain_function_that_misbehaves_on_one_event_fails_that_event(project: Project, what: str) -> None:
    function = project.plain(FUNCTION, timeout=patience(what), memory=100 << 20)
    documents = [{"n": 0}, {"n": 1}, {"do": what}, {"n": 3}, {"n": 4}]
    outcome = function.apply(events(*documents), origins(5))
    failure = only_failure(outcome)
    assert failure.index == 2
    assert FATAL[what] in failure.reason
    assert rows(outcome) == [{"n": n} for n in (0, 1, 3, 4)]
    assert list(outcome.output.source) == [0, 1, 3, 4]
    still_works(function)


@pytest.mark.parametrize("what", FATAL)
def test_a_handler_that_misbehaves_on_one_record_fails_that_record(project: Project, what: str) -> None:
    handler = project.handler(HANDLER, timeout=patience(what), memory=100 << 20, retries=0)
    documents = [{"n": 0}, {"do": what}, {"n": 2}]
    outcome = handler.apply(events(*documents), origins(3))
    failure = only_failure(outcome)
    assert failure.index == 1
    assert FATAL[what] in failure.reason
    assert list(outcome.output.source) == [0, 2]
    still_works(handler)


def test_each_kind_of_end_has_its_code(project: Project) -> None:
    slow = project.plain(FUNCTION, timeout=SHORT)
    assert failed(slow.apply(events({"do": "hang"}), origins(1))) == [(0, "Function.Timeout")]
    function = project.plain(FUNCTION, timeout=patience("vanish"), memory=100 << 20)
    outcome = function.apply(events({"do": "vanish"}, {"do": "eat"}, {"do": "gulp"}), origins(3))
    assert failed(outcome) == [
        (0, "Function.Crashed"),
        (1, "Function.OutOfMemory"),
        (2, "Function.OutOfMemory"),
    ]


def test_each_kind_of_end_has_lambdas_code(project: Project) -> None:
    slow = project.handler(HANDLER, timeout=SHORT, retries=0)
    assert failed(slow.apply(events({"do": "hang"}), origins(1))) == [(0, "Lambda.InvokeTimeout")]
    handler = project.handler(HANDLER, timeout=patience("vanish"), memory=100 << 20, retries=0)
    outcome = handler.apply(events({"do": "vanish"}, {"do": "eat"}, {"do": "gulp"}), origins(3))
    assert failed(outcome) == [
        (0, "Lambda.FunctionError"),
        (1, "Function.OutOfMemory"),
        (2, "Function.OutOfMemory"),
    ]


def test_a_timeout_is_that_of_one_event_not_of_the_batch(project: Project) -> None:
    function = project.plain(
        """
    import time

    def f(event):
        time.sleep(0.2)
        return event
    """,
        timeout=SHORT,
    )
    outcome = function.apply(events(*({"n": n} for n in range(12))), origins(12))
    assert SHORT < 12 * 0.2
    assert len(rows(outcome)) == 12
    assert not outcome.failed


def test_a_function_that_leaks_is_given_new_workers_and_loses_nothing(project: Project) -> None:
    function = project.plain(
        """
    leak = []

    def f(event):
        leak.append(bytes(range(256)) * 40_000)
        return event
    """,
        memory=100 << 20,
    )
    documents = [{"n": n} for n in range(40)]
    outcome = function.apply(events(*documents), origins(40))
    assert rows(outcome) == documents
    assert not outcome.failed
    assert function.stats()["starts"] > 1


def test_printing_megabytes_slows_nobody_and_fills_no_disk(project: Project) -> None:
    function = project.plain(
        """
    import os

    def f(event):
        print("x" * 1000)
        os.write(1, b"y" * 1_000_000)
        return event
    """
    )
    outcome = function.apply(events(*({"n": n} for n in range(30))), origins(30))
    assert len(rows(outcome)) == 30
    log = project.log()
    assert len(log) < 2 << 20
    assert "bytes more of output not kept" in log
    still_works(function)


def test_a_forked_child_neither_answers_nor_holds_anything_up(project: Project) -> None:
    function = project.plain(
        """
    import os

    def f(event):
        os.fork()
        return {**event, "pid": os.getpid()}
    """
    )
    for _ in range(3):
        outcome = function.apply(events(*({"n": n} for n in range(30))), origins(30))
        assert len({row["pid"] for row in rows(outcome) if isinstance(row, dict)}) == 1
        assert len(rows(outcome)) == 30, "thirty children, not two to the thirtieth"
        assert not outcome.failed
    assert function.stats()["starts"] == 1


def test_a_function_that_kills_every_worker_is_given_up_for_the_batch(project: Project) -> None:
    function = project.plain(FUNCTION)
    documents = [{"n": 0}, *({"do": "vanish"} for _ in range(400))]
    outcome = function.apply(events(*documents), origins(401))
    assert rows(outcome) == [{"n": 0}]
    assert len(outcome.failed) == 400
    assert "given up with its batch" in outcome.failed[-1].reason
    assert function.stats()["starts"] < 150
    still_works(function)


def test_the_log_shows_where_a_function_hung_or_crashed(project: Project) -> None:
    function = project.plain(FUNCTION, timeout=SHORT)
    function.apply(events({"do": "hang"}, {"do": "segfault"}), origins(2))
    log = project.log()
    assert re.search(r'Fatal Python error: Aborted[\s\S]*functions/f.py", line \d+ in hang', log)
    assert re.search(
        r'Fatal Python error: Segmentation fault[\s\S]*functions/f.py", line \d+ in segfault', log
    )


def test_a_child_that_keeps_the_pipes_open_does_not_hide_the_workers_death(project: Project) -> None:
    function = project.plain(
        """
    import os, time

    def f(event):
        if event["n"] == 1:
            if os.fork() == 0:
                time.sleep(60)
            os._exit(9)
        return event
    """,
        timeout=30.0,
    )
    began = time.monotonic()
    outcome = function.apply(events({"n": 0}, {"n": 1}, {"n": 2}), origins(3))
    assert failed(outcome) == [(1, "Function.Crashed")]
    assert "exited with status 9" in only_failure(outcome).reason
    assert time.monotonic() - began < 20, "noticed long before the timeout"


def test_what_a_worker_started_ends_with_it(
    project: Project, until: Callable[[Callable[[], bool]], object]
) -> None:
    function = project.plain(
        """
    import subprocess, time

    def f(event):
        child = subprocess.Popen(["sleep", "1000"])
        if event.get("hang"):
            open("child", "w").write(str(child.pid))
            time.sleep(60)
        return {"pid": child.pid}
    """,
        timeout=SHORT,
    )
    function.apply(events({"hang": True}), origins(1))
    killed = int((project.root / "child").read_text())
    until(lambda: not alive(killed))
    answer = rows(function.apply(events({}), origins(1)))[0]
    assert isinstance(answer, dict)
    assert alive(answer["pid"])
    function.close()
    until(lambda: not alive(answer["pid"]))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(event) return event", "Runtime.UserCodeSyntaxError: expected ':' (functions/f.py:1)"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (functions/f.py:1)"),
        ("\n1 / 0", "ZeroDivisionError: division by zero (functions/f.py:2)"),
        ("import sys; sys.exit('no')", "SystemExit: no"),
        ("import os; os._exit(4)", "Runtime.ExitError: the worker exited with status 4 while importing"),
    ],
)
def test_code_that_cannot_be_imported_fails_events_without_a_crash_loop(
    project: Project, source: str, reason: str
) -> None:
    function = project.plain(source)
    for first in range(0, 30, 3):
        outcome = function.apply(events({}, {}, {}), origins(3, first=first))
        assert failed(outcome) == [(i, "Function.ImportError") for i in range(3)]
        assert reason in outcome.failed[0].reason
    assert function.stats()["starts"] <= 3
    assert reason in project.log()


def test_broken_code_is_tried_again_once_it_is_mended(project: Project) -> None:
    function = project.plain("import shapes_of_things")
    assert failed(function.apply(events({}), origins(1))) == [(0, "Function.ImportError")]
    project.write("functions/shapes_of_things.py", "")
    project.write("functions/f.py", "import shapes_of_things\ndef f(event): return event")
    assert rows(function.apply(events({"n": 1}), origins(1))) == [{"n": 1}]


def test_close_ends_a_call_under_way_and_decides_nothing(
    project: Project, until: Callable[[Callable[[], bool]], object]
) -> None:
    function = project.plain(
        "import time\ndef f(event):\n    open('started', 'w').close()\n    time.sleep(60)", timeout=60.0
    )
    raised: list[Exception] = []

    def apply() -> None:
        try:
            function.apply(events({}), origins(1))
        except Unavailable as error:
            raised.append(error)

    thread = threading.Thread(target=apply)
    thread.start()
    until((project.root / "started").exists)
    function.close()
    thread.join()
    assert len(raised) == 1
    assert function.stats()["pids"] == []


def test_several_threads_may_apply_at_once(project: Project) -> None:
    function = project.plain("def f(event): return event")
    results: list[int] = []

    def apply(first: int) -> None:
        for _ in range(5):
            results.append(
                len(rows(function.apply(events(*({"n": n} for n in range(100))), origins(100, first))))
            )

    threads = [threading.Thread(target=apply, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [100] * 20
    assert function.stats()["starts"] == 1
