"""The steps of a run as Dagster assets and asset checks: thin, one step each, lineage down to the landed feeds.

What a step does is the function it calls, which the command line calls too. When assets are built, and with which home,
stands in pipelines; nothing here reads the environment.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from assets import ingest, warehouse
from assets.accounting.history import record
from assets.checks import CheckResult
from assets.deliver import deliver_chargeback, deliver_explorer, deliver_reports
from assets.gates import in_full, judge, require_limits, require_shape
from assets.publish import DATABASE, current_manifest, publish
from assets.warehouse import WarehouseError
from sources.home import Home
from sources.kept import KEPT, KEPT_FOLDER
from sources.memory import memory_of
from sources.registry import FEEDS
from sources.settings import Settings
from sources.settings.tables import CONFIG_SCHEMAS

OWNERS = ["team:finops"]
MARTS = dg.AssetKey(["published", "marts"])
WEEKLY_REPORT = dg.AssetKey(["reports", "weekly"])
CHARGEBACK = dg.AssetKey(["exports", "chargeback"])
# Bills and usage count in UTC weeks from Monday; the first of them is the one 2026 starts in.
WEEKS = dg.WeeklyPartitionsDefinition(start_date="2025-12-29", day_offset=1, timezone="UTC")
# A run a day is the promise. Warn when one was missed, fail when two were.
DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))
# A week's report is due on the Wednesday after it.
WEEKLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=10), warn_window=timedelta(days=8))

PRICING = {
    "price_keys": "One row per provider, model, tier and day in use, with the price set that holds for it.",
    "price_sets": "One row per price set and context tier, with the list and contracted price of each meter.",
    "model_aliases": "One row per model id seen in a log or bill, with the model it stands for.",
    "price_book": "One row per price that is in use, with where it is from and since when it is known.",
}
META = {
    "files": "One row per landed file and what became of it.",
    "quarantine": "One row per row that was set aside, with the reason and never the text.",
    "expected_files": "One row per file that should have come, and whether it has.",
    "file_days": "One row per file and usage day, with the rows kept.",
    "first_days": "One row: from which day on there are samples of GPUs and serving engines, and calls.",
}
ACCOUNTING = {
    "closed_allocations": "One row per posting of a closed period, as its snapshot has it.",
    "closed_journal_lines": "One row per line of a journal of a closed period, as its snapshot has it.",
}
PUBLISHED_CHECKS = {
    "marts_hold_contract": "Marts have their columns, filled and in range, and are not empty where there is data.",
    "limits_hold": "Unpriced share, quarantined share, unexplained variance and invoices are within what is allowed.",
    "nothing_to_warn_of": "Expected files have come and few costs are without a tenant. Does not stop the report.",
}


class HomeAccess(Protocol):
    """Gives a step the home, held for as long as the step needs it. pipelines.resources has the one in use."""

    def hold(self, step: str) -> AbstractContextManager[tuple[Home, Settings]]: ...


def _spec(
    key: list[str], group: str, description: str, kinds: set[str], deps: Iterable[dg.AssetKey] = ()
) -> dg.AssetSpec:
    return dg.AssetSpec(
        key,
        group_name=group,
        description=description,
        kinds=kinds,
        deps=list(deps),
        owners=OWNERS,
        freshness_policy=DAILY,
    )


FEED_SPECS = [_spec([t.feed, t.table], "ingest", t.description, {"parquet", "duckdb"}) for t in FEEDS]
CONFIG_SPECS = [
    _spec(["config", name], "settings", f"{name} of the home's settings, checked and compiled.", {"parquet", "polars"})
    for name in CONFIG_SCHEMAS
]
KEPT_SPECS = [
    _spec([KEPT_FOLDER, name], "ingest", f"{name} of days whose samples have gone.", {"parquet", "duckdb"})
    for name in KEPT
]
_TAKEN_IN = [spec.key for spec in (*FEED_SPECS, *CONFIG_SPECS)]
DERIVED_SPECS = [
    _spec([group, name], group, description, {"parquet", "polars"}, _TAKEN_IN)
    for group, tables in (("pricing", PRICING), ("meta", META), ("accounting", ACCOUNTING))
    for name, description in tables.items()
]
LAKE_CHECKS = [
    dg.AssetCheckSpec(
        "holds_contract",
        asset=spec.key,
        blocking=True,
        description=f"Every committed file of {spec.key.to_user_string()} has the columns and ranges of its contract.",
    )
    for spec in FEED_SPECS
]
PUBLISHED_CHECK_SPECS = [
    dg.AssetCheckSpec(name, asset=MARTS, blocking=name != "nothing_to_warn_of", description=description)
    for name, description in PUBLISHED_CHECKS.items()
]


@dg.multi_asset(name="ingest", specs=[*CONFIG_SPECS, *FEED_SPECS, *KEPT_SPECS], check_specs=LAKE_CHECKS)
def ingest_assets(
    context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Compile the settings, read every new landed file, hold the lake against its contracts."""
    with home.hold(context.run_id) as (place, settings):
        summary = ingest.take_in(place, settings, lambda done, total, name: context.log.debug(f"{done}/{total} {name}"))
        for warning in summary.warnings:
            context.log.warning(warning)
        broken = ingest.check_lake(place)
    for spec in (*CONFIG_SPECS, *FEED_SPECS, *KEPT_SPECS):
        yield dg.MaterializeResult(asset_key=spec.key)
    for check in LAKE_CHECKS:
        failures = broken[".".join(check.asset_key.path)]
        yield dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=not failures,
            metadata={f"failure {number}": str(failure) for number, failure in enumerate(failures, 1)},
        )


