"""Made-up companies to hold the forecast against: weekday seasons, growth, noise, incidents and steps, by seed.

Sizes and shapes were written down before any method of the forecast was tried on them.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

LAST_DAY = date(2026, 10, 31)
PRODUCTS = ("assistant", "coding", "insights")


def history(seed: int) -> Iterator[dict[str, Any]]:
    """One row per day and product up to LAST_DAY: its requests and what they cost in USD at one price.

    13 to 39 weeks. A product is for work (weekends of a fifth to a half) or for consumers (a sixth up or down), grows
    by 0.4 % a week, give or take 0.8, and each day is off by 8 to 25 %. Half of them have an incident of one to four
    days at two to five times, three in ten a step to 0.7 to 1.4 times from some day on.
    """
    random = Random(seed)
    days = 7 * random.randint(13, 39)
    for product in PRODUCTS:
        weekend = random.uniform(0.2, 0.5) if random.random() < 0.5 else random.uniform(5 / 6, 7 / 6)
        growth, noise = random.gauss(0.004, 0.008), random.uniform(0.08, 0.25)
        level, price = random.uniform(500, 5000), random.uniform(0.002, 0.05)
        incident, length, height = random.randrange(days), random.randint(1, 4), random.uniform(2, 5)
        has_incident = random.random() < 0.5
        step_day, step = random.randrange(days), random.uniform(0.7, 1.4) if random.random() < 0.3 else 1.0
        for number in range(days):
            day = LAST_DAY - timedelta(days=days - 1 - number)
            requests = level * (1 + growth) ** (number / 7) * math.exp(random.gauss(0, noise))
            requests *= weekend if day.weekday() >= 5 else 1
            requests *= height if has_incident and incident <= number < incident + length else 1
            requests *= step if number >= step_day else 1
            yield {"usage_date": day, "product_id": product, "requests": round(requests), "usd": requests * price}
