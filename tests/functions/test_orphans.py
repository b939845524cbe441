"""A worker does not outlive the process that asked it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import psutil
import pytest

from tests.functions.conftest import Project

OWNER = """
    import sys
    from pathlib import Path
    from forebay.ports import Origin
    from tests.functions.conftest import Project, Spec, origins

    project = Project(Path(sys.argv[1]))
    transform = project.open(Spec("function", "functions/f.py:f", timeout=900.0))
    transform.apply([b"{}"], origins(1))
"""

HANG = {
    "asleep": "import time; time.sleep(900)",
    "busy": "while True: pass",
    "holding the interpreter": "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "waiting for a child": "import subprocess; subprocess.run(['sleep', '900'])",
    "closing what it finds": "os.closerange(3, 256); import time; time.sleep(900)",
}


@pytest.mark.parametrize("what", HANG)
def test_a_worker_dies_with_its_owner_whatever_it_does(
    project: Project, until: Callable[[Callable[[], bool]], object], what: str
) -> None:
    project.write(
        "functions/f.py",
        f"import os\ndef f(event):\n    open('pid', 'w').write(str(os.getpid()))\n    {HANG[what]}",
    )
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(project.root)]
    with subprocess.Popen(command) as owner:
        pid = project.root / "pid"
        until(lambda: pid.exists() and pid.read_text() != "")
        worker = psutil.Process(int(pid.read_text()))
        until(lambda: what != "waiting for a child" or bool(worker.children()))
        family = [worker, *worker.children()]
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    until(lambda: not any(alive(each) for each in family))


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
