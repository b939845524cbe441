"""Where a function's code can be fetched: a URL of this port that is good for ten minutes, as on AWS, without a key.

    /_forebay/code/NAME/SHA256.zip?Expires=SECONDS&Signature=HEX     of just this code of just this function

What was uploaded is answered byte by byte; of a function of the project, a zip file with the handler's file.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import re
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

from forebay.functions.section import FunctionSpec
from forebay.project.model import Project
from forebay.runtime.directory import Directory
from forebay.runtime.system import System
from forebay.wire.protocol.encode import encode_error
from forebay.wire.protocol.message import CODE, AwsError, Request, Response
from forebay.wire.service import Asked

LIVES = 600
BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def url(asked: Asked, name: str, sha256: str) -> str:
    """The URL of a function's code, at the address that the caller used."""
    scheme = "https" if asked.request.secure else "http"
    expires = str(int(time.time()) + LIVES)
    said = {"Expires": expires, "Signature": _signature(asked.system, name, sha256, expires)}
    path = f"{CODE}{quote(name, safe='')}/{sha256}.zip"
    return f"{scheme}://{asked.request.headers['host']}{path}?{urlencode(said)}"


def _signature(system: System, name: str, sha256: str, expires: str) -> str:
    text = f"code\0{name}\0{sha256}\0{expires}"
    return hmac.digest(Directory.of(system).master(), text.encode(), "sha256").hex()


def code_file(project: Project, spec: FunctionSpec) -> Path | None:
    """The file of a declared function's handler, if it is there."""
    path = spec.handler.rpartition(".py:")[0] or spec.handler.rpartition(".")[0]
    file = Path(project.root, f"{path}.py")
    return file if file.is_file() else None


def project_zip(project: Project, spec: FunctionSpec) -> bytes:
    """A zip file with the handler's file, where it is in the project; always the same for the same code."""
    file = code_file(project, spec)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        if file is not None:
            name = file.relative_to(project.root).as_posix()
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    return made.getvalue()


async def serve(system: System, request: Request) -> Response:
    """Answer who has the URL; anybody else as S3 does."""
    try:
        name, sha256 = _checked(system, request)
        return await _answer(system, name, sha256)
    except AwsError as error:
        return encode_error("s3", "rest-xml", error, request.request_id)


def _checked(system: System, request: Request) -> tuple[str, str]:
    """Name and hash of the code that a URL is of. Raises AwsError."""
    if request.method not in ("GET", "HEAD"):
        raise AwsError(
            "MethodNotAllowed", "The specified method is not allowed against this resource.", http=405
        )
    name, _, file = request.path.removeprefix(CODE).rpartition("/")
    name, sha256 = unquote(name), file.removesuffix(".zip")
    given = dict(request.parameters())
    expires, signature = given.get("Expires", ""), given.get("Signature", "")
    wanted = _signature(system, name, sha256, expires)
    if not hmac.compare_digest(wanted.encode(), signature.encode()) or not _SHA256.fullmatch(sha256):
        raise AwsError("AccessDenied", "Access Denied", http=403)
    if time.time() >= int(expires):
        raise AwsError("AccessDenied", "Request has expired", http=403)
    return name, sha256


async def _answer(system: System, name: str, sha256: str) -> Response:
    headers = {"content-type": "application/zip"}
    path = system.layout.code / f"{sha256}.zip"
    try:
        size = path.stat().st_size
    except OSError:
        return Response(200, headers, await asyncio.to_thread(_of_project, system, name, sha256))
    return Response(200, {**headers, "content-length": str(size)}, stream=_pieces(path))


def _of_project(system: System, name: str, sha256: str) -> bytes:
    project = system.declared()
    spec = project.of(FunctionSpec).get(name)
    made = b"" if spec is None else project_zip(project, spec)
    if hashlib.sha256(made).hexdigest() != sha256:
        raise AwsError("NoSuchKey", "The specified key does not exist.", http=404)
    return made


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, BLOCK):
            yield piece
