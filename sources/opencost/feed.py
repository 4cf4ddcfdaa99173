"""OpenCost's allocations: what it says that pods cost, to be held against our own GPU cost.

Its API answers with a list of windows, each an object of allocations by name; its CSV export has a line per container
and day. Amounts are in the currency OpenCost is set to, which has to be USD.
"""

from collections.abc import Mapping
from pathlib import Path

from sources.feed import PROVENANCE_COLUMNS, FeedTable, LandedFile, ReadContext, ReadResult, Rule
from sources.mapped import Layout, Value, read_mapped

_COSTS = ("cpu_cost", "ram_cost", "gpu_cost", "total_cost")
COLUMNS: Mapping[str, str] = {
    "retrieved_at": "TIMESTAMP",
    "window_start": "TIMESTAMP",
    "window_end": "TIMESTAMP",
    "cluster": "VARCHAR",
    "node_id": "VARCHAR",
    "namespace": "VARCHAR",
    "controller": "VARCHAR",
    "pod": "VARCHAR",
    "container": "VARCHAR",
    "gpu_hours": "DECIMAL(26,6)",
    **dict.fromkeys(_COSTS, "DECIMAL(26,12)"),
    **PROVENANCE_COLUMNS,
}
_PROBLEMS = (
    ("window_end <= window_start", "window", "'ends before it begins'"),
    ("window_end > window_start + interval 1 day", "window", "'is of more than a day; export with step=1d'"),
)
_JSON = Layout(
    columns=COLUMNS,
    records="$.data[*].*",
    values={
        "window_start": Value(("/window/start",), "moment", is_required=True),
        "window_end": Value(("/window/end",), "moment", is_required=True),
        "cluster": Value(("/properties/cluster",)),
        "node_id": Value(("/properties/node",)),
        "name": Value(("/name",), is_required=True),
        "said_namespace": Value(("/properties/namespace",)),
        # cluster/__idle__ and __unallocated__ are of no namespace.
        "namespace": Value(sql="coalesce(v_said_namespace, regexp_extract(v_name, '[^/]+$'))"),
        "controller": Value(("/properties/controller",)),
        "pod": Value(("/properties/pod",)),
        "container": Value(("/properties/container",)),
        "gpu_hours": Value(("/gpuHours",), "quantity", is_required=True),
        "cpu_cost": Value(("/cpuCost",), "money"),
        "ram_cost": Value(("/ramCost",), "money"),
        "said_gpu_cost": Value(("/gpuCost",), "money", is_required=True),
        # What its own reconciliation with the bill has put right.
        "adjustment": Value(("/gpuCostAdjustment",), "money", default="0"),
        "gpu_cost": Value(sql="cast(v_said_gpu_cost + v_adjustment as decimal(26, 12))"),
        "total_cost": Value(("/totalCost",), "money", is_required=True),
    },
    time_column="window_start",
    problems=_PROBLEMS,
)
_CSV = Layout(
    columns=COLUMNS,
    values={
        "window_start": Value(("Date",), "moment", is_required=True, formats=("%Y-%m-%d",)),
        "namespace": Value(("Namespace",), is_required=True),
        "controller": Value(("ControllerName",)),
        "pod": Value(("Pod",)),
        "container": Value(("Container",)),
        "gpus": Value(("GPUs",), "quantity", is_required=True),
        "cpu_cost": Value(("CPUCost",), "money"),
        "ram_cost": Value(("RAMCost",), "money"),
        "gpu_cost": Value(("GPUCost",), "money", is_required=True),
        "total_cost": Value(("TotalCost",), "money", is_required=True),
        "window_end": Value(sql="v_window_start + interval 1 day"),
        "gpu_hours": Value(sql="cast(v_gpus * 24 as decimal(26, 6))"),
    },
    time_column="window_start",
    problems=_PROBLEMS,
)


def _read(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    layout = _JSON if file.name.endswith(".json") else _CSV
    return read_mapped(layout, file, context, out_parquet, out_rejects)


ALLOCATIONS = FeedTable(
    feed="opencost",
    table="allocations",
    reader_version=1,
    columns=COLUMNS,
    identity="snapshot",
    suffixes=(".json", ".csv", ".csv.gz"),
    read=_read,
    contract={
        **{
            name: Rule(is_required=True)
            for name in (
                "retrieved_at",
                "window_start",
                "window_end",
                "namespace",
                "gpu_cost",
                "total_cost",
                "file_hash",
            )
        },
        "gpu_hours": Rule(is_required=True, minimum=0),
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per allocation and window of OpenCost: what it says that a container, or idle time, cost.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)
