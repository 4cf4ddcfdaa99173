"""The months of the forecast's chart: whole ones alone, each in its place, of scopes that have a forecast."""

from datetime import date
from decimal import Decimal

import duckdb

from assets.reports.queries import months_of_cost

DAYS = """
create table unit_economics_daily as
select cast(day as date) as usage_date, product_id, 'm' as model, cast(amount as decimal(38, 12)) as effective_cost_usd
from (values
    ('2028-01-10', 'coding', 9), ('2028-02-29', 'coding', 7), ('2028-11-01', 'coding', 5), ('2028-12-03', 'gone', 2),
    ('2029-02-28', 'coding', 3), ('2029-02-20', 'late', 1), ('2029-03-01', 'coding', 4)
) as days (day, product_id, amount);
"""
FORECAST = """
create table forecast_monthly as
select
    scope, scope_id, date '2029-03-01' as month_start, cast(amount as decimal(38, 12)) as amount_usd,
    cast(amount as decimal(38, 12)) as low_usd, cast(amount as decimal(38, 12)) as high_usd,
    cast(null as varchar) as reason, date '2029-02-28' as basis_date
from (values ('company', 'company', 8), ('product', 'coding', 6), ('product', 'late', 2)) as t (scope, scope_id, amount)
"""


def test_a_month_of_nothing_has_its_place_and_a_part_of_a_month_none() -> None:
    """The twelve months end with February 2029; they leave out the last day of February 2028."""
    with duckdb.connect() as connection:
        connection.execute(DAYS + FORECAST)
        found = months_of_cost(connection)
    months = {
        scope_id: [(row["month_start"], row["amount_usd"]) for row in found if row["scope_id"] == scope_id]
        for scope_id in ("company", "coding", "late")
    }
    assert sum(map(len, months.values())) == len(found), "what has no forecast stands nowhere"
    assert months["late"] == [(date(2029, 2, 1), Decimal(1)), (date(2029, 3, 1), Decimal(2))]
    assert months["coding"] == [
        (date(2028, 11, 1), Decimal(5)),
        (date(2028, 12, 1), Decimal(0)),
        (date(2029, 1, 1), Decimal(0)),
        (date(2029, 2, 1), Decimal(3)),
        (date(2029, 3, 1), Decimal(6)),
    ]
    assert [amount for _, amount in months["company"]] == [Decimal(amount) for amount in (5, 2, 0, 4, 8)]
    assert [row["is_forecast"] for row in found] == [row["month_start"] == date(2029, 3, 1) for row in found]
