"""The FOCUS export of a company that was really built: the linters pass, it adds up, our own FOCUS reader reads it."""

import csv
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from focus_data_toolkit.model.validator import lint_focus_1_4_structure
from focus_data_toolkit.validate.bundle import validate_dataset_bundle

from assets.exports import write_export
from tests.conftest import Company
from tests.unit.sources.landed import LandedHome

PERIOD = "2026-10"
DATASETS = {
    "Cost and Usage": "CostAndUsage",
    "Invoice Detail": "InvoiceDetail",
    "Billing Period": "BillingPeriod",
    "Contract Commitment": "ContractCommitment",
}
# The company has no terms; a dataset without a row is not linted.
TERM = """
insert into contract_terms_monthly by name
select date '2026-10-01' as month_start, 'openai-2026' as term_id, 'commitment' as kind, 'openai' as service_provider,
    'all' as billing_account_id, date '2026-01-01' as valid_from, date '2027-01-01' as valid_to, true as is_over,
    1000 as amount_usd, 400 as remaining_usd
"""


@pytest.fixture(scope="module")
def marts(company_of: Callable[[int], Company], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("focus") / "marts.duckdb"
    shutil.copy(company_of(7).home.published / "marts.duckdb", path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(TERM)
    return path


@pytest.fixture(scope="module")
def folders(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out_dir = tmp_path_factory.mktemp("out")
    return {
        dialect: write_export("focus", marts, out_dir / dialect, PERIOD, dialect)[-1].parent
        for dialect in ("1.4", "1.2")
    }


def read(folder: Path, dataset: str = "CostAndUsage") -> list[dict[str, str]]:
    with (folder / f"{dataset}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_linter_and_the_bundle_gate_pass(folders: dict[str, Path]) -> None:
    bundle = {name: read(folders["1.4"], dataset) for name, dataset in DATASETS.items()}
    for name, rows in bundle.items():
        assert lint_focus_1_4_structure(name, rows).messages() == []
    report = validate_dataset_bundle(bundle, invoice_detail_authoritative=True)
    assert report.diagnostics == [], report.format()


def test_invoices_add_up_and_calls_keep_their_tokens(marts: Path, folders: dict[str, Path]) -> None:
    billed = "select InvoiceId, sum(BilledCost) from read_parquet($file) where {} group by all order by all"
    parameters = {"file": str(folders["1.4"] / "CostAndUsage.parquet")}
    with duckdb.connect(str(marts), read_only=True) as connection:
        for kind, category in (("= 'tax'", "ChargeCategory = 'Tax'"), ("<> 'tax'", "ChargeCategory <> 'Tax'")):
            invoiced = connection.execute(
                f"select invoice_id, sum(amount_usd) from fct_invoice_lines where posting_period = '{PERIOD}'"
                f" and line_type {kind} group by all order by all"
            ).fetchall()
            assert invoiced
            assert connection.execute(billed.format(category), parameters).fetchall() == invoiced
        # Whole tokens: of every charge that calls carry, each part has the tokens of its own calls.
        tokens = connection.execute(
            """
            select sum(ConsumedQuantity), bool_and(ConsumedQuantity = trunc(ConsumedQuantity))
            from read_parquet($file) where x_SplitOriginId like 'usage:%' and ConsumedUnit = 'Tokens'
            """,
            parameters,
        ).fetchone()
        used = connection.execute(
            """
            select sum(total_input_tokens + total_output_tokens) from fct_usage
            where host <> 'self_hosted' and billing_status not in ('not_billed', 'gateway_cache')
                and strftime(usage_date, '%Y-%m') = $period
            """,
            {"period": PERIOD},
        ).fetchone()
    assert tokens is not None
    assert used is not None
    assert tokens == (used[0], True)


@pytest.mark.parametrize("dialect", ["1.4", "1.2"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_our_own_reader_of_focus_finds_the_same_bill(
    marts: Path, folders: dict[str, Path], tmp_path: Path, dialect: str, suffix: str
) -> None:
    home = LandedHome(tmp_path)
    content = (folders[dialect] / f"CostAndUsage.{suffix}").read_bytes()
    home.land(f"focus/cost_and_usage/{PERIOD}__retrieved-20261118T060000Z.{suffix}", content)
    home.ingest()
    assert home.rejects() == []
    with duckdb.connect(str(marts), read_only=True) as connection:
        lake = str(tmp_path / "lake" / "focus" / "cost_and_usage" / "*.parquet")
        # A charge of several days stands on its last one, as in the ledger.
        read_back = connection.execute(
            """
            select service_provider, billing_account_id, cast(charge_end - interval 1 second as date) as day,
                cast(sum(billed_amount) as decimal(38, 12))
            from read_parquet($lake) where charge_category <> 'tax' group by all order by all
            """,
            {"lake": lake},
        ).fetchall()
        posted = connection.execute(
            "select service_provider, billing_account_id, usage_date, cast(sum(amount_usd) as decimal(38, 12))"
            " from fct_allocations where posting_period = $period group by all order by all",
            {"period": PERIOD},
        ).fetchall()
        meters = connection.execute(
            "select distinct meter from read_parquet($lake) where model_id is not null", {"lake": lake}
        ).fetchall()
    assert read_back == posted
    assert sum(row[3] for row in posted) > Decimal(1000)
    assert {"input_uncached", "cache_read", "cache_write_5m", "output"} <= {meter for (meter,) in meters}
