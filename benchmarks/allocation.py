"""What it costs to put many charges on many tenants and to export the result: CPU seconds and memory at the peak.

    python -m benchmarks.allocation HOME [--charges 100000] [--tenants 200]

HOME is any built home: its compiled SQL runs on made-up charges. A rule shares them out over every tenant by tokens;
with --shared N only so many, and the others are calls of five tenants. Shares, parts and journal are built as in a run,
then an accountant takes the month: chargeback, journal and the statements of all tenants. Fails when the parts are not
what was charged, to the last digit.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from assets.exports import chargeback, journal, statements

# In the order of a build: what dbt makes a table of, and what it makes a view of.
MODELS = {
    "dim_allocation_shares": "table", "fct_allocation_parts": "table", "dim_shared_cost_natures": "table",
    "int_allocations": "view", "fct_closed_allocations": "table", "fct_allocations": "view", "dim_markups": "table",
    "dim_disputes": "table", "chargeback_lines": "view", "journal_lines": "table",
}  # fmt: skip
EXPORTS = {"chargeback": chargeback.write, "journal": journal.write, "statements": statements.write}
MONTH = "2026-08"
# Tenants whose calls a charge of calls is.
CALLERS = 5
MEMORY_LIMIT = "1500MB"
# Each reads what the one before made; the home's own tables only give the columns.
INPUTS = (
    "fct_charges", "fct_usage", "int_charges_traced", "int_allocation_metrics_daily", "stg_config__allocation_rules",
    "stg_config__allocation_matches", "stg_config__allocation_targets", "stg_config__tenants", "stg_config__features",
    "stg_config__teams", "stg_config__cost_nature_rules", "stg_config__gl_map", "stg_config__settings",
    "stg_config__markups", "stg_config__disputes", "stg_accounting__closed_allocations",
    "stg_accounting__closed_journal_lines", "token_budgets_monthly", "dim_tenants",
)  # fmt: skip
AS_THEY_ARE = ("stg_config__cost_nature_rules", "stg_config__settings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--charges", type=int, default=100_000)
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--shared", type=int, help="Charges that go to every tenant; the others are calls of five.")
    given = parser.parse_args()
    shared = given.charges if given.shared is None else given.shared
    sys.stdout.write(
        json.dumps(measure(given.home / "warehouse", given.charges, given.tenants, shared), indent=1) + "\n"
    )


def measure(warehouse: Path, charges: int, tenants: int, shared: int) -> dict[str, object]:
    seconds: dict[str, float] = {}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        marts = folder / "marts.duckdb"
        with duckdb.connect(str(marts)) as connection:
            connection.execute(
                f"set threads = 2; set memory_limit = '{MEMORY_LIMIT}'; set preserve_insertion_order = false"
            )
            connection.execute(f"set temp_directory = '{folder}'")
            _make_inputs(connection, warehouse, charges, tenants, shared)
            for model, kind in MODELS.items():
                seconds[model] = _timed(connection.execute, f"create {kind} {model} as {_sql(warehouse, model)}")
            [(charged,)] = connection.execute("select sum(amount_usd) from fct_charges").fetchall()
            [(parts, placed)] = connection.execute("select count(*), sum(amount_usd) from chargeback_lines").fetchall()
        for name, write in EXPORTS.items():
            seconds[f"export {name}"] = _timed(write, marts, folder / name, MONTH)
    expected = shared * tenants + (charges - shared) * CALLERS
    if placed != charged or parts != expected:
        raise ValueError(f"{parts} parts of {placed} USD, not {expected} of {charged}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"parts": parts, "cpu_s": seconds, "cpu_s_in_all": round(sum(seconds.values()), 1), "peak_mb": peak // 2**20}


def _timed(work: Callable[..., object], *arguments: object) -> float:
    start = time.process_time()
    work(*arguments)
    return round(time.process_time() - start, 2)


def _sql(warehouse: Path, model: str) -> str:
    sql = next((warehouse / "dbt/target/compiled").rglob(f"{model}.sql")).read_text(encoding="utf-8")
    for name in (*INPUTS, *MODELS):
        for database in ("work", "build"):
            sql = sql.replace(f'"{database}"."main"."{name}"', name)
    return sql


def _make_inputs(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, charges: int, tenants: int, shared: int
) -> None:
    for database in ("work", "build"):
        connection.execute(f"attach '{warehouse / f'{database}.duckdb'}' as {database} (read_only)")
    for name in INPUTS:
        [(database,)] = connection.execute(
            "select database_name from duckdb_columns() where table_name = $name and schema_name = 'main' limit 1",
            {"name": name},
        ).fetchall()
        kept = "" if name in AS_THEY_ARE else "limit 0"
        connection.execute(f"create table {name} as from {database}.main.{name} {kept}")
    connection.execute(f"""
        insert into stg_config__tenants by name
            select 'tenant-' || n as tenant_id, 'Tenant ' || n as tenant_name, 'pro' as plan,
                'cc-' || n % 20 as cost_center
            from range({tenants}) as t(n);
        insert into fct_charges by name
            select 'invoice:' || md5(n::varchar) as charge_id, 'openai' as service_provider,
                'org' as billing_account_id, 'invoice-1' as invoice_id,
                date '2026-08-01' + (n % 31)::integer as usage_date,
                '2026-08' as posting_period,
                'direct' as host, 'model-' || n % 10 as model, 'standard' as service_tier, 'search' as meter,
                'non_token' as charge_category, 'anchored' as charge_status,
                (n * 7919 % 100003) * 0.000000010007 as amount_usd, amount_usd as effective_amount_usd
            from range({charges}) as t(n);
        insert into int_charges_traced by name
            select charge_id as part_id, charge_id, 'unattributed' as tenant_id, 'unattributed' as product_id,
                'unattributed' as feature_id, 'unattributed' as environment, 'unattributed' as plan, amount_usd,
                effective_amount_usd
            from fct_charges order by charge_id limit {shared};
        insert into int_charges_traced by name
            select charge_id || n as part_id, charge_id, 'tenant-' || n as tenant_id, 'chat' as product_id,
                'qa' as feature_id, 'prod' as environment, 'pro' as plan, 'cogs' as cost_nature, 9 as calls,
                case when n = 1 then charged - {CALLERS - 1} * part else part end as amount_usd,
                case when n = 1 then charged - {CALLERS - 1} * part else part end as effective_amount_usd
            from (
                select charge_id, amount_usd as charged, (amount_usd * 0.2)::decimal(26, 12) as part from fct_charges
            ) as charge, range(1, {CALLERS} + 1) as t(n)
            where charge_id not in (select charge_id from int_charges_traced);
        insert into int_allocation_metrics_daily by name
            select 'tokens' as metric, date '2026-08-01' + day::integer as usage_date, 'openai' as service_provider,
                'org' as billing_account_id, 'tenant-' || n as tenant_id, 'unattributed' as product_id,
                1 + n * 1000003 * (day + 1) % 9999991 as quantity
            from range({tenants}) as t(n), range(31) as d(day);
        insert into stg_config__allocation_rules by name
            select 1 as rule_order, 'tokens' as rule_id, 'proportional' as method, 'tokens' as metric,
                'tenant' as target_type, false as has_named_targets, 'account' as scope, 0 as floor_share,
                0.7 as token_share, 'even' as fallback, date '1970-01-01' as valid_from, date '9999-12-31' as valid_to,
                '1' as rule_version;
        insert into stg_config__gl_map by name
            select line_type, '5000' as account, date '1970-01-01' as valid_from, date '9999-12-31' as valid_to
            from unnest(['expense', 'fx', 'clearing', 'accrued_liability', 'rounding']) as t(line_type);
        insert into stg_config__allocation_matches by name
            select 1 as rule_order, 'charge' as from_type,
                date '1970-01-01' as valid_from, date '9999-12-31' as valid_to;
    """)


if __name__ == "__main__":
    main()
