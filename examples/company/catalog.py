"""Who and what there is: days, tenants, products, features, models, keys and where calls are billed. No randomness."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from examples.company.shapes import (
    AGENT_IN,
    AGENT_OUT,
    CHAT_IN,
    CHAT_OUT,
    CODE_IN,
    CODE_OUT,
    HOURLY_RATE,
    LONG_IN,
    LONG_OUT,
    NIGHT_HOURS,
    OFFICE_HOURS,
    WEEKDAYS_FLAT,
    WEEKDAYS_OFFICE,
    LogNormal,
)

COMPANY = "Northwind AI"
FIRST_DAY, LAST_DAY = date(2026, 8, 10), date(2026, 11, 15)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
WEEKS = DAYS // 7
MONDAYS = tuple(FIRST_DAY + timedelta(weeks=w) for w in range(WEEKS))
# First day and first day after; the first month starts with the company.
MONTHS = (
    (FIRST_DAY, date(2026, 9, 1)),
    (date(2026, 9, 1), date(2026, 10, 1)),
    (date(2026, 10, 1), date(2026, 11, 1)),
    (date(2026, 11, 1), date(2026, 12, 1)),
)
UNATTRIBUTED = "unattributed"


def epoch_ms(day: date, hour: float = 0) -> int:
    """Milliseconds since 1970 of an hour of a UTC day."""
    return int((datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)).timestamp() * 1000)


START_MS, END_MS = epoch_ms(FIRST_DAY), epoch_ms(LAST_DAY + timedelta(days=1))


@dataclass(frozen=True)
class Tenant:
    tenant_id: str
    tenant_name: str
    plan: str
    currency: str = "USD"

    @property
    def cost_center(self) -> str:
        return f"CC-{self.tenant_id.split('-')[0].upper()}"

    @property
    def has_own_keys(self) -> bool:
        return self.plan in ("enterprise", "business")


# From the largest to the smallest.
TENANTS = (
    Tenant("atlas-bank", "Atlas Bank", "enterprise"),
    Tenant("brightmart", "Brightmart", "enterprise"),
    Tenant("cobalt-health", "Cobalt Health", "business"),
    Tenant("dunes-energy", "Dunes Energy", "enterprise", "EUR"),
    Tenant("elmwood-legal", "Elmwood Legal", "business"),
    Tenant("fjord-school", "Fjord School", "free"),
    Tenant("glasshouse", "Glasshouse Media", "business"),
    Tenant("harbor-freight", "Harbor Freight Desk", "team"),
    Tenant("ironbridge", "Ironbridge Steel", "enterprise"),
    Tenant("juniper-travel", "Juniper Travel", "business"),
    Tenant("kestrel-games", "Kestrel Games", "team"),
    Tenant("lumen-lab", "Lumen Lab", "free"),
    Tenant("maple-clinic", "Maple Clinic", "team"),
    Tenant("nimbus-hr", "Nimbus HR", "business"),
    Tenant("oakline", "Oakline Furniture", "team"),
    Tenant("pinecrest", "Pinecrest Insurance", "business"),
    Tenant("quarry-club", "Quarry Club", "free"),
    Tenant("redwood-tax", "Redwood Tax", "team"),
    Tenant("saffron-foods", "Saffron Foods", "team"),
    Tenant("tidepool", "Tidepool Aquatics", "free"),
    Tenant("umbra-films", "Umbra Films", "team"),
    Tenant("vale-robotics", "Vale Robotics", "business"),
    Tenant("willow-notes", "Willow Notes", "free"),
    Tenant("xenon-audio", "Xenon Audio", "team"),
    Tenant("yarrow-blog", "Yarrow Blog", "free"),
)
TENANT_BY_ID = {tenant.tenant_id: tenant for tenant in TENANTS}
PRODUCTS = {"assistant": "Assistant", "coding": "Code Studio", "insights": "Insights", "inbox": "Smart Inbox"}
PLAN_PRODUCTS = {
    "enterprise": ("assistant", "coding", "insights", "inbox"),
    "business": ("assistant", "coding", "insights", "inbox"),
    "team": ("assistant", "coding", "inbox"),
    "free": ("assistant", "inbox"),
}


@dataclass(frozen=True)
class Model:
    """How a model is named: canonical, by the gateway's callers (with the share of calls), and on the bill."""

    model: str
    provider: str
    called_as: tuple[tuple[str, float], ...]
    billed_as: str
    context: int
    cheaper: str | None = None
    writes_cache: bool = False
    reasons: bool = True


LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
MODELS = (
    Model(
        "gpt-5.6-sol", "openai", (("gpt-5.6-sol", 0.7), ("gpt-5.6", 0.1), ("gpt-5.6-sol-2026-06-18", 0.2)),
        "gpt-5.6-sol-2026-06-18", 1_050_000, "gpt-5.4-mini", True,
    ),
    Model(
        "gpt-5.4-mini", "openai", (("gpt-5.4-mini", 0.6), ("gpt-5.4-mini-2026-03-17", 0.4)),
        "gpt-5.4-mini-2026-03-17", 380_000,
    ),
    Model(
        "gpt-5-nano", "openai", (("gpt-5-nano", 0.5), ("gpt-5-nano-2025-08-07", 0.5)),
        "gpt-5-nano-2025-08-07", 380_000,
    ),
    Model(
        "gpt-4.1", "openai", (("gpt-4.1", 0.4), ("gpt-4.1-2025-04-14", 0.6)),
        "gpt-4.1-2025-04-14", 1_000_000, reasons=False,
    ),
    Model(
        "claude-opus-5", "anthropic", (("claude-opus-5", 0.8), ("claude-opus-5-20260612", 0.2)),
        "claude-opus-5-20260612", 1_000_000, "claude-sonnet-5", True,
    ),
    Model(
        "claude-sonnet-5", "anthropic", (("claude-sonnet-5", 0.8), ("claude-sonnet-5-20260506", 0.2)),
        "claude-sonnet-5-20260506", 1_000_000, "claude-haiku-4-5", True,
    ),
    Model(
        "claude-haiku-4-5", "anthropic", (("claude-haiku-4-5", 0.5), ("claude-haiku-4-5-20251001", 0.5)),
        "claude-haiku-4-5-20251001", 180_000, writes_cache=True, reasons=False,
    ),
    Model(LLAMA, "northgpu", ((f"hosted_vllm/{LLAMA}", 1.0),), LLAMA, 110_000, reasons=False),
)  # fmt: skip
MODEL_BY_NAME = {model.model: model for model in MODELS}
GATEWAY_PROVIDER = {"openai": "openai", "anthropic": "anthropic", "northgpu": "hosted_vllm"}
ACCOUNTS = {"openai": "org-northwind", "anthropic": "org-northwind-claude", "northgpu": "northgpu-01"}
API_BASE = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "northgpu": "http://gpu-node-1.northwind.internal:8000/v1",
}
# Where the provider books a call: project or workspace, and the provider's own id of the key. The gateway logs neither.
SCOPES = {
    ("openai", "gateway"): ("proj_prod", "key_gateway_prod"),
    ("openai", "gateway_nonprod"): ("proj_nonprod", "key_gateway_nonprod"),
    ("openai", "notebook"): ("proj_research", "key_notebook"),
    # null on the bill: Anthropic's default workspace.
    ("anthropic", "gateway"): ("", "apikey_01GatewayProd"),
    ("anthropic", "gateway_nonprod"): ("wrkspc_01Nonprod", "apikey_01GatewayNonprod"),
    ("anthropic", "notebook"): ("wrkspc_01Research", "apikey_01Notebook"),
    ("northgpu", "gateway"): ("", ""),
    ("northgpu", "gateway_nonprod"): ("", ""),
    ("northgpu", "notebook"): ("", ""),
}


