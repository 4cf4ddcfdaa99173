"""The whole build: the same bytes from the same seed, every incident, settings and facts that fit."""

import csv
import hashlib
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

from examples.company import story
from examples.company.build import OutputError, build
from examples.company.catalog import FEATURES, KEYS, TENANTS
from tests.unit.examples.conftest import SCALE, SEED, Company

KINDS = {
    "batch", "bill_restated", "billed_failure", "billed_failure_superseded", "cache_heavy", "contract_discount",
    "counter_reset", "credit", "duplicate_logs", "duplicate_logs_next_day", "fallback", "fee", "gateway_bypass",
    "gateway_cache", "idle_gpu", "invoice_rounding", "key_move", "late_logs", "missing_file", "missing_tag_own_key",
    "missing_tag_shared_key", "non_token_charge", "price_change", "prompt_change", "reasoning_heavy", "retry",
    "telemetry_gap", "truncated_file", "unbilled_429", "unlogged_traffic",
    *(f"malformed_line_{kind}" for kind in story.MALFORMED),
}  # fmt: skip


def _digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes(company: Company, tmp_path: Path) -> None:
    build(tmp_path, scale=SCALE, seed=SEED, report=lambda _: None)
    assert _digests(tmp_path) == _digests(company.root)


def test_an_earlier_build_is_replaced_and_another_home_is_left_alone(tmp_path: Path) -> None:
    build(tmp_path, scale=0.02, seed=1, report=lambda _: None)
    first = _digests(tmp_path)
    (tmp_path / "home" / "lake").mkdir()
    build(tmp_path, scale=0.02, seed=2, report=lambda _: None)
    second = _digests(tmp_path)
    assert first.keys() == second.keys()
    assert first["truth/calls.parquet"] != second["truth/calls.parquet"]
    assert (tmp_path / "home" / "lake").is_dir()
    (tmp_path / "truth" / "incidents.csv").unlink()
    with pytest.raises(OutputError, match="choose an empty folder"):
        build(tmp_path, scale=0.02, seed=1, report=lambda _: None)


def test_every_kind_of_incident_happened_and_has_a_size(company: Company) -> None:
    incidents = company.truth("incidents")
    assert set(incidents["kind"]) == KINDS
    assert all(Decimal(amount) != 0 for amount in incidents["amount_usd"])
    assert incidents["incident_id"].is_unique().all()


def test_truth_has_one_row_per_attempt(company: Company) -> None:
    assert company.calls["response_id"].is_unique().all()
    assert company.calls.schema["true_cost_usd"] == pl.Decimal(38, 12)
    assert set(company.calls["tenant_id"]) == {t.tenant_id for t in TENANTS} | {"unattributed"}
    assert set(company.calls["feature_id"]) == {f.feature_id for f in FEATURES} | {"unattributed"}


def test_some_prompts_reach_the_dearer_context_tier(company: Company) -> None:
    """OpenAI's bill does not show the tier, so both must be in one bill line."""
    prompt = pl.sum_horizontal("input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens")
    sol = company.calls.filter((pl.col("model") == "gpt-5.6-sol") & pl.col("is_billed")).select(
        is_long=prompt > 272_000
    )
    assert 0 < sol["is_long"].sum() < sol.height


def test_fallbacks_go_to_a_cheaper_model(company: Company) -> None:
    pairs = (
        company.calls.filter(pl.col("attempt_role") == "fallback")
        .join(company.calls.filter(pl.col("attempt_role") == "final"), on="logical_request_id", suffix="_final")
        .select("model", "model_final")
        .unique()
    )
    assert set(pairs.rows()) <= {
        ("gpt-5.6-sol", "gpt-5.4-mini"), ("claude-opus-5", "claude-sonnet-5"), ("claude-sonnet-5", "claude-haiku-4-5"),
    }  # fmt: skip
    assert pairs.height


def test_each_key_serves_one_tenant_at_a_time(company: Company) -> None:
    spans = {(key.name, key.tenant_id, key.valid_from, key.valid_to) for key in KEYS if key.tenant_id}
    used = company.calls.filter(pl.col("key_name").is_not_null() & (pl.col("key_name") != "shared-prod"))
    for name, tenant, day in used.select("key_name", "tenant_id", pl.col("started_at").dt.date()).unique().rows():
        assert any((name, tenant) == span[:2] and span[2] <= day and (not span[3] or day < span[3]) for span in spans)


def test_tasks_end_after_their_calls_or_not_at_all(company: Company) -> None:
    told: dict[str, dict[str, str]] = {}
    for path in sorted((company.landing / "business" / "tasks").iterdir()):
        told |= {row["task_id"]: row for row in csv.DictReader(path.read_text().splitlines())}
    ends = company.calls.drop_nulls("task_id").group_by("task_id").agg(pl.col("ended_at").max())
    assert set(ends["task_id"]) == set(told)
    for task_id, ended_at in ends.rows():
        row = told[task_id]
        assert bool(row["ended_at"]) == bool(row["outcome"])
        assert not row["ended_at"] or row["ended_at"] > f"{ended_at:%Y-%m-%dT%H:%M:%S}"
    outcomes = [row["outcome"] for row in told.values()]
    assert {"resolved", "unresolved", "unknown", ""} == set(outcomes)
    assert any(row["reopened_at"] for row in told.values())
    assert 0.5 < outcomes.count("resolved") / len(outcomes) < 0.9


def test_settings_name_what_the_files_hold(company: Company) -> None:
    config = company.root / "home" / "config"
    general = yaml.safe_load((config / "inferledger.yml").read_text())
    feeds = {(rule["feed"], rule["table"]) for rule in general["expected_files"]}
    folders = {(path.parent.name, path.name) for path in company.landing.glob("*/*")}
    assert feeds < folders
    tenants = list(csv.DictReader((config / "tenants.csv").read_text().splitlines()))
    assert len(tenants) == 25
    assert {t["plan"] for t in tenants} == {"free", "team", "business", "enterprise"}
    revenue = [
        row
        for path in sorted((company.landing / "business" / "revenue").iterdir())
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    assert {row["type"] for row in revenue} == {"subscription", "usage", "credit_note"}
    assert {row["currency"] for row in revenue} == {"USD", "EUR"}
    free = {t["tenant_id"] for t in tenants if t["is_free_plan"] == "true"}
    assert not free & {row["tenant_id"] for row in revenue}


@pytest.mark.parametrize(("arguments", "text"), [(["--scale", "9"], "allowed: 0.02 to 5"), ([], "--out")])
def test_wrong_arguments_are_named(arguments: list[str], text: str) -> None:
    done = subprocess.run([sys.executable, "-m", "examples.company", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert text in done.stderr
