"""Every table of every feed. A new feed is a package with a feed.py and a line here."""

from sources.anthropic.feed import COST_REPORT, USAGE_MESSAGES
from sources.business.feed import ACTIVE_USERS, INVOICES, REVENUE, TASKS
from sources.dcgm.feed import SAMPLES as DCGM_SAMPLES
from sources.feed import FeedTable
from sources.litellm.feed import SPEND_LOGS
from sources.openai.feed import COSTS, USAGE_COMPLETIONS
from sources.vllm.feed import SAMPLES as VLLM_SAMPLES

FEEDS: tuple[FeedTable, ...] = (
    SPEND_LOGS,
    USAGE_COMPLETIONS,
    COSTS,
    USAGE_MESSAGES,
    COST_REPORT,
    DCGM_SAMPLES,
    VLLM_SAMPLES,
    TASKS,
    REVENUE,
    ACTIVE_USERS,
    INVOICES,
)
