"""What changed settings would move between tenants: the last build's charges, allocated again with the settings of now.

Runs the SQL that dbt compiled for the last build, on its tables, with the rules and maps as they are in place of those
it was built with. Nothing is written but scratch files.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from assets.marts import rows
from assets.touched import kept_of_calls
from sources.home import Home, HomeError
from sources.memory import Memory, connect
from sources.reading import literal
from sources.settings import Settings, compile_settings, load_settings

# Made again, in this order; everything else is as the last build left it.
_SETTINGS = (
    "tenants", "features", "teams", "api_keys", "settings", "allocation_rules", "allocation_matches", "allocation_tags",
    "allocation_targets",
)  # fmt: skip
_MODELS = (
    "int_charge_tags", "int_charge_calls", "int_charges_traced", "int_usage_accounts_hourly",
    "int_allocation_metrics_daily", "dim_allocation_shares", "fct_allocation_parts",
)  # fmt: skip
_LEDGER = "int_allocations"
# What maps say of a call. Its nature and its price stay as they are.
_MAPPED = {
    "tenant_id": "tenant_id", "product_id": "product_id", "feature_id": "feature_id", "environment": "environment",
    "plan": "plan", "cost_center": "cost_center", "team_id": "resolved_team_id",
    "unattributed_reason": "unattributed_reason",
}  # fmt: skip


@dataclass(frozen=True)
class Move:
    """A tenant, product, cost center or pool in one posting period: what it carries, and what it would carry."""

    posting_period: str
    is_closed: bool
    target_type: str
    target_id: str
    now_usd: Decimal
    then_usd: Decimal
    moved_usd: Decimal
    moved_effective_usd: Decimal


def diff_settings(home: Home) -> list[Move]:
    """What the settings of the home, as they stand in its files, would move; by period and target."""
    settings = load_settings(home)
    compiled = home.warehouse / "dbt" / "target" / "compiled"
    if not any(compiled.rglob(f"{_LEDGER}.sql")) or not (home.warehouse / "built_inputs.json").is_file():
        raise HomeError(f"{home.warehouse} holds no built allocation; `inferledger run` builds it")
    with TemporaryDirectory() as scratch, connect(memory=Memory(settings.limits.memory, Path(scratch))) as connection:
        for name in ("work", "build"):
            path = home.warehouse / f"{name}.duckdb"
            try:
                connection.execute(f"attach {literal(path)} as {name} (read_only)")
            except duckdb.IOException as error:
                raise HomeError(f"{path} cannot be read, perhaps because of a run: {error}") from None
        _make_again(connection, home, settings, compiled, Path(scratch))
        return [Move(**row) for row in rows(connection, _MOVES)]


def _make_again(
    connection: duckdb.DuckDBPyConnection, home: Home, settings: Settings, compiled: Path, scratch: Path
) -> None:
    changed = Home(scratch / "home")
    compile_settings(changed, settings)
    made: dict[str, str] = {}

    def sql_of(model: str) -> str:
        # A model that is replaced by day is compiled for every day: its materialization says which it is for.
        sql = next(compiled.rglob(f"{model}.sql")).read_text(encoding="utf-8")
        for name, relation in made.items():
            for database in ("work", "build"):
                sql = sql.replace(f'"{database}"."main"."{name}"', relation)
        return sql

    def make(model: str, sql: str, kind: str = "table") -> None:
        connection.execute(f"create temp {kind} {model} as {sql}")
        made[model] = f"temp.main.{model}"

    # The home may have been moved since.
    for table in _SETTINGS:
        model = f"stg_config__{table}"
        make(model, re.sub(rf"'[^']*/config/{table}/", f"'{changed.lake}/config/{table}/", sql_of(model)))
    mapped = ", ".join(f"events.{told} as {column}" for column, told in _MAPPED.items())
    make(
        "fct_usage",
        f"""
            select calls.* replace ({mapped})
            from build.main.fct_usage as calls
            inner join ({sql_of("int_usage_events")}) as events on calls.call_id = events.response_id
        """,
    )
    since = "(select calls_from from work.main.stg_meta__first_days)"
    kept = kept_of_calls(home)
    for model in _MODELS:
        sql = sql_of(model)
        if model in kept:
            # Of days whose calls went, what was kept of them stays what it is.
            sql = (
                f"select * from ({sql}) as made where usage_date >= {since} union all by name"
                f" select * from work.main.{model} where usage_date < {since}"
            )
        make(model, sql)
    # Split where it is read, as in a build.
    make(_LEDGER, sql_of(_LEDGER), "view")


_MOVES = """
    with closed as (
        select coalesce(max(posting_period), '') as last_period from work.main.stg_accounting__closed_allocations
    ),
    parts as (
        select charge_id, target_type, target_id, amount_usd, effective_amount_usd, 0 as then_usd, 0 as then_effective
        from work.main.int_allocations
        union all
        select charge_id, target_type, target_id, 0, 0, amount_usd, effective_amount_usd
        from temp.main.int_allocations
    ),
    sums as (
        select
            charges.posting_period,
            charges.posting_period <= closed.last_period as is_closed,
            parts.target_type,
            parts.target_id,
            sum(parts.amount_usd) as now_usd,
            sum(parts.then_usd) as then_usd,
            sum(parts.then_usd) - sum(parts.amount_usd) as moved_usd,
            sum(parts.then_effective) - sum(parts.effective_amount_usd) as moved_effective_usd
        from parts
        inner join build.main.fct_charges as charges using (charge_id)
        cross join closed
        group by all
    )
    select * from sums
    where moved_usd <> 0 or moved_effective_usd <> 0
    order by posting_period desc, abs(moved_usd) desc, target_type, target_id
"""
