"""The environment that a function's worker sees: Lambda's variables, the declared ones, nothing else.

The worker does not inherit forebay's own environment: secrets may be kept there, and ambient AWS
credentials must never reach code that was meant for the local system.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from forebay.arn import REGION
from forebay.project.secrets import reveal

PASSED_ON = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


def worker_environment(
    *,
    name: str,
    handler: str,
    memory: int,
    given: Mapping[str, str],
    declared: Mapping[str, str],
    secrets: Callable[[str], str],
) -> tuple[dict[str, str], list[str]]:
    """A worker's whole environment, and the secret values in it (which no log may show).

    `given` comes from the system (`AWS_ENDPOINT_URL`), `declared` from the project, where
    `${secret:NAME}` stands for a secret. Raises ForebayError `UnknownSecret`. `memory` is in bytes.
    """
    env = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
    env.setdefault("PATH", os.defpath)
    env.setdefault("LANG", "C.UTF-8")
    env |= {
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(max(1, memory >> 20)),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python",
        "_HANDLER": handler,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
    }
    env |= given
    found: list[str] = []

    def resolve(secret: str) -> str:
        value = secrets(secret)
        found.append(value)
        return value

    env |= {key: reveal(value, resolve) for key, value in declared.items()}
    return env, found
