"""What went wrong or changed, when, and how often: the plan that `workload`, `mishaps` and the writers follow."""

from dataclasses import dataclass
from datetime import date

from examples.company.catalog import epoch_ms
from examples.company.prices import BATCH_PRICES_FROM, PRICE_CHANGE_DAY

PRICE_CHANGE = PRICE_CHANGE_DAY
BATCH_FROM = date(2026, 10, 19)
assert BATCH_FROM >= BATCH_PRICES_FROM

# Feature whose prompt grew, days, and the factor on every class of its prompt.
PROMPT_FEATURE, PROMPT_FROM, PROMPT_TO, PROMPT_FACTOR = "doc_qa", date(2026, 10, 26), date(2026, 11, 2), 2

# The gateway sent self-hosted traffic elsewhere for a weekend; the node stood idle and was paid for.
IDLE_FROM, IDLE_TO = date(2026, 9, 12), date(2026, 9, 14)
# Scrapes of one GPU that were lost.
GAP_GPU, GAP_FROM_MS, GAP_TO_MS = 3, epoch_ms(date(2026, 9, 5), 2), epoch_ms(date(2026, 9, 5), 4)
# The vLLM pod restarted just after this scrape; its counters began at 0 again.
RESTART_MS = epoch_ms(date(2026, 10, 7), 10)

MISSING_LOG_DAY = date(2026, 9, 27)
TRUNCATED_LOG_DAY, TRUNCATED_BYTES = date(2026, 10, 24), 700


@dataclass(frozen=True)
class LateLogs:
    """Calls of some days that were written into a later day's file."""

    first: date
    last: date
    written: date
    share: float


LATE_LOGS = (
    LateLogs(date(2026, 9, 8), date(2026, 9, 10), date(2026, 9, 14), 0.10),
    # across the end of a month
    LateLogs(date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 3), 0.15),
)

# Malformed lines: what is wrong, and the share of all calls.
MALFORMED = ("broken_json", "prompt_tokens_text", "negative_completion_tokens", "cached_above_prompt")
MALFORMED_SHARE = 0.00005

RATE_LIMITED_SHARE = 0.012
RATE_LIMITED_TWICE_SHARE = 0.002
BILLED_RETRY_SHARE = 0.010
FALLBACK_SHARE = 0.012
FAILED_LAST_SHARE = 0.004
DUPLICATE_SHARE = 0.002
DUPLICATE_NEXT_DAY_SHARE = 0.0004
GATEWAY_CACHE_FEATURE, GATEWAY_CACHE_SHARE = "email_triage", 0.08
BATCH_FEATURE, BATCH_SHARE = "data_extraction", 0.80

# An old client forgets the tenant tag, on keys that belong to one tenant.
UNTAGGED_FROM, UNTAGGED_TO, UNTAGGED_SHARE = date(2026, 9, 7), date(2026, 10, 26), 0.12
UNTAGGED_TENANTS = ("cobalt-health", "elmwood-legal", "vale-robotics")
# A new client sends no metadata at all, on the key that many tenants share.
BARE_FROM, BARE_TO, BARE_SHARE = date(2026, 10, 5), date(2026, 10, 19), 0.15

# Calls that never pass the gateway: a notebook with a provider key of its own, and one that calls the node directly.
NOTEBOOK_FROM, NOTEBOOK_TO = date(2026, 9, 1), date(2026, 11, 1)
NOTEBOOK_CALLS = (("gpt-4.1", 500), ("gpt-5.4-mini", 300), ("claude-sonnet-5", 500), ("llama", 300))
NOTEBOOK_LLAMA_FROM, NOTEBOOK_LLAMA_TO = date(2026, 10, 12), date(2026, 10, 26)

# Pages fetched before a day was over, and fetched again later.
RESTATED_MONDAY, RESTATED_CUT_MS = date(2026, 9, 28), epoch_ms(date(2026, 10, 4), 6)

# File search storage of OpenAI: a daily charge that no call explains.
STORAGE_FROM, STORAGE_USD_PER_DAY, STORAGE_GIB_DAYS = date(2026, 9, 1), "0.75", "7.5"

# Invoice lines beside usage: provider, month, type, share of the month's usage or a fixed amount, text.
CREDIT_OPENAI_SHARE, CREDIT_ANTHROPIC_SHARE = 0.04, 0.025
FEE_USD = "49.00"
