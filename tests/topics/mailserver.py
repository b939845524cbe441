"""A mail server that keeps what it is given."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """Mails as they came; an address that begins with `nobody` is refused."""

    port: int = 0
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to an address."""
        return [mail for to, mail in list(self.mails) if to == address]


@contextlib.contextmanager
def mailserver() -> Iterator[MailServer]:
    """A server on a free port."""
    kept = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def handle(self) -> None:
            self._say("220 test")
            to = ""
            for raw in self.rfile:
                line = raw.decode().strip()
                word = line.partition(" ")[0].upper()
                if word == "EHLO":
                    self._say("250-test")
                    self._say("250 AUTH PLAIN")
                elif word == "AUTH":
                    kept.logins.append(line)
                    self._say("235 welcome")
                elif word == "RCPT":
                    to = line.partition("<")[2].partition(">")[0]
                    self._say("550 no such mailbox" if to.startswith("nobody") else "250 ok")
                elif word == "DATA":
                    self._say("354 go on")
                    data = b""
                    while (part := self.rfile.readline()) not in (b".\r\n", b""):
                        data += part
                    mail = message_from_bytes(data, policy=policy.default)
                    assert isinstance(mail, EmailMessage)
                    kept.mails.append((to, mail))
                    self._say("250 kept")
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
