"""Makes docs/images/dashboard.png: the restaurant's dashboard, as the running demo shows it in Chromium.

python scripts/picture.py TO.png [WIDTH] [light|dark]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
MOST = 300_000  # bytes, so that the README loads quickly


def demo(state: Path) -> subprocess.Popen[str]:
    """`forebay run --simulate --json` on the restaurant, its lake holding three past evenings."""
    example = ROOT / "examples" / "restaurant"
    subprocess.run([sys.executable, "simulate/history.py", state, "3"], cwd=example, check=True)
    ports = [word for door in ("ingest", "aws", "console") for word in (f"--{door}-port", "0")]
    return subprocess.Popen(
        [
            Path(sys.executable).parent / "forebay",
            "run",
            example,
            "--simulate",
            "--json",
            "--state",
            state,
            *ports,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )


def take(url: str, to: Path, width: int, scheme: str) -> None:
    """Open the page, wait until every tile has drawn, and keep the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": 1290}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page.goto(url)
        page.wait_for_selector("canvas", timeout=30_000)
        time.sleep(8)  # charts move into place, and the first hot rows arrive
        page.screenshot(path=to)
        browser.close()


def main(to: Path, width: int = 1400, scheme: str = "light") -> None:
    """The whole way."""
    with tempfile.TemporaryDirectory() as folder:
        system = demo(Path(folder) / "state")
        try:
            assert system.stdout is not None
            (url,) = json.loads(system.stdout.readline())["dashboards"].values()
            take(url, to, width, scheme)
        finally:
            system.terminate()
            system.wait(30)
    size = to.stat().st_size
    print(f"{to}: {size:,} bytes")
    if size > MOST:
        raise SystemExit(f"more than {MOST:,} bytes")


if __name__ == "__main__":
    words = sys.argv[2:]
    main(Path(sys.argv[1]), int(words[0]) if words else 1400, words[1] if len(words) > 1 else "light")