@dataclass(frozen=True)
class Cache:
    """Shares of the prompt: read on the first turn, read later, and written of what was not read."""

    first: float = 0.0
    later: float = 0.0
    write: float = 0.0
    one_hour: float = 0.0


@dataclass(frozen=True)
class Feature:
    """One feature and the traffic it makes at scale 1. `calls_per_task` 0 = its calls belong to no task."""

    feature_id: str
    feature_name: str
    product_id: str
    requests: int
    models: tuple[tuple[str, float], ...]
    prompt: LogNormal
    output: LogNormal
    prompt_factor: float = 1.0
    output_factor: float = 1.0
    cache: Cache = Cache()
    reasoning: float = 0.0
    calls_per_task: float = 0.0
    gap_seconds: float = 45.0
    resolved: float = 0.0
    hours: tuple[float, ...] = OFFICE_HOURS
    weekdays: tuple[float, ...] = WEEKDAYS_OFFICE
    purpose: str = "serve"
    latency_insensitive: bool = False

    @property
    def reasoning_effort(self) -> str:
        """What callers ask for: little on quick features, much where quality sells."""
        return "high" if self.reasoning > 2 else "medium" if self.reasoning > 0.5 else "low" if self.reasoning else ""

    @property
    def task_type(self) -> str:
        return {"support_chat": "ticket", "code_agent": "change", "report_writer": "report"}.get(
            self.feature_id, "question" if self.feature_id in ("doc_qa", "deep_research") else "draft"
        )


# Llama's stand-in while its node is idle; the fallback mix of the feature without it.
LLAMA_STAND_IN = {"code_completion": "gpt-5.4-mini", "email_draft": "gpt-4.1", "translation": "claude-haiku-4-5"}
FEATURES = (
    Feature(
        "support_chat", "Support chat", "assistant", 52_000, (("claude-haiku-4-5", 0.55), ("gpt-5.4-mini", 0.45)),
        CHAT_IN, CHAT_OUT, prompt_factor=2.5, cache=Cache(0.30, 0.60, 0.30), calls_per_task=4, resolved=0.82,
        hours=HOURLY_RATE, weekdays=WEEKDAYS_FLAT, gap_seconds=70,
    ),
    Feature(
        "doc_qa", "Document answers", "assistant", 36_000, (("claude-sonnet-5", 0.75), ("claude-haiku-4-5", 0.25)),
        LONG_IN, LONG_OUT, cache=Cache(0.85, 0.90, 0.60, 0.40), calls_per_task=3, resolved=0.74, reasoning=0.3,
    ),
    Feature(
        "code_completion", "Code completion", "coding", 36_000, ((LLAMA, 0.80), ("gpt-5.4-mini", 0.20)),
        CODE_IN, CODE_OUT, cache=Cache(0.37, 0.37),
    ),
    Feature(
        "code_agent", "Coding agent", "coding", 44_000,
        (("claude-opus-5", 0.42), ("gpt-5.6-sol", 0.38), ("claude-sonnet-5", 0.20)),
        AGENT_IN, AGENT_OUT, cache=Cache(0.60, 0.97, 0.75), reasoning=0.6, calls_per_task=18, gap_seconds=25,
        resolved=0.61,
    ),
    Feature(
        "report_writer", "Report writer", "insights", 18_000, (("gpt-5.6-sol", 0.80), ("gpt-4.1", 0.20)),
        LONG_IN, LONG_OUT, output_factor=1.4, cache=Cache(0.10, 0.30, 0.20), reasoning=4.0, calls_per_task=5,
        resolved=0.88, gap_seconds=90,
    ),
    Feature(
        "data_extraction", "Data extraction", "insights", 30_000, (("gpt-5-nano", 0.60), ("gpt-5.4-mini", 0.40)),
        LONG_IN, CHAT_OUT, cache=Cache(0.20, 0.20), reasoning=0.2, hours=NIGHT_HOURS, weekdays=WEEKDAYS_FLAT,
        latency_insensitive=True,
    ),
    Feature(
        "deep_research", "Deep research", "insights", 9_000, (("claude-sonnet-5", 0.60), ("claude-opus-5", 0.40)),
        LONG_IN, LONG_OUT, prompt_factor=2.0, output_factor=2.0, cache=Cache(0.20, 0.50, 0.40), reasoning=1.5,
        calls_per_task=8, gap_seconds=40, resolved=0.55,
    ),
    Feature(
        "email_triage", "Email triage", "inbox", 32_000, (("gpt-5-nano", 0.90), ("gpt-4.1", 0.10)),
        CHAT_IN, CODE_OUT, cache=Cache(0.50, 0.50), weekdays=WEEKDAYS_FLAT, hours=HOURLY_RATE, purpose="router",
    ),
    Feature(
        "email_draft", "Email drafts", "inbox", 16_000, (("gpt-4.1", 0.50), (LLAMA, 0.50)),
        CHAT_IN, CHAT_OUT, cache=Cache(0.20, 0.30), calls_per_task=2, resolved=0.68,
    ),
    Feature(
        "translation", "Translation", "inbox", 13_000, ((LLAMA, 0.60), ("claude-haiku-4-5", 0.40)),
        CHAT_IN, CHAT_OUT, output_factor=2.5, latency_insensitive=True,
    ),
)  # fmt: skip
FEATURE_BY_ID = {feature.feature_id: feature for feature in FEATURES}


