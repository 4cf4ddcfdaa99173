"""The company's settings files, in home/config."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from examples.company.catalog import (
    ACCOUNTS,
    COMPANY,
    DEPLOYMENT_ID,
    FEATURES,
    FIRST_DAY,
    GATEWAY_PROVIDER,
    GPUS,
    KEYS,
    LAST_DAY,
    LLAMA,
    NODE_ID,
    PRODUCTS,
    TENANTS,
    TEXT_METRICS_FROM,
    USD_PER_GPU_HOUR,
    WEIGHTS,
)
from examples.company.invoices import usd_per_eur
from examples.company.prices import CONTRACTS, Contract
from examples.company.tables import csv_text

GL_ACCOUNTS: list[tuple[Any, ...]] = [
    ("expense", "cogs", "", "", "5100 Inference", ""),
    ("expense", "cogs", "northgpu", "", "5200 GPU rent", ""),
    ("expense", "cogs", "", "unattributed", "5900 Inference to be assigned", ""),
    ("expense", "cogs", "northgpu", "unattributed", "5910 Idle GPUs", "Platform"),
    ("expense", "r_and_d", "", "", "6100 Research inference", "Research"),
    ("clearing", "", "", "", "2150 Inference clearing", "Platform"),
    ("accrued_liability", "", "", "", "2160 Accrued inference", "Platform"),
    ("rounding", "", "", "", "7990 Rounding", ""),
    ("fx", "", "", "", "7900 Exchange differences", ""),
]
# A small company: parts of a few people keep it running.
PEOPLE: list[tuple[Any, ...]] = [
    ("LLM engineer", "assistant", "people", 264400, "0.06", "false", "2026-08-01", ""),
    ("LLM engineer", "coding", "people", 264400, "0.1", "false", "2026-08-01", ""),
    ("Backend engineer", "", "people", 230000, "0.05", "false", "2026-08-01", ""),
    ("Platform engineer", "", "people", 240000, "0.05", "true", "2026-08-01", ""),
    ("Security engineer", "", "security_compliance", 250000, "0.01", "false", "2026-08-01", ""),
    ("Product manager", "assistant", "people", 210000, "0.05", "false", "2026-10-01", ""),
]
TCO: dict[str, Any] = {
    "charges": [
        # The router's model answers nobody: it decides who does.
        {"rule_id": "triage", "line": "supporting_layer", "category": "routing", "match": {"purpose": "router"}},
    ],
    "costs": [
        {"cost_id": "vectors", "line": "supporting_layer", "category": "vector_store", "usd_per_month": "210",
         "product_id": "assistant", "source": "contract VS-2026-14"},
        {"cost_id": "tracing", "line": "supporting_layer", "category": "tracing", "usd_per_month": "500",
         "source": "contract TR-2026-03"},
        {"cost_id": "storage", "line": "storage_network_ci", "category": "storage", "usd_per_month": "130",
         "source": "invoice of the cloud account"},
        {"cost_id": "audit", "line": "security_compliance", "category": "audit", "usd_per_month": "400",
         "source": "SOC 2 contract of 2026-06-01"},
    ],
    "model_updates": [
        {"update_id": "sol-snapshot", "date": "2026-09-14", "product_id": "coding", "engineer_hours": "12",
         "role": "LLM engineer"},
        {"update_id": "sonnet-5-prompts", "date": "2026-10-20", "product_id": "assistant", "engineer_hours": "10",
         "usd_per_hour": "130"},
        {"update_id": "llama-4", "date": "2027-02-15", "engineer_hours": "80", "usd_per_hour": "130"},
    ],
    "remediation": [
        {"feature_id": "support_chat", "usd_per_wrong_answer": "6.50"},
        {"feature_id": "code_agent", "usd_per_wrong_answer": "18"},
        {"feature_id": "doc_qa", "usd_per_wrong_answer": "2"},
        {"feature_id": "report_writer", "usd_per_wrong_answer": "25"},
        {"feature_id": "deep_research", "usd_per_wrong_answer": "12"},
    ],
    "horizon": {"months": 12, "inference_growth_percent_per_month": "3"},
}  # fmt: skip
# One that holds, two that are near their limit, one that is overspent, and one of a single day.
BUDGETS: list[tuple[Any, ...]] = [
    ("company", "", "month", "6000", "2026-08-01"),
    ("tenant", "atlas-bank", "month", "1150", "2026-08-01"),
    ("tenant", "brightmart", "month", "420", "2026-08-01"),
    ("product", "coding", "month", "2600", "2026-08-01"),
    ("feature", "deep_research", "month", "200", "2026-08-01"),
    ("feature", "translation", "day", "10", "2026-08-01"),
]
# Made before the quarter began, for the inference of a company of scale 1: account, USD and requests of each month.
PLAN: list[tuple[str, str, int]] = [
    ("5100 Inference", "3000", 75_000),
    ("5200 GPU rent", "900", 12_000),
    ("5910 Idle GPUs", "1600", 0),
    ("6100 Research inference", "150", 6_000),
]
SCENARIOS: dict[str, Any] = {
    "scenarios": [
        {
            "scenario_id": "support", "feature_id": "support_chat", "answer": "task",
            "alternatives": [
                {
                    "alternative_id": "sol-only",
                    "models": [{"service_provider": "openai", "model_id": "gpt-5.6-sol"}],
                    "quality": {"correct": 228, "judged": 240, "source": "evaluation of 2026-10-02"},
                    "latency_p95_seconds": "6.4",
                    "flags": {"availability_risk": "one provider", "switching_usd": "2000"},
                },
                {
                    "alternative_id": "routed",
                    "models": [
                        {"service_provider": "openai", "model_id": "gpt-5-nano", "share": "0.7"},
                        {"service_provider": "openai", "model_id": "gpt-5.4-mini", "share": "0.25"},
                        {"service_provider": "openai", "model_id": "gpt-5.6-sol", "share": "0.05"},
                    ],
                    "quality": {"correct": 187, "judged": 240, "source": "evaluation of 2026-10-02"},
                    "latency_p95_seconds": "3.1",
                },
                {
                    "alternative_id": "own-llama",
                    "self_hosted": {
                        "gpus": GPUS, "usd_per_gpu_hour": USD_PER_GPU_HOUR, "overhead_usd_per_month": "1500",
                        "basis": "rented",
                    },
                    "quality": {"correct": 176, "judged": 240, "source": "evaluation of 2026-10-02"},
                    "flags": {"data_residency": "stays on our node", "switching_usd": "12000"},
                },
            ],
        }
    ]
}  # fmt: skip
RATES_TO = date(2026, 11, 17)


def write(config: Path) -> None:
    """Write every settings file of the home."""
    config.mkdir(parents=True)
    tables: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "tenants": (
            "tenant_id,tenant_name,plan,cost_center,is_free_plan",
            [(t.tenant_id, t.tenant_name, t.plan, t.cost_center, str(t.plan == "free").lower()) for t in TENANTS],
        ),
        "features": (
            "feature_id,feature_name,product_id,product_name",
            [(f.feature_id, f.feature_name, f.product_id, PRODUCTS[f.product_id]) for f in FEATURES],
        ),
        "teams": (
            "team_id,tenant_id,cost_center,valid_from,valid_to",
            [(f"team-{t.tenant_id}", t.tenant_id, t.cost_center, "2026-08-01", "") for t in TENANTS if t.has_own_keys],
        ),
        "api_keys": ("api_key_id,tenant_id,team_id,environment,valid_from,valid_to", list(_key_rows())),
        "billing_accounts": (
            "service_provider,billing_account_id,gateway,gateway_provider,settlement_lag_days,currency,valid_from,valid_to",
            [(p, a, "litellm", GATEWAY_PROVIDER[p], 1, "USD", "2026-08-01", "") for p, a in ACCOUNTS.items()],
        ),
        "fx_rates": ("currency,rate_date,usd_per_unit", list(_rates())),
        "budgets": ("scope,scope_id,period,amount_usd,valid_from", BUDGETS),
        "plan": (
            "planned_on,month,account,amount_usd,requests",
            [("2026-09-28", month, *row) for month in ("2026-10", "2026-11", "2026-12") for row in PLAN],
        ),
        "people": ("role,product_id,line,loaded_usd_per_year,share,is_serving,valid_from,valid_to", PEOPLE),
        "gl_map": ("line_type,cost_nature,service_provider,cost_center,account,department", GL_ACCOUNTS),
    }
    for name, (header, rows) in tables.items():
        (config / f"{name}.csv").write_text(csv_text(header.split(","), rows))
    for name, content in (
        ("inferledger", _general()),
        ("contracts", {"contracts": [_contract(c) for c in CONTRACTS]}),
        ("gpu_rates", _gpu_rates()),
        ("allocation", _allocation()),
        ("self_hosting", _self_hosting()),
        ("tco", TCO),
        ("scenarios", SCENARIOS),
    ):
        (config / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False, width=120))
    # A demo is the same on every machine; a real home draws its own key.
    (config / "hash_key").write_text(hashlib.sha256(b"northwind demo hash key").hexdigest() + "\n")


def _key_rows() -> Iterator[tuple[Any, ...]]:
    for key in KEYS:
        team = f"team-{key.tenant_id}" if key.tenant_id else ""
        yield (key.api_key_id, key.tenant_id, team, key.environment, key.valid_from, key.valid_to or "")


def _rates() -> Iterator[tuple[Any, ...]]:
    day = date(2026, 8, 1)
    while day <= RATES_TO:
        yield ("EUR", day, f"{usd_per_eur(day):.4f}")
        day += timedelta(days=1)


def _expected(feed: str, table: str, cadence: str, name: str, lag: int, **span: date) -> dict[str, Any]:
    first, until = span.get("first", FIRST_DAY), span.get("until", LAST_DAY)
    return {
        "feed": feed, "table": table, "cadence": cadence, "from": str(first), "until": str(until), "name": name,
        "lag_days": lag,
    }  # fmt: skip


def _general() -> dict[str, Any]:
    pages = [("openai", "usage_completions"), ("openai", "costs")]
    pages += [("anthropic", "usage_messages"), ("anthropic", "cost_report")]
    expected = [_expected("litellm", "spend_logs", "daily", "spend_logs_{date}.ndjson.gz", 1)]
    expected += [_expected(f, t, "weekly", "{date}_{end}__retrieved-*.json", 3) for f, t in pages]
    for feed in ("dcgm", "vllm"):
        last_page = TEXT_METRICS_FROM - timedelta(days=1)
        expected += [
            _expected(feed, "samples", "weekly", "query_range_{date}_{end}.json", 1, until=last_page),
            _expected(feed, "samples", "daily", feed + "_{date}.prom.gz", 1, first=TEXT_METRICS_FROM),
        ]
    expected += [_expected("business", t, "weekly", t + "_{date}.csv", 1) for t in ("tasks", "active_users")]
    return {
        "company": COMPANY,
        "display_time_zone": "UTC",
        "engine": "duckdb",
        "settlement_lag_days": {"openai": 1, "anthropic": 1},
        "limits": {
            "unpriced_share": 0.001, "unattributed_share": 0.25, "unexplained_usd": 1.0, "quarantined_share": 0.01,
            "lock_wait_seconds": 600, "memory": "2GB",
        },
        "retention": {"published_versions": 3},
        "expected_files": expected,
    }  # fmt: skip


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "contract_id": contract.contract_id,
        "service_provider": contract.service_provider,
        "models": [f"{contract.model}*"],
        "service_tier": "any",
        "percent_off": str(contract.percent_off),
        "valid_from": str(contract.valid_from),
        "source": contract.source,
    }


def _gpu_rates() -> dict[str, Any]:
    node = {
        "node_id": NODE_ID, "service_provider": "northgpu", "billing_account_id": ACCOUNTS["northgpu"], "gpus": GPUS,
        "usd_per_gpu_hour": USD_PER_GPU_HOUR, "valid_from": str(FIRST_DAY),
    }  # fmt: skip
    deployment = {
        "deployment_id": DEPLOYMENT_ID, "node_id": NODE_ID, "model_id": f"hosted_vllm/{LLAMA}", "model": LLAMA,
        "weights": WEIGHTS, "valid_from": str(FIRST_DAY),
    }  # fmt: skip
    return {"nodes": [node], "deployments": [deployment]}


def _self_hosting() -> dict[str, Any]:
    """What runs on the node now, and the e-mail drafts of a hosted model that could."""
    replica = {
        "gpus": GPUS, "node_id": NODE_ID, "input_tokens_per_second": "1500", "output_tokens_per_second": "300",
        "phases": "together", "bench_to_real": "2", "cache_read_weight": "0.1",
        "memory": {
            "layers": 80, "kv_heads": 8, "head_dim": 128, "bytes_per_element": "2", "weights_gb": "70.6",
            "gpu_memory_gb": "48", "context_tokens": 131072,
        },
    }  # fmt: skip
    turbo = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    together = {"comparator_id": "together", "kind": "same_model", "service_provider": "together", "model": turbo}
    groq = {
        "comparator_id": "groq", "kind": "same_model", "service_provider": "groq", "model": "llama-3.3-70b-versatile"
    }  # fmt: skip
    money = {"overhead_usd_per_month": "4150", "migration_usd": "12000", "commitment_months": 12}
    return {
        "discount_rate_per_year": "0.08",
        "api_price_change_per_year": "-0.3",
        "has_gpu_platform": False,
        "ownership": {
            "life_years": 4, "residual_share": "0.1", "usd_per_kwh": "0.10", "power_usage_effectiveness": "1.4",
            "colo_usd_per_kw_month": "500", "support_share_per_year": "0.05",
        },
        "workloads": [
            {
                "workload_id": "llama-on-own-gpus", "match": {"model": LLAMA}, "deployment_id": DEPLOYMENT_ID,
                "shape": "steady_b2b", "replica": replica, "min_replicas": 1, "max_replicas": 8, **money,
                "comparators": [together, groq], "flags": ["data_residency", "gpu_availability"],
            },
            {
                "workload_id": "email-drafts", "match": {"feature": "email_draft"}, "shape": "steady_b2b",
                "replica": replica, "min_replicas": 2, "max_replicas": 8, **money,
                "comparators": [together, {"comparator_id": "billed", "kind": "own_billed", "passing_share": "0.7"}],
                "flags": ["switching_cost"],
            },
        ],
    }  # fmt: skip


def _allocation() -> dict[str, Any]:
    by_cost = {"method": "proportional", "metric": "billed_cost_usd", "fallback": "unattributed"}
    nobody = {"method": "unattributed", "fallback": "unattributed"}
    methods = {
        "credit": by_cost, "fee": by_cost, "rounding": by_cost, "non_token": by_cost, "gpu_idle": nobody,
        "unlogged_traffic": nobody,
    }  # fmt: skip
    rules = [
        {"rule_id": name.replace("_", "-"), "charge_category": name, **method, "valid_from": "2026-08-01"}
        for name, method in methods.items()
    ]
    return {"rule_version": "1", "rules": rules}
