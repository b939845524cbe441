"""`python -m forebay.cli.process ROLE`: how the supervisor starts the processes of a system.

Hands each role its entry point; the layers below know nothing of the command line. Only what the role
needs is imported: the front answers its first POST a second after `forebay run`, or it is too late.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from forebay.cli import warm
from forebay.errors import ForebayError
from forebay.layout import Layout
from forebay.runtime import lifeline
from forebay.runtime.options import Options
from forebay.telemetry import log

FILES = 1 << 16


def arguments(layout: Layout, options: Options, role: str) -> list[str]:
    """What tells a process its role."""
    return [role, "--state", str(layout.root), "--options", msgspec.json.encode(options).decode()]


def start(arguments: Sequence[str], fds: Mapping[str, int]) -> subprocess.Popen[bytes]:
    """Start a process that is given `fds`, in a session of its own: Ctrl-C is for the supervisor alone.

    `-P`: a module in the current folder must not pass for ours.
    """
    command = [sys.executable, "-P", "-m", "forebay.cli.process", *arguments]
    for name, fd in fds.items():
        command += ["--fd", f"{name}={fd}"]
    return subprocess.Popen(
        command,
        pass_fds=tuple(fds.values()),
        stdin=subprocess.DEVNULL,
        stdout=2,  # what a library prints must not mix with the command's own output
        start_new_session=True,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one role until it is told to end; its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["--warm"]:
        arguments = _warm(int(arguments[1]))
    parser = argparse.ArgumentParser(prog="forebay.cli.process")
    parser.add_argument("role")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--options", default="{}")
    parser.add_argument("--fd", action="append", default=[])
    asked = parser.parse_args(arguments)
    fds = {name: int(fd) for name, _, fd in (text.partition("=") for text in asked.fd)}
    for fd in fds.values():
        os.set_inheritable(fd, False)  # they are for this process, not for those it starts
    if "lifeline" in fds:
        lifeline.watch(fds["lifeline"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to answer
    _allow_files()
    layout = Layout(asked.state)
    options = msgspec.json.decode(asked.options, type=Options)
    log.configure(layout.logs, asked.role.partition(":")[0])
    log.follow(layout.applied)
    try:
        _run(asked.role, layout, options, fds)
    except ForebayError as error:
        why = "".join(f"; {part}" for part in (error.why, error.fix) if part)
        logging.getLogger("forebay").critical("%s: %s%s", error.code, error.message, why)
        return 1
    return 0


def _allow_files() -> None:
    """Open as many files as the system lets us: a log takes four, and 1,024 is what is usual without asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _warm(fd: int) -> list[str]:
    """Import what the front needs, then wait to be told to be it."""
    import forebay.web.front  # noqa: PLC0415
    import forebay.wire.app  # noqa: F401, PLC0415

    return warm.wait(fd)


def _run(role: str, layout: Layout, options: Options, fds: Mapping[str, int]) -> None:
    kind, _, name = role.partition(":")
    match kind:
        case "front":
            from forebay.web import front  # noqa: PLC0415 - a role imports only its own
            from forebay.wire.app import WireApp  # noqa: PLC0415

            asyncio.run(front.main(layout, options, fds, WireApp))
        case "flow":
            from forebay.runtime import flow_process  # noqa: PLC0415

            asyncio.run(flow_process.main(layout, options))
        case "query":
            from forebay.runtime import query_process  # noqa: PLC0415

            asyncio.run(query_process.main(layout, options))
        case "simulate":
            from forebay.runtime import simulation  # noqa: PLC0415

            simulation.main(layout, name)
        case _:
            raise ForebayError("UnknownRole", f"no process has the role {role}")


if __name__ == "__main__":
    code = main()
    # What started so far is done with; a thread that still waits for a browser must not keep the process.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    gc.disable()
    os._exit(code)