@dg.multi_asset(name="derive", specs=DERIVED_SPECS)
def derived_assets(
    context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]
) -> Iterator[dg.MaterializeResult[None]]:
    """Resolve the prices of what came in, and write what the ledger knows for the warehouse."""
    with home.hold(context.run_id) as (place, settings):
        context.log.info(ingest.derive(place, settings))
    for spec in DERIVED_SPECS:
        yield dg.MaterializeResult(asset_key=spec.key)


class ProjectTranslator(DagsterDbtTranslator):
    """Names dbt models [layer, model] and groups them by folder; dbt sources are the lake's tables."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id)
        if node is None:
            return spec
        # A seed may stand in no folder.
        layer, *folders = node["fqn"][1:-1] or ["seeds"]
        return spec.replace_attributes(
            key=dg.AssetKey([layer, node["name"]]),
            group_name="_".join([layer, *folders]),
            owners=OWNERS,
            freshness_policy=DAILY,
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=describe_test(manifest["nodes"][unique_id]))


def describe_test(node: Mapping[str, Any]) -> str:
    """What a dbt test claims: its own description, else what its kind and arguments say."""
    if node["description"]:
        return str(node["description"])
    test = node.get("test_metadata") or {}
    arguments = test.get("kwargs", {})
    model = (node.get("attached_node") or "").split(".")[-1]
    column = arguments.get("column_name")
    claims = {
        "not_null": f"{column} of {model} is never null.",
        "never_null": f"{', '.join(arguments.get('columns', []))} of {model} are never null.",
        "unique": f"{column} of {model} occurs once.",
        "unique_combination": f"{', '.join(arguments.get('columns', []))} of {model} occur together once.",
        "unique_samples": f"{', '.join(arguments.get('columns', []))} of {model} occur together once, on touched days.",
        "accepted_values": f"{column} of {model} is one of {', '.join(map(str, arguments.get('values', [])))}.",
        "relationships": f"Every {column} of {model} is a {arguments.get('field')} of {arguments.get('to')}.",
    }
    in_words = node["name"].removeprefix("assert_").replace("_", " ").capitalize()
    return claims.get(test.get("name", ""), f"{in_words}.")


def warehouse_assets(manifest: Path) -> dg.AssetsDefinition:
    """Every model of the dbt project as an asset, every test of it as a check."""

    @dbt_assets(manifest=manifest, dagster_dbt_translator=ProjectTranslator(), name="warehouse")
    def models(context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]) -> Iterator[Any]:
        events: list[Any] = []
        failure: WarehouseError | None = None
        with home.hold(context.run_id) as (place, settings):
            try:
                inputs, memory = warehouse.read_inputs(place), memory_of(place.root, settings.limits)
                warehouse.build(place, inputs, memory, on_result=events.append, threads=settings.limits.threads)
            except WarehouseError as error:
                failure = error
        for event in events:
            message = DbtCoreCliEventMessage(raw_event=warehouse.event_as_dict(event), event_history_metadata={})
            yield from message.to_default_asset_events(manifest, ProjectTranslator(), context)
        if failure:
            raise dg.Failure(str(failure))

    return models


def published_asset(marts: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """The published version of `marts`, with the checks that stand before the report."""

    @dg.asset(
        key=MARTS,
        group_name="published",
        owners=OWNERS,
        kinds={"duckdb", "parquet"},
        deps=list(marts),
        freshness_policy=DAILY,
        check_specs=PUBLISHED_CHECK_SPECS,
    )
    def published_marts(
        context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        """The version of the marts that analysts and reports read: marts.duckdb and Parquet, swapped in one step."""
        with home.hold(context.run_id) as (place, settings):
            inputs = warehouse.built_inputs(place)
            if inputs is None:
                raise dg.Failure("dbt has not built the marts, or its last build failed: materialize them first")
            keep = settings.general.retention.published_versions
            published = publish(
                place,
                inputs.version_id,
                require_shape,
                keep,
                memory_of(place.root, settings.limits),
            )
            warehouse.mark_applied(place, inputs)
            if recording := record(place, published.manifest):
                for warning in recording.in_words():
                    context.log.warning(warning)
            judged = judge(place.published / DATABASE, settings.limits)
        yield dg.MaterializeResult(
            asset_key=MARTS,
            metadata={
                "version": inputs.version_id,
                "path": dg.MetadataValue.path(published.path / DATABASE),
                "files_written": published.files_written,
                "files_unchanged": published.files_linked,
                "price_book": published.manifest.price_book,
                "repriced": str(published.repriced or "nothing"),
                "dagster/row_count": published.manifest.rows("fct_usage"),
            },
        )
        for name, failed in zip(PUBLISHED_CHECKS, (judged.shape, judged.limits, judged.warnings), strict=True):
            yield _check_result(MARTS, name, failed)

    return published_marts


def _check_result(asset: dg.AssetKey, name: str, failed: Iterable[CheckResult]) -> dg.AssetCheckResult:
    found = list(failed)
    is_blocking = name != "nothing_to_warn_of"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN,
        metadata={result.name: dg.MetadataValue.text(in_full(result)) for result in found},
    )


@dg.asset(
    key=WEEKLY_REPORT,
    group_name="reports",
    owners=OWNERS,
    kinds={"html"},
    deps=[MARTS],
    partitions_def=WEEKS,
    freshness_policy=WEEKLY,
)
def weekly_report(context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]) -> dg.MaterializeResult[None]:
    """The unit-economics report of one ISO week: one HTML file, from the published marts when their checks hold."""
    week = date.fromisoformat(context.partition_key)
    with home.hold(context.run_id) as (place, settings):
        manifest = current_manifest(place)
        if manifest is None:
            raise dg.Failure("nothing is published yet: materialize published/marts first")
        require_limits(place.published / DATABASE, settings.limits, week)
        report, *others = deliver_reports(place, manifest, settings, week)
        deliver_explorer(place, manifest)
    figures = {name: float(value) for name, value in report.kpis.items() if value is not None}
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(report.path),
            **{other.path.parent.parent.name: dg.MetadataValue.path(other.path) for other in others},
            "database": dg.MetadataValue.path(place.published / DATABASE),
            "version": manifest.version_id,
            **{name: dg.MetadataValue.float(value) for name, value in figures.items()},
        }
    )


@dg.asset(key=CHARGEBACK, group_name="exports", owners=OWNERS, kinds={"csv"}, deps=[MARTS], freshness_policy=DAILY)
def chargeback_export(
    context: dg.AssetExecutionContext, home: dg.ResourceParam[HomeAccess]
) -> dg.MaterializeResult[None]:
    """chargeback.csv of every posting period whose lines are not what its file says."""
    with home.hold(context.run_id) as (place, _):
        manifest = current_manifest(place)
        if manifest is None:
            raise dg.Failure("nothing is published yet: materialize published/marts first")
        files = deliver_chargeback(place, manifest)
    return dg.MaterializeResult(
        metadata={
            "files_written": len(files),
            **{path.parent.name: dg.MetadataValue.path(path) for path in files},
        }
    )


def asset_graph(manifest: Path) -> list[dg.AssetsDefinition]:
    """Every asset, from the landed feeds to the report, for the dbt project that `manifest` describes."""
    models = warehouse_assets(manifest)
    marts = sorted(key for key in models.keys if key.path[0] == "marts")
    return [ingest_assets, derived_assets, models, published_asset(marts), weekly_report, chargeback_export]
