"""The image's first process: runs `forebay run ARGUMENTS` and carries connections to it from the container's network.

forebay listens on loopback, and on anything else only with keys and TLS. A container's loopback is its own,
so a published port would lead nowhere. Here the three ports are opened on the container's addresses too, for
whoever is in the same network: the other containers, and the machine itself, which comes as the network's
gateway. A connection from anywhere else is closed, however the ports are published. Where the network is the
machine's own (`--network host`) or a part of the one it is in (macvlan), nothing more is opened: there loopback
leads to forebay, or other machines would.

    python serve.py [--listen ADDRESS/BITS]... ARGUMENTS
"""

import asyncio
import fcntl
import ipaddress
import os
import signal
import socket
import struct
import sys
from pathlib import Path

PORTS = {"--ingest-port": 8000, "--aws-port": 4566, "--console-port": 8080}
ADDRESS, NETMASK = 0x8915, 0x891B  # SIOCGIFADDR, SIOCGIFNETMASK
PIECE = 1 << 16


def inner(net=Path("/sys/class/net")):
    """The names of the interfaces that lead to nothing but other containers and the machine itself.

    None of them has a device, as the machine's own have, nor a type, as what shares one of those has.
    """
    if any((folder / "device").exists() for folder in net.iterdir()):
        return []
    return sorted(
        folder.name for folder in net.iterdir() if "DEVTYPE=" not in (folder / "uevent").read_text()
    )


def interfaces():
    """The container's IPv4 addresses with their networks, besides loopback."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for name in inner():
            request = struct.pack("256s", name.encode()[:15])
            try:
                address, mask = (
                    socket.inet_ntoa(fcntl.ioctl(asked, what, request)[20:24]) for what in (ADDRESS, NETMASK)
                )
            except OSError:  # it has no such address
                continue
            interface = ipaddress.IPv4Interface(f"{address}/{mask}")
            if not interface.is_loopback:
                found.append(interface)
    return found


def ports(arguments):
    """The ports that forebay is told to listen on."""
    chosen = dict(PORTS)
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = word.partition("=")
        if name in chosen:
            chosen[name] = int(value or following)
    return sorted(chosen.values())


async def copy(source, target):
    """Bytes from one to the other, until there are no more."""
    try:
        while data := await source.read(PIECE):
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
    except (OSError, RuntimeError):
        target.close()


def carrier(network, port):
    """What answers a connection to `port` of one interface."""

    async def carry(reader, writer):
        peer = ipaddress.ip_address(writer.get_extra_info("peername")[0])
        if peer not in network:
            writer.close()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # it is not up yet, or no more
            writer.close()
            return
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))
        for each in (writer, inner_writer):
            each.close()

    return carry


async def main(arguments):
    """Until forebay ends; its exit code."""
    listen = []
    while arguments[:1] == ["--listen"]:
        listen.append(ipaddress.IPv4Interface(arguments[1]))
        arguments = arguments[2:]
    child = await asyncio.create_subprocess_exec("forebay", "run", *arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, child.send_signal, number)
    servers = []
    for interface in listen or interfaces():
        for port in ports(arguments):
            answer = carrier(interface.network, port)
            servers.append(await asyncio.start_server(answer, str(interface.ip), port))
    code = await child.wait()
    for server in servers:
        server.close()
    return code


if __name__ == "__main__":
    result = asyncio.run(main(sys.argv[1:]))
    sys.stdout.flush()
    os._exit(result if result >= 0 else 128 - result)
