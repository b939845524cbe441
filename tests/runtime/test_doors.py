from __future__ import annotations

import os
import socket

import pytest

from forebay.errors import ForebayError
from forebay.runtime.doors import listener, open_doors


def test_port_zero_picks_a_free_one() -> None:
    doors = open_doors("127.0.0.1", {"ingest": 0, "console": 0})
    ports = {door.getsockname()[1] for door in doors.values()}
    assert len(ports) == 2
    assert 0 not in ports
    for door in doors.values():
        door.close()


def test_a_port_in_use_says_which_and_whose_and_how_to_choose_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ForebayError) as caught:
            open_doors("127.0.0.1", {"aws": 0, "ingest": port})
    assert caught.value.code == "PortInUse"
    assert str(port) in caught.value.message
    assert f"pid {os.getpid()}" in caught.value.message
    assert "--ingest-port" in (caught.value.fix or "")


def test_nobody_listens_on_a_port_that_is_closed() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    assert listener(port) is None


def test_a_host_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(ForebayError) as caught:
        open_doors("no.such.host.invalid", {"ingest": 0})
    assert caught.value.code == "BadHost"
