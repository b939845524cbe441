"""What front.sock does with keys: those of routes, those of AWS users, and what a function's own calls are signed with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from forebay.access.keys import Keys
from forebay.errors import NotFound
from forebay.project.model import Project
from forebay.runtime.credentials import function_credentials
from forebay.runtime.directory import Directory, access_of
from forebay.runtime.documents import Documents


class KeyOperations:
    """`declared` is the project as it is written, `project` that with what was made over the wire."""

    def __init__(
        self,
        keys: Keys,
        documents: Documents,
        *,
        declared: Callable[[], Project],
        project: Callable[[], Project],
        loopback: bool,
    ) -> None:
        self._keys = keys
        self._documents = documents
        self._declared = declared
        self._project = project
        self._loopback = loopback

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Awaitable[Any]]]:
        """By their names on the socket."""
        return {
            "keys_create": self._create,
            "keys_list": self._list,
            "keys_revoke": self._revoke,
            "aws_keys_create": self._create_aws,
            "function_credentials": self._credentials,
        }

    async def _create(self, args: dict[str, Any]) -> dict[str, Any]:
        routes, known = args.get("routes"), self._project().sections.get("ingest", {})
        unknown = [name for name in routes or () if name not in known]
        if unknown:
            why = f"there are: {', '.join(known) or 'none'}"
            raise NotFound("NoSuchRoute", f"there is no route {unknown[0]}", why=why)
        key, secret = self._keys.create(args["name"], routes)
        return {**key.to_dict(), "secret": secret}

    async def _list(self, _: dict[str, Any]) -> list[dict[str, Any]]:
        return [key.to_dict() for key in self._keys.list()]

    async def _revoke(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._keys.revoke(args["id"]).to_dict()

    async def _create_aws(self, args: dict[str, Any]) -> dict[str, Any]:
        id, key = self._directory().new_key(args["user"])
        return {"id": id, "user": key["user"], "secret": key["secret"]}

    async def _credentials(self, args: dict[str, Any]) -> dict[str, str]:
        return function_credentials(
            self._directory(),
            function=args["function"],
            role=args.get("role"),
            uploaded=bool(args.get("uploaded")),
            open=self._loopback and access_of(self._declared()).unsigned,
        )

    def _directory(self) -> Directory:
        return Directory(self._documents, access_of(self._declared()))
