"""What the samples of Triton mean: requests and microseconds per model, joules, watts and bytes per GPU; no tokens."""

from sources.prometheus.engines import engine_table
from sources.prometheus.samples import label

SAMPLES = engine_table(
    "triton",
    "Triton",
    prefixes=("nv_",),
    model_name=label("model"),
    own_labels=("model", "gpu_uuid"),
    more_labels={"gpu_uuid": label("gpu_uuid")},
)
