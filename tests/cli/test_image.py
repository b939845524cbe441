"""The image's first process (`packaging/serve.py`): what is in the container's network reaches a system on loopback."""

from __future__ import annotations

import contextlib
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import request, until
from tests.repo.repository import ROOT

INSIDE, OUTSIDE = "127.0.0.2/8", "127.0.0.3/32"
"""Two addresses of the container, in whose networks those who ask from 127.0.0.1 are and are not."""


def free_ports() -> list[int]:
    """Three that are free, and that nobody is given who asks for any: those are above."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(range(first - 10_000, first), 10_000):
            probe = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == 3:
                break
    return found


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """Ingest, AWS and console."""
    found = free_ports()
    named = [f"--{name}-port={port}" for name, port in zip(("ingest", "aws", "console"), found, strict=True)]
    listen = ["--listen", INSIDE, "--listen", OUTSIDE]
    serve = [sys.executable, str(ROOT / "packaging" / "serve.py"), *listen, "--allow-host", "forebay"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [*serve, "--project-less", "--ephemeral", *named],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: request(f"http://127.0.0.2:{found[2]}/readyz").status == 200)
    yield found
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 0, said
    assert "Traceback" not in said, said


def test_every_port_is_reached_from_its_network(ports: list[int]) -> None:
    ingest, aws, _ = ports
    assert request(f"http://127.0.0.2:{ingest}/healthz").status == 200
    assert b"ListAllMyBucketsResult" in request(f"http://127.0.0.2:{aws}/").body


def test_a_body_of_many_pieces_goes_both_ways(ports: list[int]) -> None:
    url = f"http://127.0.0.2:{ports[1]}/bucket"
    assert request(url, "PUT").status == 200
    body = os.urandom(3 << 20)
    assert until(lambda: request(f"{url}/key", "PUT", body)).status == 200
    assert request(f"{url}/key").body == body


def test_it_answers_to_the_name_that_other_containers_know_it_by_and_to_no_other(ports: list[int]) -> None:
    url = f"http://127.0.0.2:{ports[1]}/"
    assert request(url, headers={"Host": f"forebay:{ports[1]}"}).status == 200
    assert request(url, headers={"Host": "evil.example"}).status == 421


def test_who_comes_from_elsewhere_is_not_answered(ports: list[int]) -> None:
    for port in ports:
        with socket.create_connection(("127.0.0.3", port), 10, ("127.0.0.1", 0)) as connection:
            assert connection.recv(1) == b""


def net(folder: Path, **interfaces: str) -> Path:
    """What the kernel says of interfaces: `device`, or the type if it has one."""
    for name, kind in interfaces.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "uevent").write_text(
            f"{kind}\nINTERFACE={name}\n" if "=" in kind else "INTERFACE=x\n"
        )
        if kind == "device":
            (folder / name / "device").mkdir()
    return folder


def test_only_what_leads_to_containers_is_opened(tmp_path: Path) -> None:
    """Not the machine's own network, nor a part of it: other machines are there, and no key is asked for."""
    inner = runpy.run_path(str(ROOT / "packaging" / "serve.py"))["inner"]
    assert inner(net(tmp_path / "bridge", lo="", eth0="")) == ["eth0", "lo"]
    assert inner(net(tmp_path / "host", lo="", enp3s0="device", tun0="", docker0="DEVTYPE=bridge")) == []
    assert inner(net(tmp_path / "macvlan", lo="", eth0="DEVTYPE=macvlan")) == ["lo"]
