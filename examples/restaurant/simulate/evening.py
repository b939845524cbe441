"""Clicks on a menu that look like an evening in a restaurant.

Guests come in two sittings, around half past seven and nine. Each opens a menu and goes through it in
order: drinks, starters, mains, desserts, with the time between them that eating takes. On each page a
guest looks at a few dishes and stays longest at what is chosen; some lose interest and close the menu
after a glance. How long somebody looks is log-normal.

What has happened this evening before the simulation began comes first, in one burst; from then on
clicks come at the rate that was asked for, and are stamped as they happen. All chance is drawn from
`simulation.random`, so a seed gives the same evening again.
"""

import datetime as dt
import heapq
import math

OPENS = 17.5 * 60
CLOSES = 23.5 * 60
BEGINS = 20.25 * 60  # the minute of the evening at which the simulation joins
MOST_GUESTS = 15_000  # of one evening, however high the rate

# share of guests, minute at which they come, how widely spread
SITTINGS = [(0.47, 19.4 * 60, 34), (0.40, 20.85 * 60, 28)]

MENUS = {"dining_room": 46, "terrace": 27, "bar": 15, "takeaway": 12}

# page: (how likely it is opened, minutes after the page before, median seconds at a dish, dishes)
# A dish is its popularity and how much longer or shorter than others it is looked at.
COURSES = {
    "drink": (0.92, 0, 9, [(30, 1.0), (24, 0.9), (17, 1.1), (12, 1.0), (10, 1.4), (7, 0.8)]),
    "starter": (0.68, 6, 14, [(28, 1.0), (26, 1.2), (18, 0.35), (16, 1.0), (12, 1.3)]),
    "entree": (
        0.97,
        10,
        24,
        [(24, 1.3), (19, 1.0), (15, 1.1), (13, 0.3), (11, 1.0), (8, 1.5), (6, 0.9), (4, 1.0)],
    ),
    "dessert": (0.55, 48, 11, [(34, 1.1), (26, 1.0), (18, 0.9), (13, 1.2), (9, 0.4)]),
}
WITHOUT = {
    "bar": {"entree": 0.3, "dessert": 0.4},
    "takeaway": {"drink": 0.5},
}  # what is opened less often there
LOSES_INTEREST = 0.09  # on each page


def arrival(random):
    """The minute of the day at which a guest comes."""
    dice = random.random()
    for share, middle, spread in SITTINGS:
        if dice < share:
            minute = random.gauss(middle, spread)
            return min(max(minute, OPENS), CLOSES - 30)
        dice -= share
    return random.uniform(OPENS, CLOSES - 60)


def guest(random):
    """One guest's visit: (minute, element, seconds looked at it, menu), in order."""
    menu = random.choices(list(MENUS), list(MENUS.values()))[0]
    minute = arrival(random)
    clicks = []
    for course, (opened, after, median, dishes) in COURSES.items():
        if random.random() > opened * WITHOUT.get(menu, {}).get(course, 1):
            continue
        if clicks:
            minute += after * random.lognormvariate(0, 0.25)
        lost = random.random() < LOSES_INTEREST
        looks = 1 if lost else 1 + min(int(random.expovariate(1 / 1.1)), 5)
        chosen = random.choices(range(len(dishes)), [weight for weight, _ in dishes], k=looks)
        for at, dish in enumerate(chosen):
            seconds = median * dishes[dish][1] * random.lognormvariate(0, 0.55)
            if lost:
                seconds = 1 + 3 * random.random()
            elif at == looks - 1:
                seconds *= 1.7  # reads to the end what is then ordered
            spent = max(1, round(seconds))
            minute += spent / 60
            clicks.append((minute, f"{course}_{dish + 1}", spent, menu))
        if lost:
            break
    return clicks


def evening(random, guests):
    """Every click of an evening with so many guests, in the order in which they happen."""
    clicks = []
    for _ in range(guests):
        clicks += guest(random)
    heapq.heapify(clicks)
    while clicks:
        yield heapq.heappop(clicks)


def event(click, at):
    """What the menu's page sends."""
    _, element, spent, menu = click
    return {
        "element_clicked": element,
        "time_spent": spent,
        "source_menu": menu,
        "created_at": at.strftime("%Y-%m-%d %H:%M:%S"),
    }


def clicks(simulation):
    """An evening that is well under way, then evening after evening."""
    random = simulation.random
    # At the peak a minute sees 0.58 % of an evening's clicks, and a guest makes 4.2.
    guests = min(MOST_GUESTS, math.ceil(simulation.rate * 60 / 0.0058 / 4.2))
    tonight = evening(random, guests)
    now = simulation.now()
    before = []
    for click in tonight:
        if click[0] >= BEGINS:
            break
        before.append(event(click, now - dt.timedelta(minutes=BEGINS - click[0])))
    yield before
    while True:
        for click in tonight:
            yield event(click, simulation.now())
        tonight = evening(random, guests)
