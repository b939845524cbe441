"""The listening sockets, opened once by the supervisor and handed to each front it starts.

The port stays ours while the front is being restarted: connections wait in the backlog instead of being
refused. The kernel closes them with the last process that holds them.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from pathlib import Path

from forebay.errors import ForebayError, UsageError

BACKLOG = 1024
_FLAGS = {"ingest": "--ingest-port", "aws": "--aws-port", "console": "--console-port"}


def open_doors(host: str, ports: Mapping[str, int]) -> dict[str, socket.socket]:
    """A listening socket a door. Raises ForebayError `PortInUse` (who holds it, what to do), or `BadHost`."""
    found: dict[str, socket.socket] = {}
    try:
        for name, port in ports.items():
            found[name] = _listen(host, port, name)
    except BaseException:
        for opened in found.values():
            opened.close()
        raise
    return found


def _listen(host: str, port: int, name: str) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UsageError("BadHost", f"{host} is no address to listen on: {error}", fix="see --host") from None
    opened = socket.socket(family, kind, proto)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise _why(error, host, port, name) from None
    return opened


def _why(error: OSError, host: str, port: int, name: str) -> ForebayError:
    flag = _FLAGS.get(name, f"--{name}-port")
    if error.errno == errno.EADDRINUSE:
        holder = listener(port)
        who = f" by {holder[1]} (pid {holder[0]})" if holder else ""
        return ForebayError(
            "PortInUse",
            f"port {port}, for {name}, is in use{who}",
            where=f"{host}:{port}",
            fix=f"stop it, or choose another: {flag} {port + 1 if port < 65535 else 0} (0 picks a free one)",
        )
    if error.errno == errno.EACCES:
        return ForebayError(
            "PortForbidden",
            f"port {port}, for {name}, may not be opened by this user",
            where=f"{host}:{port}",
            why="ports below 1024 are the administrator's",
            fix=f"choose another: {flag} 0",
        )
    return ForebayError(
        "CannotListen", f"cannot listen on {host}:{port} for {name}: {error.strerror}", fix="see --host"
    )


def listener(port: int) -> tuple[int, str] | None:
    """Pid and name of the process that listens on TCP `port`, where this user may know (Linux)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            parts = row.split()
            if parts[3] == "0A" and int(parts[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{parts[9]}]")
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                return int(process.name), (process / "comm").read_text().strip()
        except OSError:
            continue
    return None
