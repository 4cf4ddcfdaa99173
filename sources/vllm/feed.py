"""What the samples of vLLM mean: one name per metric whatever the version called it.

Prefix cache counters under their old name `gpu_prefix_cache_*` counted blocks in some versions: they keep that name.
"""

from sources.prometheus.engines import engine_table
from sources.prometheus.samples import label

# Counters that some versions register without the suffix.
_COUNTERS = (
    "prompt_tokens",
    "generation_tokens",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "request_success",
    "num_preemptions",
    "spec_decode_num_draft_tokens",
    "spec_decode_num_accepted_tokens",
)
_METRIC = f"""
    case
        when {{plain}} in ({", ".join(f"'vllm:{name}'" for name in _COUNTERS)}) then {{plain}} || '_total'
        else {{plain}}
    end""".format(plain="replace(name, 'kserve_vllm:', 'vllm:')")

SAMPLES = engine_table(
    "vllm",
    "vLLM",
    prefixes=("vllm:", "kserve_vllm:"),
    metric=_METRIC,
    # Versions before the label had one engine.
    engine=f"coalesce({label('engine')}, '0')",
    model_name=label("model_name"),
    own_labels=("engine", "model_name"),
)
