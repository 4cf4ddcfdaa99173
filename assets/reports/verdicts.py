"""Whether to run own GPUs, in sentences: what a row of break_even_monthly says to people."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from assets.reports.text import plural

# What the verdict's reason says, by what break_even_monthly calls it.
REASONS = {
    "self_hosting_cheaper": "own GPUs cost less, over the commitment too",
    "api_cheaper": "the API costs less in the month",
    "not_over_commitment": "own GPUs cost less in the month, but not over the commitment at the API's price of then",
    "never_pays": "at no volume do GPUs with traffic of this shape cost less",
    "beyond_capacity": "own GPUs would cost less only above the replicas that can be had",
    "api_price_unknown": "a call has no price at the comparator",
    "quality_unknown": "nobody has measured how much of the work the open model does as well (passing_share)",
    "gpu_rate_unknown": "the node has no rate in the month",
    "overhead_unknown": "overhead_usd_per_month is not said",
}
VERDICTS = {"self_host": "run own GPUs", "api": "use the API", "unknown": "no verdict"}
INPUTS = {
    "api_price": "the price of the API",
    "gpu_rate": "the rate of a GPU",
    "throughput": "what a replica sustains",
    "traffic": "how much work there is",
}


def in_words(row: Mapping[str, Any]) -> str:
    """The verdict as sentences: which side, at what money, why, and the inputs it hangs on."""
    parts = [f"{VERDICTS[row['verdict']]}: {REASONS[row['reason']]}."]
    api, own = row["api_cost_per_month_usd"], row["self_hosted_cost_per_month_usd"]
    if api is not None and own is not None:
        parts.append(f"A month costs {_usd(api)} USD there and {_usd(own)} on {plural(row['replicas'], 'replica')}.")
    if row["verdict"] != "unknown":
        parts.append(_volume(row))
        hinges = [
            INPUTS[row[f"hinges_on_{place}"]] for place in ("first", "second", "third") if row[f"hinges_on_{place}"]
        ]
        how = "It stays with each input alone off; most depends on" if row["is_verdict_stable"] else "It turns with"
        parts.append(f"{how} {' and '.join(hinges)}.")
        parts.append(_commitment(row))
    return " ".join(parts)


def _volume(row: Mapping[str, Any]) -> str:
    now = f"{row['tokens_per_month']:,} tokens a month"
    if row["break_even_tokens_per_month"] is not None:
        return f"They break even at {row['break_even_tokens_per_month']:,} tokens a month; there are {now}."
    unbound = row["break_even_tokens_without_capacity"]
    if unbound is None:
        return f"There is no break-even: the work itself costs more than there, at {now}."
    return (
        f"Break-even would be {unbound:,} tokens, and a replica carries {row['tokens_per_replica_month']:,} of "
        f"traffic of this shape; there are {now}."
    )


def _commitment(row: Mapping[str, Any]) -> str:
    saving, months = row["commitment_saving_usd"], row["commitment_months"]
    paid = f", paid back in month {row['payback_months']}" if row["payback_months"] else ""
    low, high = row["lowest_commitment_saving_usd"], row["highest_commitment_saving_usd"]
    if low < 0 <= high:
        ends = f"from costing {_usd(-low)} more to saving {_usd(high)}"
    else:
        ends = " to ".join(_usd(end) for end in sorted((abs(low), abs(high))))
    says = f"save {_usd(saving)} USD{paid}" if saving >= 0 else f"cost {_usd(-saving)} USD more{paid}"
    return f"Over {months} months own GPUs {says}; with one input off, {ends}."


def _usd(value: Decimal) -> str:
    return f"{value:,.2f}"
