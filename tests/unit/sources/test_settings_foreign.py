"""Prices in a foreign currency: the same rates as bills, and what is refused."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.home import Home, init_home
from sources.settings import SettingsError, load_settings
from sources.settings.foreign import in_usd, monthly_rate, term_rates, terms_in_usd
from sources.settings.models import Contract, ContractTerm, FxRate
from tests.integration.priced import price_calls
from tests.unit.dbt_project.compiled import compiled, rows_of

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
    rates = [(row.currency, row.rate_date, row.usd_per_unit) for row in RATES]
    types = {"currency": pl.String(), "rate_date": pl.Date(), "usd_per_unit": pl.Decimal(18, 8)}
    revenue = {"currency": ["EUR"] * len(MONTHS), "service_month": MONTHS}
    costs = pl.DataFrame(schema={"currency": pl.String(), "usage_date": pl.Date()})
    found = rows_of(
        compiled("int_fx_rates_monthly", cloud_bills=list),
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


def term(**changes: Any) -> ContractTerm:
    said = {"term_id": "t", "kind": "prepaid", "service_provider": "mistral", "currency": "EUR", "source": "order form"}
    return ContractTerm.model_validate(said | {"valid_from": "2026-09-10", "valid_to": "2026-11-20"} | changes)


def test_a_term_is_of_the_rate_of_its_first_month_and_knows_the_rates_since() -> None:
    prepaid = term(amount_in_currency="1000", paid_in_currency="900", used_before_in_currency="0.5")
    [usd] = terms_in_usd([prepaid], RATES)
    assert (usd.currency, usd.amount_usd, usd.paid_usd, usd.used_before_usd, usd.amount_in_currency) == (
        "USD", Decimal("1116.66667"), Decimal("1005.000003"), Decimal("0.55833334"), None,
    )  # fmt: skip
    rates = [
        tuple(row.values())
        for row in term_rates([prepaid, term(kind="usage_fee", currency="USD", percent_of_usage=5)], RATES)
    ]
    first = Decimal("1.11666667")
    assert rates == [
        ("t", first, first, date(2026, 9, 10), date(2026, 10, 1)),
        ("t", Decimal("1.13000001"), first, date(2026, 10, 1), date(2026, 11, 1)),
        ("t", Decimal("1.25"), first, date(2026, 11, 1), date(2026, 11, 20)),
    ]
    bands = term(
        kind="volume_discount",
        bands=[{"above_in_currency": 10, "percent_off": 1}, {"above_in_currency": 20, "percent_off": 2}],
    )
    assert [band.above_usd for band in terms_in_usd([bands], RATES)[0].bands] == [
        Decimal("11.1666667"), Decimal("22.3333334"),
    ]  # fmt: skip
    fees = [term(kind="call_fee", per_call_in_currency="0.01"), term(amount_in_currency=1)]
    assert [one.usd_per_call for one in terms_in_usd(fees, RATES)] == [Decimal("0.01116667"), None]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "currency: GBP, amount_in_currency: 5, valid_from: 2026-09-01",
            "currency: found GBP; allowed: a currency with a rate in fx_rates.csv in or before 2026-09, or USD",
        ),
        (
            "currency: EUR, amount_usd: 5, valid_from: 2026-09-01",
            "terms[0].currency: found EUR and amount_usd; allowed: amounts in the currency",
        ),
        (
            "currency: EUR, amount_in_currency: 5, paid_usd: 4, valid_from: 2026-09-01",
            "terms[0].currency: found EUR and paid_usd; allowed: amounts in the currency",
        ),
        ("amount_in_currency: 5", "terms[0].currency: found USD; allowed: the currency of amount_in_currency"),
        (
            "currency: EUR, amount_in_currency: 5",
            "terms[0].valid_from: found nothing; allowed: the first day of an amount",
        ),
        ("currency: EUR, valid_from: 2026-09-01", "terms[0].currency: found EUR and no amount in it; allowed: amounts"),
        (
            "amount_usd: 5, deployments: [ptu]",
            "terms[0].deployments: found ptu; allowed: only for provisioned capacity",
        ),
    ],
)
def test_a_term_in_a_currency_that_does_not_fit_is_refused(home: Home, said: str, expected: str) -> None:
    text = f"terms:\n- {{term_id: t, kind: prepaid, service_provider: mistral, source: s, {said}}}\n"
    (home.config / "contracts.yml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    [problem] = [str(problem) for problem in caught.value.problems]
    assert problem.startswith(f"contracts.yml, line 2, {expected}")


def test_a_deployment_of_two_terms_on_one_day_is_refused(home: Home) -> None:
    said = (
        "kind: provisioned, service_provider: mistral, source: s, units: 5, usd_per_unit_hour: 2, deployments: [ptu, b]"
    )
    days = ("valid_to: 2026-10-02", "valid_from: 2026-10-01")
    terms = "".join(f"- {{term_id: t{number}, {said}, {day}}}\n" for number, day in enumerate(days))
    (home.config / "contracts.yml").write_text(f"terms:\n{terms}")
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    [problem] = [str(problem) for problem in caught.value.problems]
    assert problem == "contracts.yml, line 3, deployments: found 'b'; allowed: days t0 does not hold"


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
