"""What the samples of dcgm-exporter mean: which GPU of which node, and which values say that there is none.

Under MIG one physical GPU has several rows, told apart by mig_instance_id; GPU_UTIL is then absent or 0 and power and
energy repeat the whole GPU's value. The lake keeps what was said; the models know.
"""

from functools import partial

from sources.feed import FeedTable, Rule
from sources.prometheus.samples import SUFFIXES, SampleFeed, label, pod_labels, read_samples
from sources.reading import literal

# What DCGM's blank values become on the way through exporters: INT64 and FP64 blanks with their variants (not found,
# not supported, no permission), the FP64 one as a percentage, and UINT32 -1.
_BLANKS = (
    "abs(value) >= 9.2e18 or value between 140737488355328 and 140737488355331 or value = 4294967295"
    " or value between 1.407e16 and 1.408e16"
)
_IS_PERCENT = "metric in ({})".format(
    ", ".join(f"'DCGM_FI_DEV_{name}_UTIL'" for name in ("GPU", "MEM_COPY", "ENC", "DEC"))
)
_IS_SHARE = "(metric like 'DCGM\\_FI\\_PROF\\_%\\_ACTIVE' escape '\\' or metric = 'DCGM_FI_PROF_SM_OCCUPANCY')"

# What dcgm-exporter and Prometheus say of every sample; a label beside them is one of the pod's, if there is a pod.
_NO_POD_LABELS = (
    "gpu", "UUID", "uuid", "gpu_uuid", "pci_bus_id", "device", "modelName", "model_name", "Hostname", "hostname",
    "GPU_I_ID", "GPU_I_PROFILE", "DCGM_FI_DRIVER_VERSION", "err_code", "err_msg", "container", "namespace", "pod",
    "pod_uid", "pod_name", "pod_namespace", "container_name", "exported_container", "exported_namespace",
    "exported_pod", "vgpu", "hpc_job", "instance", "job", "endpoint", "service", "prometheus",
)  # fmt: skip
_POD = label("exported_pod", "pod", "pod_name")
_IS_POD_LABEL = f"entry[1] not in ({', '.join(literal(name) for name in _NO_POD_LABELS)})"

_SAMPLES = SampleFeed(
    prefixes=("DCGM_FI_",),
    # Switches, links and CPUs have series too, without a GPU.
    is_row=(
        "name like 'DCGM\\_FI\\_%' escape '\\' and not name like '%\\_created' escape '\\'"
        f" and ({label('gpu', 'UUID', 'uuid', 'gpu_uuid')} is not null or problem is not null)"
    ),
    metric="name",
    labels={
        "node_id": label("Hostname", "hostname"),
        "gpu_uuid": label("UUID", "uuid", "gpu_uuid"),
        "gpu_index": label("gpu"),
        "mig_instance_id": label("GPU_I_ID"),
        "mig_profile": label("GPU_I_PROFILE"),
        "gpu_model": label("modelName", "model_name"),
        # Where Prometheus does not honour the exporter's labels, `pod` is the exporter's own.
        "namespace": label("exported_namespace", "namespace", "pod_namespace"),
        "pod": _POD,
        "pod_labels": pod_labels(_POD, "entry[1]", _IS_POD_LABEL),
    },
    required={"node_id": "Hostname", "gpu_uuid": "UUID"},
    sentinels=(
        ("true", _BLANKS, "DCGM's mark for no value"),
        (_IS_PERCENT, "value not between 0 and 100", "a percentage outside 0 to 100"),
        (_IS_SHARE, "value not between 0 and 1", "a share outside 0 to 1"),
    ),
)

SAMPLES = FeedTable(
    feed="dcgm",
    table="samples",
    reader_version=2,
    columns=_SAMPLES.columns,
    identity="snapshot",
    suffixes=SUFFIXES,
    read=partial(read_samples, _SAMPLES),
    contract={
        **dict.fromkeys(("sampled_at", "node_id", "gpu_uuid", "metric", "value", "file_hash"), Rule(is_required=True)),
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per scraped value of a GPU metric.",
    replaces_same_name=True,
)
