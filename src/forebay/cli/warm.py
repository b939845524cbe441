"""A front that has imported its code while `forebay run` still checks the project.

On two cores the two take place side by side, and a POST is acknowledged in half the time. The process
waits on a socket for its arguments and file descriptors; if none come, it ends with the socket.
"""

from __future__ import annotations

import array
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

_MOST = 1 << 20
_FDS = 16


class Warm:
    """The process, seen by who started it: `go` once, or `cancel`."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "forebay.cli.process", "--warm", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,
                start_new_session=True,
            )

    def go(self, arguments: Sequence[str], fds: Mapping[str, int]) -> subprocess.Popen[bytes]:
        """Let it run with these arguments of `forebay.cli.process` and these file descriptors."""
        message = json.dumps({"arguments": list(arguments), "fds": list(fds)}).encode()
        with self._socket:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds.values()))]
            self._socket.sendmsg([len(message).to_bytes(4, "big")], rights)
            self._socket.sendall(message)
        return self._process

    def cancel(self) -> None:
        """It is not needed. Does nothing once it was let go."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            self._process.wait()


def wait(fd: int) -> list[str]:
    """In the process: the arguments, once they come, with the descriptors as `--fd name=number` among them.

    Ends the process if none come.
    """
    with socket.socket(fileno=fd) as own:
        size, fds, _, _ = socket.recv_fds(own, 4, _FDS)
        if len(size) < 4:
            os._exit(0)
        message = b""
        wanted = int.from_bytes(size, "big")
        while len(message) < wanted:
            part = own.recv(min(_MOST, wanted - len(message)))
            if not part:
                os._exit(0)
            message += part
    found = json.loads(message)
    arguments: list[str] = found["arguments"]
    for name, number in zip(found["fds"], fds, strict=True):
        arguments += ["--fd", f"{name}={number}"]
    return arguments
