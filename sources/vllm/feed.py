"""What the samples of vLLM mean: which engine of which server, and one name per metric whatever the version called it.

Servers without an `instance` label (scraped by hand) are told apart by pod, else by the file's name before `__at-`.
Prefix cache counters under their old name `gpu_prefix_cache_*` counted blocks in some versions: they keep that name.
"""

from functools import partial

from sources.feed import FeedTable, Rule
from sources.prometheus.samples import SUFFIXES, SampleFeed, label, read_samples

# Counters that some versions register without the suffix.
_COUNTERS = (
    "prompt_tokens",
    "generation_tokens",
    "prefix_cache_queries",
    "prefix_cache_hits",
    "request_success",
    "num_preemptions",
)
_OWN_COLUMNS = ("instance", "engine", "model_name")
_METRIC = f"""
    case
        when {{plain}} in ({", ".join(f"'vllm:{name}'" for name in _COUNTERS)}) then {{plain}} || '_total'
        else {{plain}}
    end""".format(plain="replace(name, 'kserve_vllm:', 'vllm:')")
_OTHER_LABELS = f"""
    array_to_string(list_sort([
        label_names[i] || '="' || label_values[i] || '"'
        for i in range(1, len(label_names) + 1)
        if label_names[i] not in ({", ".join(f"'{name}'" for name in _OWN_COLUMNS)})
    ]), ',')"""

_SAMPLES = SampleFeed(
    prefixes=("vllm:", "kserve_vllm:"),
    is_row=(
        "(starts_with(name, 'vllm:') or starts_with(name, 'kserve_vllm:')) and not name like '%\\_created' escape '\\'"
    ),
    metric=_METRIC,
    labels={
        "instance": f"coalesce({label('instance', 'exported_pod', 'pod')}, file_stem)",
        # Versions before the label had one engine.
        "engine": f"coalesce({label('engine')}, '0')",
        "model_name": label("model_name"),
        "label_key": _OTHER_LABELS,
    },
    required={},
    sentinels=(("metric like '%\\_total' escape '\\' and value < 0", "a counter below 0"),),
)

SAMPLES = FeedTable(
    feed="vllm",
    table="samples",
    reader_version=1,
    columns=_SAMPLES.columns,
    identity="snapshot",
    suffixes=SUFFIXES,
    read=partial(read_samples, _SAMPLES),
    contract={
        **dict.fromkeys(
            ("sampled_at", "instance", "engine", "metric", "label_key", "value", "file_hash"), Rule(is_required=True)
        ),
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per scraped value of a vLLM metric.",
    replaces_same_name=True,
)
