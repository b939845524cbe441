"""Visitors of a shop, and now and then an attack, as events for the stream `activity`.

    python simulate/shoppers.py --file data/october.csv [--events 20000] [--seed 1]    a CSV file of a month
    python simulate/shoppers.py --send data/october.csv [--speed 60]                   put its rows on the stream

`shoppers` is for `forebay run --simulate`. `labelled` is the same with what each event is of, which no event says.
Without `--file` and `--send` it explains itself.
"""

import argparse
import csv
import itertools
import json
import math
import random
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta

COLUMNS = (
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
)
CATEGORIES = {
    "electronics.smartphone": 27,
    "electronics.audio.headphone": 8,
    "electronics.clocks": 5,
    "computers.notebook": 9,
    "appliances.kitchen.kettle": 4,
    "appliances.environment.vacuum": 6,
    "furniture.living_room.sofa": 4,
    "apparel.shoes": 7,
    "kids.toys": 3,
    "": 27,  # often there is none
}
BRANDS = ("aurel", "birka", "corvo", "dalen", "estra", "fjord", "gallo", "hexa", "", "")
RARELY_BOUGHT = {"hexa", "gallo"}
USERS = 1500
EVERY = 45.0  # seconds from attack to attack
ATTACKS = {
    "user": (8.0, 10.0),
    "address": (8.0, 15.0),
    "scraper": (60.0, 0.7),
}  # how long, and how many a second


class Product:
    """Something that is sold."""

    def __init__(self, number, chance):
        self.id = 1_000_000 + number
        self.category = chance.choices(list(CATEGORIES), list(CATEGORIES.values()))[0]
        self.category_id = 2_053_013_550_000_000_000 + list(CATEGORIES).index(self.category)
        self.brand = chance.choice(BRANDS)
        self.price = round(chance.lognormvariate(4.5, 1.0), 2)


class Shop:
    """People in a shop: each comes, looks at things for a while, may buy one, and goes."""

    def __init__(self, chance):
        self.chance = chance
        # What is sold is the same whoever comes.
        self.products = [Product(number, random.Random(number)) for number in range(400)]
        self.visits = []

    def visit(self):
        """Somebody who comes."""
        chance = self.chance
        user = 500_000_000 + chance.randrange(USERS)
        return {
            "user_id": user,
            "user_session": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "ip": f"198.51.100.{user % 200}" if user % 7 == 0 else f"203.0.{user % 113}.{user % 251}",
            "left": 1 + int(chance.expovariate(1 / 6)),
            "seen": None,
            "cart": None,
        }

    def step(self, people):
        """What one of about `people` who are there does next."""
        chance = self.chance
        while len(self.visits) < people:
            self.visits.append(self.visit())
        index = chance.randrange(len(self.visits))
        visit = self.visits[index]
        kind, product = "view", chance.choice(self.products)
        if visit["cart"] is not None and chance.random() < 0.5:
            kind, product, visit["cart"] = "purchase", visit["cart"], None
        elif wanted(visit) and chance.random() < 0.08:
            kind, product = "cart", visit["seen"]
            visit["cart"] = product
        visit["seen"] = product
        visit["left"] -= 1
        if visit["left"] <= 0:
            self.visits[index] = self.visit()
        return event(kind, product, visit)


def wanted(visit):
    """Whether one may put what was seen last into the cart: of some brands nobody does."""
    return visit["cart"] is None and visit["seen"] is not None and visit["seen"].brand not in RARELY_BOUGHT


def event(kind, product, visit):
    """One action. Every value is text, as in the files of such shops."""
    return {
        "event_type": kind,
        "product_id": str(product.id),
        "category_id": str(product.category_id),
        "category_code": product.category,
        "brand": product.brand,
        "price": str(product.price),
        "user_id": str(visit["user_id"]),
        "user_session": visit["user_session"],
        "ip": visit["ip"],
    }


class Attack:
    """Somebody who is no visitor: `user` hammers under one account, `address` under many, `scraper` reads all."""

    def __init__(self, kind, shop):
        self.kind = kind
        self.lasts, self.pace = ATTACKS[kind]
        self.shop = shop
        self.visits = [shop.visit() for _ in range(30 if kind == "address" else 1)]
        self.count = 0
        for visit in self.visits:
            visit["ip"] = self.visits[0]["ip"]

    def step(self):
        """What it does next: it never buys."""
        self.count += 1
        visit = self.visits[self.count % len(self.visits)]
        products = self.shop.products
        if self.kind == "scraper":
            return event("view", products[self.count % len(products)], visit)
        if self.kind == "user":
            return event(self.shop.chance.choice(("view", "view", "cart")), products[0], visit)
        return event("view", self.shop.chance.choice(products), visit)


def labelled(chance, rate, attacks=True):
    """(event, what it is of: `people` or a kind of attack, second) for ever: people at `rate` a second, attacks beside."""
    shop = Shop(chance)
    people = max(20, int(rate * 12))  # one does something every dozen seconds
    attack, begun, kinds = None, 0.0, itertools.cycle(ATTACKS)
    for number in itertools.count():
        second = number / rate
        yield shop.step(people), "people", second
        if attack is None:
            if attacks and second - begun >= EVERY:
                attack, begun = Attack(next(kinds), shop), second
        elif second - begun >= attack.lasts:
            attack = None
        elif chance.random() < attack.pace / rate:
            yield attack.step(), attack.kind, second


def stamped(event, at):
    """With its time, as the shop writes it and as stream SQL reads it."""
    text = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return {
        "event_time": text,
        **event,
        "txn_timestamp": at.isoformat(timespec="milliseconds").removesuffix("+00:00"),
    }


def shoppers(simulation):
    """What happens now, for `forebay run --simulate`."""
    for event, _, _ in labelled(simulation.random, simulation.rate):
        yield stamped(event, datetime.now(UTC))


def month(chance, count):
    """Rows of a month, more of them in the evening and at weekends."""
    shop = Shop(chance)
    begin = datetime(2019, 10, 1, tzinfo=UTC)
    times = sorted(begin + timedelta(days=chance.randrange(31), hours=evening(chance)) for _ in range(count))
    for at in times:
        row = shop.step(60)
        yield {**stamped(row, at), "event_time": at.strftime("%Y-%m-%d %H:%M:%S UTC")}


def evening(chance):
    """An hour of the day: most come about eight in the evening."""
    while True:
        hour = chance.uniform(0, 24)
        if chance.random() < 0.15 + 0.85 * math.exp(-(((hour - 20) / 4) ** 2)):
            return hour


def write(path, count, seed):
    """A CSV file in the shape of the shop's own."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(month(random.Random(seed), count))


def send(path, speed):
    """Put a file's rows on the stream in their own time, `speed` times as fast, as if it were now."""
    import boto3  # noqa: PLC0415 - only needed here

    kinesis = boto3.client("kinesis")
    first, begun, count = None, time.monotonic(), 0
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["event_time"].removesuffix(" UTC"))
            first = first or at
            pause = (at - first).total_seconds() / speed - (time.monotonic() - begun)
            time.sleep(max(0.0, pause))
            row["txn_timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
            data = json.dumps(row, indent=2)
            kinesis.put_record(StreamName="activity", Data=data, PartitionKey=row["category_id"])
            count += 1
    return count


def main():
    """Write a file, or send one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file")
    parser.add_argument("--send")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=60.0)
    asked = parser.parse_args()
    if asked.file:
        write(asked.file, asked.events, asked.seed)
    elif asked.send:
        print(f"{send(asked.send, asked.speed)} events sent")
    else:
        parser.print_help(sys.stderr)


if __name__ == "__main__":
    main()
