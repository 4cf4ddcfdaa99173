"""Prices in a foreign currency: the same rates as bills, and what is refused."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.home import Home, init_home
from sources.settings import SettingsError, load_settings
from sources.settings.foreign import in_usd, monthly_rate
from sources.settings.models import Contract, FxRate
from tests.integration.priced import price_calls
from tests.unit.dbt_project.compiled import PROJECT, _environment, rows_of

DATED = [
    ("2026-08-31", "1.5"), ("2026-09-01", "1.1"), ("2026-09-15", "1.12"), ("2026-09-30", "1.13000001"),
    ("2026-11-02", "1.2"), ("2026-11-03", "1.3"),
]  # fmt: skip
RATES = [FxRate.model_validate({"currency": "EUR", "rate_date": day, "usd_per_unit": usd}) for day, usd in DATED]
MONTHS = [date(2026, month, 1) for month in range(7, 13)]
ACCOUNTS = "service_provider,billing_account_id,gateway,gateway_provider\nmistral,m-1,litellm,mistral\n"


def contract(**changes: Any) -> Contract:
    return Contract.model_validate(
        {
            "contract_id": "c",
            "service_provider": "mistral",
            "models": ["mistral-large*"],
            "currency": "EUR",
            "prices_per_mtok_in_currency": {"input": "2", "output": "6"},
            "valid_from": "2026-09-10",
            "source": "order form",
        }
        | changes
    )


def test_the_rate_of_a_month_is_that_of_its_bills() -> None:
    ours = {month: monthly_rate(RATES, "EUR", month) for month in MONTHS}
    assert ours[MONTHS[0]] is None
    assert ours[date(2026, 9, 1)] == Decimal("1.11666667")
    environment = _environment("")
    environment.globals["cloud_bills"] = list
    path = PROJECT / "models/intermediate/revenue/int_fx_rates_monthly.sql"
    rates = [(row.currency, row.rate_date, row.usd_per_unit) for row in RATES]
    types = {"currency": pl.String(), "rate_date": pl.Date(), "usd_per_unit": pl.Decimal(18, 8)}
    revenue = {"currency": ["EUR"] * len(MONTHS), "service_month": MONTHS}
    costs = pl.DataFrame(schema={"currency": pl.String(), "usage_date": pl.Date()})
    found = rows_of(
        environment.from_string(path.read_text(encoding="utf-8")).render(),
        {
            "stg_config__fx_rates": pl.DataFrame(rates, schema=types, orient="row"),
            "int_revenue_days_spread": pl.DataFrame(revenue),
            "stg_openai__costs": costs,
        },
    )
    assert {row["service_month"]: row["usd_per_unit"] for row in found} == ours


def test_a_contract_is_one_of_usd_for_every_month_with_a_rate_of_its_own() -> None:
    september, october, november, december = in_usd([contract()], RATES)
    assert [(one.valid_from, one.valid_to) for one in (september, october, november, december)] == [
        (date(2026, 9, 10), date(2026, 10, 1)),
        (date(2026, 10, 1), date(2026, 11, 1)),
        (date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 12, 1), date(9999, 12, 31)),
    ]
    outputs = [one.fixed_prices["output"] for one in (september, october, november, december)]
    # The average, the last of September, the average, the last of November.
    assert outputs == [Decimal(text) for text in ("6.70000002", "6.78000006", "7.5", "7.8")]
    assert (september.currency, september.source) == ("USD", "order form; 1 EUR at 1.11666667 USD")
    in_dollars = contract(currency="USD", prices_per_mtok_in_currency=None, prices_per_mtok_usd={"input": "1"})
    assert in_usd([in_dollars], []) == (in_dollars,)


def test_calls_cost_the_rate_of_their_month() -> None:
    call = {"service_provider": "mistral", "model_id": "mistral-large-x", "service_tier": "standard"}
    used = {"input_uncached_tokens": 1_000_000, "output_text_tokens": 100_000}
    times = [datetime(2026, 9, 30, 23, 59, 59), datetime(2026, 10, 1), datetime(2026, 11, 1)]
    priced = price_calls([call | used | {"started_at": at} for at in times], contracts=in_usd([contract()], RATES))
    assert [cost for cost, _ in priced] == [Decimal("2.903333342"), Decimal("2.938000026"), Decimal("3.25")]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (
            "currency: EUR, prices_per_mtok_in_currency: {input: 2}, valid_from: 2026-07-31",
            "currency: found EUR; allowed: a currency with a rate in fx_rates.csv in or before 2026-07, or USD",
        ),
        (
            "currency: GBP, prices_per_mtok_in_currency: {input: 2}, valid_from: 2026-09-01",
            "currency: found GBP; allowed: a currency with a rate in fx_rates.csv in or before 2026-09, or USD",
        ),
        (
            "currency: EUR, prices_per_mtok_usd: {input: 2}",
            "contracts[0].currency: found EUR; allowed: another currency",
        ),
        ("prices_per_mtok_in_currency: {input: 2}", "contracts[0].currency: found USD; allowed: another currency"),
        (
            "currency: EUR, prices_per_mtok_in_currency: {input: 2}",
            "contracts[0].valid_from: found nothing; allowed: the first day of prices in a foreign currency",
        ),
        (
            "currency: EUR, prices_per_mtok_in_currency: {input: 2}, prices_per_unit_usd: {page: 1}",
            "contracts[0].prices_per_mtok_in_currency: found both; allowed: prices in USD or in the currency",
        ),
    ],
)
def test_a_currency_without_a_rate_or_a_price_is_refused(home: Home, price: str, expected: str) -> None:
    text = f"contracts:\n- {{contract_id: c, service_provider: mistral, models: [x], source: s, {price}}}\n"
    (home.config / "contracts.yml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    [problem] = [str(problem) for problem in caught.value.problems]
    assert problem.startswith(f"contracts.yml, line 2, {expected}")


def test_a_rate_that_changes_changes_the_prices_of_the_home(home: Home) -> None:
    text = "currency: EUR, prices_per_mtok_in_currency: {input: 2}, valid_from: 2026-09-01"
    (home.config / "contracts.yml").write_text(
        f"contracts:\n- {{contract_id: c, service_provider: mistral, models: [x], source: s, {text}}}\n"
    )
    before = load_settings(home).contracts_usd
    rates = home.config / "fx_rates.csv"
    rates.write_text(rates.read_text().replace("EUR,2026-11-03,1.3", "EUR,2026-11-03,1.4"))
    assert [one.fixed_prices["input"] for one in before] != [
        one.fixed_prices["input"] for one in load_settings(home).contracts_usd
    ]


@pytest.fixture
def home(tmp_path: Any) -> Home:
    home = init_home(tmp_path / "home")
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    rates = "".join(f"EUR,{day},{usd}\n" for day, usd in DATED)
    (home.config / "fx_rates.csv").write_text(f"currency,rate_date,usd_per_unit\n{rates}")
    return home
