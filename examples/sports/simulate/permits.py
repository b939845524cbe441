"""Permits for events in the city, read from a CSV file and posted row by row.

`permits` is for `forebay run --simulate`. By itself, against a system that runs anywhere:

    python simulate/permits.py data/events.csv [URL]

posts each row of the file to URL (http://127.0.0.1:8000/events). The city's own file has the same columns.
"""

import csv
import json
import sys
import urllib.request
from pathlib import Path

FILE = Path(__file__).parent.parent / "data" / "events.csv"
URL = "http://127.0.0.1:8000/events"

# The file's header, and what the events call it.
COLUMNS = {
    "Event ID": "event_id",
    "Event Name": "event_name",
    "Start Date/Time": "start_date",
    "End Date/Time": "end_date",
    "Event Agency": "event_agency",
    "Event Type": "event_type",
    "Event Borough": "event_borough",
    "Event Location": "event_location",
    "Event Street Side": "event_street_side",
    "Street Closure Type": "street_closure_type",
    "Community Board": "community_board",
    "Police Precinct": "police_precinct",
}


def rows(path=FILE):
    """Each row of a file as an event: every value is text, as in the file."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            yield {name: row[column] for column, name in COLUMNS.items()}


def permits(simulation):
    """The shipped rows, over and over in another order, each time under new ids."""
    known = list(rows())
    number = 700_000
    while True:
        simulation.random.shuffle(known)
        for row in known:
            number += 1
            yield {**row, "event_id": str(number)}


def post(path, url=URL):
    """Post every row of a file; how many."""
    count = 0
    for row in rows(path):
        request = urllib.request.Request(url, json.dumps(row).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            answer.read()
        count += 1
    return count


if __name__ == "__main__":
    print(f"{post(*sys.argv[1:] or [FILE])} events posted")