def key_hash(name: str) -> str:
    """The SHA-256 under which the gateway logs a virtual key (these keys exist nowhere)."""
    return hashlib.sha256(f"sk-northwind-demo-{name}".encode()).hexdigest()


@dataclass(frozen=True)
class Key:
    """A virtual key of the gateway and who it belonged to, from a UTC day up to, not including, another."""

    name: str
    tenant_id: str
    environment: str
    valid_from: date = date(2026, 8, 1)
    valid_to: date | None = None

    @property
    def api_key_id(self) -> str:
        return key_hash(self.name)


# elmwood-legal moves to a key of its own; a week later its old key goes to vale-robotics.
MOVING_TENANT, INHERITING_TENANT = "elmwood-legal", "vale-robotics"
KEY_MOVED, KEY_INHERITED = date(2026, 9, 28), date(2026, 10, 5)
SHARED_KEY = Key("shared-prod", "", "prod")


def _keys() -> tuple[Key, ...]:
    keys = [SHARED_KEY]
    for tenant in TENANTS:
        name = tenant.tenant_id
        if name == MOVING_TENANT:
            keys += [
                Key(f"{name}-prod", name, "prod", valid_to=KEY_MOVED),
                Key(f"{name}-prod-2", name, "prod", KEY_MOVED),
            ]
        elif name == INHERITING_TENANT:
            keys += [
                Key(f"{name}-prod", name, "prod", valid_to=KEY_INHERITED),
                Key(f"{MOVING_TENANT}-prod", name, "prod", KEY_INHERITED),
            ]
        elif tenant.has_own_keys:
            environments = ("prod", "staging", "eval") if tenant.plan == "enterprise" else ("prod",)
            keys += [Key(f"{name}-{environment}", name, environment) for environment in environments]
    return tuple(keys)


KEYS = _keys()

NODE_ID, GPUS, GPU_MODEL = "gpu-node-1", 4, "NVIDIA L40S"
# A multiple of 12 cents keeps rate x 300 s x 0.0001 busy a whole number of pico-dollars.
USD_PER_GPU_HOUR = "0.84"
DEPLOYMENT_ID = "llama-33-70b"
WEIGHTS = {"input": "1", "cache_read": "0.1", "output": "4"}
STEP_SECONDS = 300
# Days from 2 November come as exposition text, before as weekly query_range pages.
TEXT_METRICS_FROM = date(2026, 11, 2)
