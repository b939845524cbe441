"""The built front end (`web/static/`), from memory, compressed once.

Files under `assets/` have their content's hash in their name and are kept for ever by browsers; the page
itself is asked for each time. Any other path is a page of the single-page app.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

STATIC = Path(__file__).parent / "static"
_TEXT = ("text/", "application/javascript", "application/json", "image/svg")

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>forebay: the console is not built</title>
<body><h1>The console has not been built</h1>
<p>This forebay runs from a source tree in which the pages have not been made yet. The system itself runs:
events are taken, delivered and can be queried. To make the pages (Node 20.19 or later):</p>
<pre>cd src/forebay/web/ui &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>or <code>make install</code>, then load this page again.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes | None
    etag: str
    media: str


class StaticFiles:
    """Serves the files of `folder`."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._files: dict[str, tuple[int, _File]] = {}

    def respond(self, request: Request) -> Response:
        """The file that the request's path names, or the app's page."""
        name = request.url.path.lstrip("/")
        hashed = name.startswith("assets/")
        if not hashed and "." not in name.rpartition("/")[2]:
            name = "index.html"
        file = self._file(name)
        if file is None:
            if name == "index.html":
                return HTMLResponse(NOT_BUILT, 503)
            return Response("not found", 404, media_type="text/plain")
        headers = {
            "ETag": file.etag,
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
        }
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        body = file.body
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = file.packed, "gzip"
        return Response(body, headers=headers, media_type=file.media)

    def _file(self, name: str) -> _File | None:
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder.resolve()):
                return None
            changed = path.stat().st_mtime_ns
            kept = self._files.get(name)
            if kept is not None and kept[0] == changed:
                return kept[1]
            body = path.read_bytes()
        except (OSError, ValueError):
            return None
        media = mimetypes.guess_type(name)[0] or "application/octet-stream"
        media = "text/javascript" if name.endswith(".js") else media
        packed = gzip.compress(body, 6, mtime=0) if media.startswith(_TEXT) and len(body) > 512 else None
        file = _File(body, packed, f'"{hashlib.sha256(body).hexdigest()[:24]}"', media)
        self._files[name] = (changed, file)
        return file
