"""The asset graph as Dagster sees it: complete, described, owned, and connected from the landed files to the report."""

from collections.abc import Iterable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.graph import CHARGEBACK, LAKE_CHECKS, MARTS, PUBLISHED_CHECK_SPECS, WEEKLY_REPORT
from pipelines.definitions import defs
from sources.registry import FEEDS

ROOT = Path(__file__).resolve().parents[3]
SPECS = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
CHECKS = [spec for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition) for spec in asset.check_specs]


def upstream(key: dg.AssetKey) -> set[dg.AssetKey]:
    """Everything `key` is made from."""
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        parents = {dep.asset_key for dep in SPECS[waiting.pop()].deps} - found
        found |= parents
        waiting += parents
    return found


def names(keys: Iterable[dg.AssetKey]) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_workspace_names_the_code_location() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert entry["python_module"] == {"module_name": "pipelines.definitions", "location_name": "inferledger"}


@pytest.mark.parametrize("key", sorted(SPECS), ids=dg.AssetKey.to_user_string)
def test_every_asset_has_owner_description_group_kind_and_freshness(key: dg.AssetKey) -> None:
    spec = SPECS[key]
    assert spec.owners == ["team:finops"]
    assert spec.description
    assert spec.group_name
    assert spec.group_name != "default"
    assert spec.kinds
    assert spec.freshness_policy


def test_every_check_says_what_it_checks() -> None:
    assert [check.key for check in CHECKS if not check.description] == []


def test_contracts_stand_in_the_way_of_what_is_built_from_them() -> None:
    assert all(check.blocking for check in LAKE_CHECKS)
    assert {check.name: check.blocking for check in PUBLISHED_CHECK_SPECS} == {
        "marts_hold_contract": True,
        "limits_hold": True,
        "nothing_to_warn_of": False,
    }
    assert {check.key for check in (*LAKE_CHECKS, *PUBLISHED_CHECK_SPECS)} <= {check.key for check in CHECKS}


def test_the_report_comes_from_every_feed_and_every_mart() -> None:
    sources = upstream(WEEKLY_REPORT)
    feeds = {check.asset_key for check in LAKE_CHECKS}
    assert names(feeds - sources) == []
    assert names({key for key in SPECS if key.path[0] == "marts"} - sources) == []
    assert MARTS in sources
    assert MARTS in upstream(CHARGEBACK)


def test_nothing_is_read_that_no_asset_writes() -> None:
    read = {dep.asset_key for spec in SPECS.values() for dep in spec.deps}
    assert names(read - SPECS.keys()) == []


def test_assets_outside_dbt_are_these() -> None:
    layers = ("seeds", "staging", "intermediate", "marts", "semantic")
    feeds = [f"{table.feed}/{table.table}" for table in FEEDS]
    assert names(key for key in SPECS if key.path[0] not in layers) == sorted(
        [
            *feeds,
            "accounting/closed_allocations",
            "accounting/closed_journal_lines",
            "config/allocation_matches",
            "config/allocation_rules",
            "config/allocation_tags",
            "config/allocation_targets",
            "config/anomaly_limits",
            "config/anomaly_states",
            "config/api_keys",
            "config/billing_accounts",
            "config/budgets",
            "config/contract_term_rates",
            "config/contract_terms",
            "config/cost_nature_rules",
            "config/declared_feeds",
            "config/discount_bands",
            "config/disputes",
            "config/features",
            "config/fx_rates",
            "config/forecast_months",
            "config/gl_map",
            "config/gpu_deployment_slices",
            "config/gpu_deployments",
            "config/gpu_node_lines",
            "config/gpu_node_resources",
            "config/gpu_nodes",
            "config/hardware",
            "config/hardware_throughputs",
            "config/kubernetes_pods",
            "config/markups",
            "config/model_policy_rules",
            "config/people",
            "config/plan",
            "config/provisioned_deployments",
            "config/rate_limits",
            "config/rules_of_thumb",
            "config/scenario_alternatives",
            "config/scenario_models",
            "config/self_hosting_cases",
            "config/self_hosting_comparators",
            "config/self_hosting_matches",
            "config/self_hosting_months",
            "config/self_hosting_ownership",
            "config/self_hosting_workloads",
            "config/settings",
            "config/tco_charge_rules",
            "config/tco_costs",
            "config/tco_horizon",
            "config/tco_model_updates",
            "config/tco_remediation",
            "config/teams",
            "config/tenants",
            "config/token_budgets",
            "exports/chargeback",
            "kept/engine_counts_hourly",
            "kept/engine_falls",
            "kept/engine_kv_hourly",
            "kept/engine_kv_values",
            "kept/engine_seen_days",
            "kept/engine_steps",
            "kept/gpu_busy_hourly",
            "kept/gpu_energy_measured",
            "kept/gpu_metrics_measured",
            "kept/gpu_pod_labels",
            "kept/gpu_pods_scraped",
            "kept/gpu_seen_days",
            "meta/expected_files",
            "meta/file_days",
            "meta/files",
            "meta/quarantine",
            "meta/first_days",
            "pricing/model_aliases",
            "pricing/price_book",
            "pricing/price_keys",
            "pricing/price_sets",
            "published/marts",
            "reports/weekly",
        ]
    )


def test_jobs_schedules_and_sensors_are_these() -> None:
    repository = defs.get_repository_def()
    assert sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")) == [
        "build_marts",
        "pull_all",
        "report_week",
    ]
    schedules = {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs}
    assert schedules == {"pull_daily": "0 4 * * *", "build_daily": "0 5 * * *", "report_weekly": "0 6 * * 3"}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "alert_on_failure",
        "deliver_report",
        "new_files",
        "restated_weeks",
    ]


def test_the_weekly_schedule_reports_the_week_that_is_over() -> None:
    repository = defs.get_repository_def()
    from datetime import UTC, datetime

    wednesday = datetime(2026, 11, 18, 6, 0, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=wednesday, repository_def=repository)
    (request,) = repository.get_schedule_def("report_weekly").evaluate_tick(context).run_requests or ()
    assert request.partition_key == "2026-11-09"
