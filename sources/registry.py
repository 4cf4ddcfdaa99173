"""Every table of every feed. A new feed is a package with a feed.py and a line here."""

from sources.anthropic.feed import COST_REPORT, USAGE_MESSAGES
from sources.aws_cur.feed import LINE_ITEMS as AWS_CUR_LINE_ITEMS
from sources.azure.feed import COST_DETAILS as AZURE_COST_DETAILS
from sources.bedrock.feed import INVOCATIONS as BEDROCK_INVOCATIONS
from sources.business.feed import ACTIVE_USERS, INVOICES, REVENUE, TASKS
from sources.cloudflare.feed import LOGS as CLOUDFLARE_LOGS
from sources.dcgm.feed import SAMPLES as DCGM_SAMPLES
from sources.declared.feed import BILLS as DECLARED_BILLS
from sources.declared.feed import CALLS as DECLARED_CALLS
from sources.envoy.feed import ACCESS_LOG as ENVOY_ACCESS_LOG
from sources.feed import FeedTable
from sources.focus.feed import COST_AND_USAGE as FOCUS_COST_AND_USAGE
from sources.gcp.feed import BILLING_EXPORT as GCP_BILLING_EXPORT
from sources.gpu_rental.feed import BILLS as GPU_RENTAL_BILLS
from sources.helicone.feed import REQUESTS as HELICONE_REQUESTS
from sources.kube_state_metrics.feed import SAMPLES as KUBE_STATE_METRICS_SAMPLES
from sources.langfuse.feed import OBSERVATIONS as LANGFUSE_OBSERVATIONS
from sources.litellm.feed import SPEND_LOGS
from sources.nvidia_smi.feed import SAMPLES as NVIDIA_SMI_SAMPLES
from sources.openai.feed import COSTS, USAGE_COMPLETIONS, USAGE_METERS
from sources.opencost.feed import ALLOCATIONS as OPENCOST_ALLOCATIONS
from sources.openrouter.feed import ACTIVITY as OPENROUTER_ACTIVITY
from sources.openrouter.feed import CREDITS as OPENROUTER_CREDITS
from sources.openrouter.feed import GENERATIONS as OPENROUTER_GENERATIONS
from sources.otel.feed import SPANS as OTEL_SPANS
from sources.portkey.feed import LOGS as PORTKEY_LOGS
from sources.sglang.feed import SAMPLES as SGLANG_SAMPLES
from sources.tgi.feed import SAMPLES as TGI_SAMPLES
from sources.triton.feed import SAMPLES as TRITON_SAMPLES
from sources.vercel.feed import GENERATIONS as VERCEL_GENERATIONS
from sources.vercel.feed import REPORT as VERCEL_REPORT
from sources.vllm.feed import SAMPLES as VLLM_SAMPLES

FEEDS: tuple[FeedTable, ...] = (
    SPEND_LOGS,
    BEDROCK_INVOCATIONS,
    ENVOY_ACCESS_LOG,
    CLOUDFLARE_LOGS,
    HELICONE_REQUESTS,
    OPENROUTER_GENERATIONS,
    OPENROUTER_ACTIVITY,
    OPENROUTER_CREDITS,
    VERCEL_GENERATIONS,
    VERCEL_REPORT,
    PORTKEY_LOGS,
    LANGFUSE_OBSERVATIONS,
    OTEL_SPANS,
    DECLARED_CALLS,
    USAGE_COMPLETIONS,
    USAGE_METERS,
    COSTS,
    USAGE_MESSAGES,
    COST_REPORT,
    AWS_CUR_LINE_ITEMS,
    AZURE_COST_DETAILS,
    GCP_BILLING_EXPORT,
    FOCUS_COST_AND_USAGE,
    DECLARED_BILLS,
    GPU_RENTAL_BILLS,
    DCGM_SAMPLES,
    VLLM_SAMPLES,
    SGLANG_SAMPLES,
    TGI_SAMPLES,
    TRITON_SAMPLES,
    NVIDIA_SMI_SAMPLES,
    KUBE_STATE_METRICS_SAMPLES,
    OPENCOST_ALLOCATIONS,
    TASKS,
    REVENUE,
    ACTIVE_USERS,
    INVOICES,
)
