"""FOCUS files: what each kind of charge becomes, and that they are what the data model says."""

import csv
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from focus_data_toolkit.model.validator import lint_focus_1_4_structure, load_model
from focus_data_toolkit.validate.bundle import validate_dataset_bundle

from assets.exports import EXPORTS, ExportError, write_export
from assets.exports.focus import columns
from tests.unit.assets.exports.focus_marts import EVIL_NAME, build_marts

DATASETS = {
    "Cost and Usage": "CostAndUsage",
    "Invoice Detail": "InvoiceDetail",
    "Billing Period": "BillingPeriod",
    "Contract Commitment": "ContractCommitment",
}
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_marts(tmp_path_factory.mktemp("focus") / "marts.duckdb")


def focus(marts: Path, out_dir: Path, dialect: str = "1.4") -> Path:
    return write_export("focus", marts, out_dir / dialect, "2026-10", dialect)[-1].parent


def read(folder: Path, dataset: str = "CostAndUsage") -> Rows:
    with (folder / f"{dataset}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folders(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each dialect was written."""
    out_dir = tmp_path_factory.mktemp("out")
    return {dialect: focus(marts, out_dir, dialect) for dialect in EXPORTS["focus"].dialects}


@pytest.fixture(scope="module")
def charges(folders: dict[str, Path]) -> Rows:
    return read(folders["1.4"])


def of(charges: Rows, origin: str) -> dict[str, dict[str, str]]:
    """The rows of one charge, by tenant."""
    return {json.loads(row["AllocatedTags"])["tenant_id"]: row for row in charges if row["x_SplitOriginId"] == origin}


def test_the_committed_columns_are_those_of_the_data_model() -> None:
    model = load_model()["datasets"]
    ours = {
        dataset: [
            (column.name, column.data_type, column.allows_nulls, column.value_format, set(column.allowed_values))
            for column in columns("1.4")[dataset]
        ]
        for dataset in DATASETS.values()
    }
    theirs = {
        spec["dataset_id"]: [
            (name, facts["data_type"], facts["allows_nulls"], facts["value_format"], set(facts["allowed_values"] or ()))
            for name, facts in spec["columns"].items()
        ]
        for spec in model.values()
    }
    assert ours == theirs
    assert {dataset: len(found) for dataset, found in ours.items()} == {
        "CostAndUsage": 65, "InvoiceDetail": 22, "BillingPeriod": 6, "ContractCommitment": 30
    }  # fmt: skip
    assert len(columns("1.2")["CostAndUsage"]) == 57


@pytest.mark.parametrize("dialect", ["1.4", "1.2", "1.5-draft"])
def test_files_have_the_columns_of_the_model_in_its_order(folders: dict[str, Path], dialect: str) -> None:
    folder = folders[dialect]
    model = columns("1.2" if dialect == "1.2" else "1.4")
    assert (
        {path.stem for path in folder.glob("*.csv")} == {path.stem for path in folder.glob("*.parquet")} == set(model)
    )
    for dataset, expected in model.items():
        header = list(read(folder, dataset)[0])
        parquet = pl.read_parquet(folder / f"{dataset}.parquet")
        assert header == parquet.columns
        assert [name for name in header if not name.startswith("x_")] == [column.name for column in expected]
        for column in expected:
            kinds = {"Decimal": pl.Decimal(38, 12), "Date/Time": pl.Datetime("us", "UTC")}
            assert parquet.schema[column.name] == kinds.get(column.data_type, pl.String())
        # Where a month has a value in each row, the next may not: both have the same schema.
        assert all(field.nullable for field in pq.read_schema(folder / f"{dataset}.parquet"))


def test_the_linter_and_the_bundle_gate_of_focus_data_toolkit_pass(folders: dict[str, Path]) -> None:
    folder = folders["1.4"]
    bundle = {name: read(folder, dataset) for name, dataset in DATASETS.items()}
    for name, found in bundle.items():
        assert lint_focus_1_4_structure(name, found).messages() == []
    report = validate_dataset_bundle(bundle, invoice_detail_authoritative=True)
    assert report.diagnostics == [], report.format()
    assert {"reconcile_invoice_detail", "split_allocation", "contract_commitment_periods"} < set(report.checks_run)


def test_billed_cost_of_an_invoice_is_the_invoice_and_tax_stands_apart(folders: dict[str, Path]) -> None:
    folder = folders["1.4"]
    billed: dict[tuple[str, bool], Decimal] = defaultdict(Decimal)
    for row in read(folder):
        billed[row["InvoiceId"], row["ChargeCategory"] == "Tax"] += Decimal(row["BilledCost"])
    invoiced: dict[tuple[str, bool], Decimal] = defaultdict(Decimal)
    for line in read(folder, "InvoiceDetail"):
        invoiced[line["InvoiceId"], line["ChargeCategory"] == "Tax"] += Decimal(line["BilledCost"])
    without_invoice = billed.pop(("", False))
    assert billed == invoiced
    assert invoiced == {
        ("INV-1", False): Decimal("4.305"), ("INV-1", True): Decimal("0.3"), ("INV-2", False): Decimal("0.9")
    }  # fmt: skip
    assert without_invoice == Decimal("0.84")


def test_a_foreign_invoice_says_what_was_paid(folders: dict[str, Path]) -> None:
    lines = {line["InvoiceDetailId"]: line for line in read(folders["1.4"], "InvoiceDetail")}
    names = "BillingCurrency", "BilledCost", "PaymentCurrency", "PaymentCurrencyBilledCost", "InvoiceIssueDate"
    assert [tuple(lines[f"INV-2:{line}:1"][name] for name in names) for line in ("usage", "fx")] == [
        ("USD", "1", "EUR", "0.8", "2026-11-03T09:30:00Z"), ("USD", "-0.1", "EUR", "0", "2026-11-03T09:30:00Z")
    ]  # fmt: skip


def test_tokens_of_a_part_are_those_of_its_calls_and_ratios_add_up_to_one(charges: Rows) -> None:
    def facts(origin: str) -> dict[str, tuple[str, ...]]:
        names = "BilledCost", "ConsumedQuantity", "PricingQuantity", "ContractedUnitPrice"
        return {tenant: tuple(row[name] for name in names) for tenant, row in of(charges, origin).items()}

    assert facts("cached") == {"acme": ("0.07", "700000", "0.7", "0.1"), "evil": ("0.03", "300000", "0.3", "0.1")}
    # One price for the charge: acme's ten tokens cost as much as evil's ninety, as the bill's tiers have it.
    assert facts("output") == {
        "acme": ("0.5", "10", "0.00001", "10000"), "evil": ("0.5", "90", "0.00009", "10000")
    }  # fmt: skip
    assert facts("free") == {"acme": ("0", "1", "0.000001", "0"), "evil": ("0", "2", "0.000002", "0")}
    assert sum(Decimal(row["ConsumedQuantity"]) for row in of(charges, "idle").values()) == 3600
    assert {row["PricingQuantity"] for row in of(charges, "idle").values()} == {"0.333333333333", "0.333333333334"}
    for origin in {row["x_SplitOriginId"] for row in charges} - {""}:
        details = [
            json.loads(row["AllocatedMethodDetails"], parse_float=Decimal) for row in of(charges, origin).values()
        ]
        assert sum(detail["Elements"][0]["AllocatedRatio"] for detail in details) == 1


def test_list_price_is_the_public_one_and_the_contracts_percent_is_not_in_it(charges: Rows) -> None:
    names = "ListUnitPrice", "ListCost", "ContractedUnitPrice", "ContractedCost"
    # The day's calls list at 1.50 what the contract has for 1.20.
    assert tuple(of(charges, "cached")["acme"][name] for name in names) == ("0.125", "0.0875", "0.1", "0.07")
    # No log has the price of what no log has.
    assert tuple(of(charges, "unlogged")["unattributed"][name] for name in names) == ("1", "0.05", "1", "0.05")


def test_usage_that_was_paid_before_says_by_which_term_and_how_much(charges: Rows) -> None:
    names = "BilledCost", "EffectiveCost", "ContractedCost", "ContractedUnitPrice", "PricingCategory"
    drawn = of(charges, "drawn")
    assert {tenant: tuple(row[name] for name in names) for tenant, row in drawn.items()} == {
        "acme": ("0.3", "0.45", "0.5", "1", "Committed"), "evil": ("0.1", "0.45", "0.5", "1", "Committed")
    }  # fmt: skip
    applied = {tenant: json.loads(row["ContractApplied"])["Elements"] for tenant, row in drawn.items()}
    assert applied == {
        tenant: [{"ContractId": "commit", "ContractCommitmentId": "commit", "ContractCommitmentAppliedCost": cost}]
        for tenant, cost in (("acme", 0.45), ("evil", 0.15))
    }
    bought, unused = of(charges, "bought")["unattributed"], of(charges, "unused")["acme"]
    assert [bought[name] for name in ("ChargeCategory", "BilledCost", "EffectiveCost")] == ["Purchase", "1", "0"]
    assert [unused[name] for name in ("ChargeCategory", "BilledCost", "EffectiveCost")] == ["Usage", "0", "0.25"]


def test_each_kind_of_charge_has_its_category_and_costs(charges: Rows) -> None:
    names = "ChargeCategory", "ServiceCategory", "SkuMeter", "ConsumedUnit", "PricingUnit", "InvoiceDetailId"
    ai, gpu = "AI and Machine Learning", "Compute"
    found = {origin: tuple(of(charges, origin)[tenant][name] for name in names) for origin, tenant in [
        ("cached", "acme"), ("unlogged", "unattributed"), ("storage", "acme"), ("credit", "acme"), ("fee", "acme"),
        ("rounding", "acme"), ("fx", "acme"), ("euros", "acme"), ("idle", "acme"),
    ]}  # fmt: skip
    assert found == {
        "cached": ("Usage", ai, "Cache Read Input Tokens", "Tokens", "1000000 Tokens", "INV-1:usage:1"),
        "unlogged": ("Usage", ai, "Uncached Input Tokens", "Tokens", "1000000 Tokens", "INV-1:usage:1"),
        "storage": ("Usage", ai, "file search storage", "", "", "INV-1:usage:1"),
        "credit": ("Credit", ai, "", "", "", "INV-1:credit:1"),
        "fee": ("Purchase", ai, "fee", "", "", "INV-1:fee:1"),
        "rounding": ("Adjustment", ai, "", "", "", ""),
        "fx": ("Adjustment", ai, "", "", "", "INV-2:fx:1"),
        "euros": ("Usage", ai, "Web Searches", "Searches", "Searches", "INV-2:usage:1"),
        "idle": ("Usage", gpu, "GPU Time", "GPU-Seconds", "GPU-Hours", ""),
    }
    credit = of(charges, "credit")["unattributed"]
    assert credit["BilledCost"] == credit["EffectiveCost"] == "-0.333333333334"
    (tax,) = [row for row in charges if row["ChargeCategory"] == "Tax"]
    assert (tax["BilledCost"], tax["ChargeDescription"], tax["AllocatedTags"]) == ("0.3", "Sales tax", "")


def test_a_correction_is_posted_later_for_the_day_it_corrects_and_on_no_invoice(charges: Rows) -> None:
    corrections = [row for row in charges if row["ChargeClass"] == "Correction"]
    names = (
        "BilledCost",
        "x_CorrectsId",
        "ChargePeriodStart",
        "BillingPeriodStart",
        "InvoiceId",
        "SkuMeter",
        "PricingUnit",
    )
    assert sorted(tuple(row[name] for name in names) for row in corrections) == [
        ("-0.02", "part-evil", "2026-09-30T00:00:00Z", "2026-10-01T00:00:00Z", "", "Output Tokens", ""),
        ("0.02", "part-acme", "2026-09-30T00:00:00Z", "2026-10-01T00:00:00Z", "", "Output Tokens", ""),
    ]


@pytest.mark.parametrize(("dialect", "prefix"), [("1.2", "x_"), ("1.4", "x_"), ("1.5-draft", "")])
def test_model_and_token_class_are_custom_keys_until_1_5(folders: dict[str, Path], dialect: str, prefix: str) -> None:
    rows = {row["x_SplitOriginId"]: row for row in read(folders[dialect])}
    assert json.loads(rows["cached"]["SkuPriceDetails"]) == {
        f"{prefix}ModelDeveloper": "OpenAI",
        f"{prefix}ModelFamily": "GPT",
        f"{prefix}ModelId": "gpt-5.4-mini",
        f"{prefix}ModelVersion": "5.4",
        f"{prefix}TokenDirection": "Input",
        f"{prefix}TokenCacheAction": "Read",
        "x_ServiceTier": "standard",
    }
    # Only input has a cache action, and a key is left out rather than null.
    assert f"{prefix}TokenCacheAction" not in json.loads(rows["output"]["SkuPriceDetails"])


def test_who_carries_it_stands_in_the_tags_that_the_version_has(folders: dict[str, Path]) -> None:
    tags = '{"tenant_id":"acme","product_id":"assist","feature_id":"chat","environment":"prod","plan":"pro",' \
        '"cost_center":"CC-1","cost_nature":"cogs"}'  # fmt: skip
    new, old = (read(folders[dialect]) for dialect in ("1.4", "1.2"))
    assert {(row["AllocatedTags"], row["Tags"]) for row in new if row["AllocatedResourceName"] == "Acme Corp"} == {
        (tags, "")
    }
    assert tags in {row["Tags"] for row in old}


def test_terms_that_promise_or_prepay_are_commitments(folders: dict[str, Path]) -> None:
    names = (
        "ContractCommitmentId", "ContractCommitmentCost", "ContractCommitmentBenefitCategory",
        "ContractCommitmentLifecycleStatus", "ContractCommitmentDurationType", "ContractCommitmentPaymentModel",
    )  # fmt: skip
    terms = read(folders["1.4"], "ContractCommitment")
    assert [tuple(term[name] for name in names) for term in terms] == [
        ("commit", "120", "Discount", "Active", "12 Months", "No Upfront"),
        ("least", "5", "Other", "Active", "1 Month", "No Upfront"),
        ("paid", "1", "Entitlement", "Exhausted", "14 Days", "All Upfront"),
    ]


def test_a_tenant_named_like_a_formula_does_no_harm_and_parquet_keeps_the_name(folders: dict[str, Path]) -> None:
    folder = folders["1.4"]
    assert {row["AllocatedResourceName"] for row in read(folder)} == {"Acme Corp", f"'{EVIL_NAME}", "Unattributed", ""}
    assert EVIL_NAME in pl.read_parquet(folder / "CostAndUsage.parquet")["AllocatedResourceName"].to_list()


def test_the_order_of_the_marts_changes_no_byte(folders: dict[str, Path], tmp_path: Path) -> None:
    turned = build_marts(tmp_path / "turned.duckdb")
    with duckdb.connect(str(turned)) as connection:
        for table in ("fct_allocations", "fct_charges", "fct_usage", "fct_invoice_lines", "contract_terms_monthly"):
            connection.execute(f"create or replace table {table} as select * from {table} order by rowid desc")
    written = focus(turned, tmp_path)
    assert {path.name: path.read_bytes() for path in written.iterdir()} == {
        path.name: path.read_bytes() for path in folders["1.4"].iterdir()
    }


def test_the_manifest_counts_rows_and_adds_up_each_invoice(folders: dict[str, Path]) -> None:
    manifest = json.loads((folders["1.4"] / "focus.manifest.json").read_text())
    assert (manifest["focus_version"], manifest["period"], manifest["rows"]) == ("1.4", "2026-10", 26)
    assert Decimal(manifest["BilledCost"]) == Decimal("6.345")
    totals = [(total["InvoiceId"], total["is_tax"], Decimal(total["BilledCost"])) for total in manifest["invoices"]]
    assert totals == [
        (None, False, Decimal("0.84")), ("INV-2", False, Decimal("0.9")), (None, False, Decimal(0)),
        ("INV-1", False, Decimal("4.305")), ("INV-1", True, Decimal("0.3")),
    ]  # fmt: skip


def test_a_billing_period_is_closed_from_the_snapshot_of_its_closing_on(marts: Path, tmp_path: Path) -> None:
    def status(path: Path, is_closing: bool) -> set[str]:
        folder = write_export("focus", path, tmp_path, "2026-10", "1.4", is_closing=is_closing)[-1].parent
        return {row["BillingPeriodStatus"] for row in read(folder, "BillingPeriod")}

    after = build_marts(tmp_path / "after.duckdb")
    with duckdb.connect(str(after)) as connection:
        connection.execute("update fct_allocations set status = 'closed' where posting_period = '2026-10'")
    assert [status(marts, False), status(marts, True), status(after, False)] == [{"Open"}, {"Closed"}, {"Closed"}]


def test_what_the_model_does_not_allow_is_written_nowhere(tmp_path: Path) -> None:
    marts = build_marts(tmp_path / "marts.duckdb")
    with duckdb.connect(str(marts)) as connection:
        connection.execute("update fct_allocations set charge_category = 'tip' where charge_id = 'fee'")
    with pytest.raises(ExportError, match=r"CostAndUsage.ChargeCategory: 1 rows without a value"):
        focus(marts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_month_without_postings_is_refused_with_those_there_are(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"nothing posted in 2026-12; available: 2026-09, 2026-10"):
        write_export("focus", marts, tmp_path, "2026-12")
