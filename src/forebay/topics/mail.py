"""Mails to subscribers, handed to the mail server that the project names."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage

from forebay.errors import Unavailable
from forebay.topics.errors import Refused
from forebay.topics.section import MailSpec

TIMEOUT = 15.0
_FIX = "say the server under `mail` of the topic"


def send(
    server: MailSpec, reveal: Callable[[str], str], *, to: str, subject: str, text: str, id: str
) -> None:
    """Hand one mail over. Raises Refused for an address that the server does not take, Unavailable."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(subject.split())
    mail["From"] = server.sender or f"forebay@{socket.getfqdn()}"
    try:
        mail["To"] = to
    except ValueError:
        raise Refused("BadAddress", f"{to!r} is no mail address") from None
    mail["Message-ID"] = f"<{id}@forebay>"
    mail.set_content(text)
    try:
        with _connected(server) as smtp:
            if server.user is not None:
                smtp.login(reveal(server.user), reveal(server.password or ""))
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        message = f"the mail server refuses {to}: {code} {said.decode('utf-8', 'replace')}"
        raise (Refused if code >= 500 else Unavailable)("RecipientRefused", message) from None
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error if isinstance(error.smtp_error, bytes) else str(error.smtp_error).encode()
        message = f"the mail server answered {error.smtp_code} {said.decode('utf-8', 'replace')}"
        raise Unavailable("MailFailed", message) from None
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(
            "MailServerUnreachable", f"{server.host}:{server.port}: {error}", fix=_FIX
        ) from None


def _connected(server: MailSpec) -> smtplib.SMTP:
    if server.tls == "always":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    if server.tls == "starttls":
        try:
            smtp.starttls(context=ssl.create_default_context())
        except BaseException:
            smtp.close()
            raise
    return smtp
