"""What kube_pod_labels of kube-state-metrics says: the labels a pod has, each as label_<name>.

Its value is always 1. Which labels it has is up to the server's --metric-labels-allowlist.
"""

from functools import partial

from sources.feed import FeedTable, Rule
from sources.prometheus.samples import SUFFIXES, SampleFeed, label, pod_labels, read_samples

# Where Prometheus does not honour the exporter's labels, `pod` is that of kube-state-metrics itself.
_POD = label("exported_pod", "pod")

_SAMPLES = SampleFeed(
    prefixes=("kube_pod_labels",),
    is_row="name = 'kube_pod_labels' or problem is not null",
    metric="name",
    labels={
        "namespace": label("exported_namespace", "namespace"),
        "pod": _POD,
        "pod_labels": pod_labels(_POD, "substr(entry[1], 7)", "starts_with(entry[1], 'label_')"),
    },
    required={"namespace": "namespace", "pod": "pod"},
    sentinels=(),
)

SAMPLES = FeedTable(
    feed="kube_state_metrics",
    table="samples",
    reader_version=1,
    columns=_SAMPLES.columns,
    identity="snapshot",
    suffixes=SUFFIXES,
    read=partial(read_samples, _SAMPLES),
    contract={
        **dict.fromkeys(("sampled_at", "namespace", "pod", "metric", "value", "file_hash"), Rule(is_required=True)),
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per scrape of a Kubernetes pod's labels.",
    replaces_same_name=True,
)
