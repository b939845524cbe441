"""Runs the checks of a program, one after the other, and says of each on a line how it ended.

It runs in the environment of somebody else's client and knows nothing of forebay.
"""

import json
import runpy
import sys
import traceback


def main() -> None:
    found = runpy.run_path(sys.argv[1])
    for name, check in found.items():
        if not name.startswith("check_"):
            continue
        failed = None
        try:
            check()
        except Exception:
            failed = traceback.format_exc()
        sys.stdout.write(json.dumps({"check": name, "failed": failed}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
