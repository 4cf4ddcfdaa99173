"""Whose pods are: the node's deployments, else the first rule that fits, else nobody's with a reason."""

from datetime import date
from decimal import Decimal

import polars as pl

from tests.unit.dbt_project.compiled import compiled, rows_of

DAY, NEXT = date(2026, 8, 10), date(2026, 8, 11)
HOURS = pl.DataFrame(
    [
        (DAY, "n", "llama", "web-0", 1), (DAY, "n", "llama", "web-0", 2), (DAY, "n", "llama", "job-0", 4),
        (NEXT, "n", "llama", "web-0", 8), (DAY, "n", "other", "web-0", 16),
        (DAY, "n", "unattributed", "unattributed", 32), (DAY, "served", "llama", "web-0", 64),
        (DAY, "n", "other", "search-0", 128), (DAY, "n", "other", "search-1", 256),
        (NEXT, "n", "other", "search-0", 512), (DAY, "n", "other", "search-2", 1024),
    ],
    schema={"usage_date": pl.Date, "node_id": pl.String, "namespace": pl.String, "pod": pl.String,
            "cost_usd": pl.Decimal(26, 12)},
    orient="row",
).with_columns(gpu_seconds=pl.lit(Decimal(3600), dtype=pl.Decimal(18, 6)))  # fmt: skip
RULES = pl.DataFrame(
    [
        (1, "llama", "web-*", None, None, "acme", "llama", DAY, NEXT),
        (2, "llama", "*", None, None, "beta", None, DAY, date(9999, 12, 31)),
        (3, "lla*", "web-0", None, None, "late", None, DAY, date(9999, 12, 31)),
        (4, "*", "nothing", None, None, "any", None, DAY, NEXT),
        (5, "other", "*", "team", "search", "carp", "ranker", DAY, date(9999, 12, 31)),
    ],
    schema={"rule_order": pl.Int32, "namespace": pl.String, "pod": pl.String, "label": pl.String,
            "label_value": pl.String, "tenant_id": pl.String, "deployment_id": pl.String, "valid_from": pl.Date,
            "valid_to": pl.Date},
    orient="row",
)  # fmt: skip
# Four rows are dcgm-exporter's, three kube-state-metrics', which alone knows search-2. search-1 is of a team whose name
# begins alike; search-0 has lost its label the next day.
LABELS = pl.DataFrame(
    [
        (DAY, "other", "search-0", "|app=x|team=search|"), (DAY, "other", "search-0", "|app=y|team=search|"),
        (DAY, "other", "search-1", "|team=search-ads|"), (DAY, "llama", "web-0", "|team=search|"),
        (DAY, "other", "search-0", "|team=search|"), (DAY, "other", "search-2", "|team=search|"),
        (DAY, "other", "search-1", "|team=search-ads|"),
    ],
    schema={"usage_date": pl.Date, "namespace": pl.String, "pod": pl.String, "pod_labels": pl.String},
    orient="row",
)  # fmt: skip


def test_the_first_rule_that_fits_counts_where_no_deployment_is_known() -> None:
    deployments = pl.DataFrame({"usage_date": [DAY], "node_id": ["served"], "deployment_id": ["d"]})
    staged = compiled("stg_config__kubernetes_pods").replace(
        "read_parquet('/config/kubernetes_pods/*.parquet', union_by_name = true)", "kubernetes_pods"
    )
    found = rows_of(
        compiled("gpu_pods_daily"),
        {"kubernetes_pods": RULES, "stg_config__kubernetes_pods": staged, "int_gpu_pod_hours": HOURS,
         "int_gpu_pod_labels": LABELS.head(4).rename({"usage_date": "sampled_date"}),
         "stg_kube_state_metrics__pod_labels": LABELS.tail(3),
         "int_gpu_deployment_days": deployments},
    )  # fmt: skip
    assert {
        (r["usage_date"].day, r["node_id"], r["namespace"], r["pod"]): (
            r["tenant_id"],
            r["deployment_id"],
            r["unattributed_reason"],
            r["cost_usd"],
        )
        for r in found
    } == {
        (10, "n", "llama", "web-0"): ("acme", "llama", None, 3),
        (10, "n", "llama", "job-0"): ("beta", "unattributed", None, 4),
        (11, "n", "llama", "web-0"): ("beta", "unattributed", None, 8),
        (10, "n", "other", "web-0"): ("unattributed", "unattributed", "no_rule_fits", 16),
        (10, "n", "other", "search-0"): ("carp", "ranker", None, 128),
        (10, "n", "other", "search-2"): ("carp", "ranker", None, 1024),
        (10, "n", "other", "search-1"): ("unattributed", "unattributed", "no_rule_fits", 256),
        (11, "n", "other", "search-0"): ("unattributed", "unattributed", "no_rule_fits", 512),
        (10, "n", "unattributed", "unattributed"): ("unattributed", "unattributed", "no_pod_named", 32),
        (10, "served", "llama", "web-0"): ("shared", "d", None, 64),
    }
    assert {row["pod"] for row in found if row["attribution_method"] == "pod_label"} == {"search-0", "search-2"}
