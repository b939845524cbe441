"""Posts each row of a CSV file of events: sports_generator.py FILE URL"""

import csv
import json
import sys
import urllib.request

FIELDS = [
    "event_id",
    "event_name",
    "start_date",
    "end_date",
    "event_agency",
    "event_type",
    "event_borough",
    "event_location",
    "event_street_side",
    "street_closure_type",
    "community_board",
    "police_precinct",
]


def main(path, url):
    with open(path, encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            body = json.dumps(dict(zip(FIELDS, row)))
            request = urllib.request.Request(
                url, data=body.encode(), headers={"Content-Type": "application/json"}, method="POST"
            )
            with urllib.request.urlopen(request) as response:
                print(response.status, response.read().decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
