"""Past evenings, as objects that are in the lake before the system is.

    python simulate/history.py [STATE] [DAYS]

writes gzip JSON lines to STATE/lake/restaurant-lake/clicks/YYYY/MM/dd/HH/, where `aws s3 sync` would
put the objects of a restaurant that has run on AWS for some days. They are rows of the table like any
others. Each evening is anchored as tonight's simulation is (`evening.py`), so that days compare.
"""

import datetime as dt
import gzip
import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parent))

import evening

GUESTS = 4_900  # as many as an evening has at two clicks a second


def write(state, days, chance, now):
    """Write `days` evenings before `now` (aware, in the restaurant's timezone); the number of clicks."""
    hours = defaultdict(list)
    for day in range(1, days + 1):
        for click in evening.evening(chance, int(GUESTS * chance.uniform(0.7, 0.95))):
            at = now - dt.timedelta(days=day, minutes=evening.BEGINS - click[0])
            hours[at.astimezone(dt.UTC).strftime("%Y/%m/%d/%H")].append(evening.event(click, at))
    for hour, events in hours.items():
        folder = Path(state) / "lake" / "restaurant-lake" / "clicks" / hour
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = "".join(json.dumps(event) + "\n" for event in events)
        (folder / f"clicks-1-{hour.replace('/', '-')}-history.gz").write_bytes(gzip.compress(lines.encode()))
    return sum(map(len, hours.values()))


if __name__ == "__main__":
    state = sys.argv[1] if len(sys.argv) > 1 else ".forebay"
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    present = dt.datetime.now(ZoneInfo("Europe/Madrid"))
    print(f"{write(state, days, random.Random(7), present):,} clicks of {days} past evenings")
