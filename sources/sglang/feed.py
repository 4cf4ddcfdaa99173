"""What the samples of SGLang mean: an engine is a data-parallel rank; tensor and pipeline ranks repeat its values.

The lake keeps every rank with its number; the staging model keeps the first of each engine.
"""

from sources.prometheus.engines import engine_table
from sources.prometheus.samples import label

_COUNTERS = ("prompt_tokens", "generation_tokens", "cached_tokens", "num_requests", "num_aborted_requests")
_METRIC = f"""
    case
        when {{plain}} in ({", ".join(f"'sglang:{name}'" for name in _COUNTERS)}) then {{plain}} || '_total'
        else {{plain}}
    end""".format(plain="case when starts_with(name, 'sglang_') then 'sglang:' || substr(name, 8) else name end")

SAMPLES = engine_table(
    "sglang",
    "SGLang",
    prefixes=("sglang:", "sglang_"),
    metric=_METRIC,
    engine=f"coalesce({label('dp_rank')}, '0')",
    model_name=label("model_name"),
    own_labels=("model_name", "dp_rank", "tp_rank", "pp_rank", "moe_ep_rank", "engine_type"),
    more_labels={"pp_rank": f"coalesce({label('pp_rank')}, '0')", "tp_rank": f"coalesce({label('tp_rank')}, '0')"},
)
