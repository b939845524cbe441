"""Runs one INSERT in Flink, in an environment that has it; says the CPU seconds of its JVM.

python streamsql_flink.py < {"ddl": [...], "insert": "..."}
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment  # type: ignore[import-not-found]

asked = json.load(sys.stdin)
tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
for key, value in {
    "parallelism.default": "2",
    "table.local-time-zone": "UTC",
    "execution.checkpointing.interval": "1 s",
    "rest.bind-port": "0",
}.items():
    tables.get_config().set(key, value)
for ddl in asked["ddl"]:
    tables.execute_sql(ddl)
tables.execute_sql(asked["insert"]).wait()


def cpu(process: int) -> float:
    """CPU seconds of all that descends from a process, which nobody waits for."""
    used = 0.0
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + cpu(int(child))
    return used


print(cpu(os.getpid()))
