"""What the samples of all serving engines have in common: which engine of which server, under which labels.

Servers without an `instance` label (scraped by hand) are told apart by pod, else by the file's name before `__at-`.
What the metrics mean, and in which unit, is said by dbt_project/seeds/telemetry_metrics.csv.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from sources.feed import FeedTable, Rule
from sources.prometheus.samples import SUFFIXES, SampleFeed, label, read_samples

# Counters, and the sums and counts of histograms.
_IS_COUNTER = " or ".join(rf"metric like '%\_{suffix}' escape '\'" for suffix in ("total", "sum", "count"))


def engine_table(
    feed: str,
    title: str,
    *,
    prefixes: Sequence[str],
    metric: str = "name",
    engine: str = "'0'",
    model_name: str | None = None,
    own_labels: Sequence[str] = (),
    more_labels: Mapping[str, str] = {},
    reader_version: int = 1,
) -> FeedTable:
    """The samples of a kind of engine. `metric`, `engine`, `model_name` are SQL; `own_labels` are in no label_key."""
    is_row = " or ".join(f"starts_with(name, '{prefix}')" for prefix in prefixes)
    own = ", ".join(f"'{name}'" for name in ("instance", *own_labels))
    samples = SampleFeed(
        prefixes=prefixes,
        is_row=f"({is_row}) and not name like '%\\_created' escape '\\'",
        metric=metric,
        labels={
            "instance": f"coalesce({label('instance', 'exported_pod', 'pod')}, file_stem)",
            "engine": engine,
            "model_name": model_name or label("model_name", "model_id", "model"),
            "label_key": f"""
                array_to_string(list_sort([
                    label_names[i] || '="' || label_values[i] || '"'
                    for i in range(1, len(label_names) + 1) if label_names[i] not in ({own})
                ]), ',')""",
            **more_labels,
        },
        required={},
        sentinels=(
            (_IS_COUNTER, "value < 0", "a counter below 0"),
            ("metric = 'nv_gpu_utilization'", "value not between 0 and 1", "a share outside 0 to 1"),
        ),
    )
    return FeedTable(
        feed=feed,
        table="samples",
        reader_version=reader_version,
        columns=samples.columns,
        identity="snapshot",
        suffixes=SUFFIXES,
        read=partial(read_samples, samples),
        contract={
            **dict.fromkeys(
                ("sampled_at", "instance", "engine", "metric", "label_key", "value", "file_hash"),
                Rule(is_required=True),
            ),
            "row_number": Rule(is_required=True, minimum=1),
        },
        description=f"One row per scraped value of a {title} metric.",
        replaces_same_name=True,
    )
