"""The staging models: a sample landed twice counts once. dbt unit tests cannot feed raw(), so the SQL is run here."""

from datetime import datetime

import polars as pl
import pytest

from tests.unit.dbt_project.rendered import built

NOON = datetime(2026, 11, 10, 12)
GPU = {
    "sampled_at": NOON,
    "node_id": "n",
    "gpu_uuid": "g",
    "gpu_index": "0",
    "mig_instance_id": None,
    "mig_profile": None,
    "gpu_model": "L40S",
    "namespace": "ns",
    "pod": "pod-1",
    "metric": "DCGM_FI_DEV_GPU_UTIL",
    "value": 1.0,
    "file_hash": "b",
    "row_number": 7,
}
SERVER = {
    "sampled_at": NOON,
    "instance": "s",
    "engine": "0",
    "model_name": None,
    "metric": "vllm:num_requests_running",
    "label_key": "",
    "value": 1.0,
    "file_hash": "b",
    "row_number": 7,
}
AGAIN = [{"file_hash": "b", "row_number": 9, "value": 2.0}, {"file_hash": "a", "row_number": 8, "value": 3.0}]


@pytest.mark.parametrize(
    ("model", "row", "same", "others"),
    [
        (
            "dcgm",
            GPU,
            {"pod": "pod-2", "gpu_index": "1"},
            [{"mig_instance_id": "1"}, {"gpu_uuid": "h"}, {"metric": "m"}, {"node_id": "o"}],
        ),
        (
            "sglang",
            SERVER | {"metric": "sglang:prompt_tokens_total"},
            {},
            [{"label_key": 'tenant="a"'}, {"engine": "1"}, {"model_name": "m"}, {"instance": "t"}],
        ),
        ("tgi", SERVER | {"metric": "tgi_queue_size"}, {}, [{"label_key": 'code="200"'}, {"instance": "t"}]),
        (
            "triton",
            {name: value for name, value in SERVER.items() if name not in ("value", "file_hash", "row_number")}
            | {"gpu_uuid": "g", "value": 1.0, "file_hash": "b", "row_number": 7},
            {},
            [{"gpu_uuid": "h"}, {"model_name": "m"}, {"instance": "t"}],
        ),
        ("vllm", SERVER, {}, [{"label_key": 'reason="stop"'}, {"engine": "1"}, {"model_name": "m"}, {"instance": "t"}]),
    ],
)
def test_the_first_by_file_and_row_counts(
    model: str, row: dict[str, object], same: dict[str, object], others: list[dict[str, object]]
) -> None:
    rows = [row, *(row | same | again for again in AGAIN), *(row | other for other in others)]
    later = row | {"sampled_at": NOON.replace(minute=5)}
    landed = pl.DataFrame([*rows, later], infer_schema_length=None).sample(fraction=1, shuffle=True, seed=7)
    samples = landed.with_columns(tp_rank=pl.lit("0"), pp_rank=pl.lit("0"))
    with built({"samples": samples}, f"stg_{model}__samples") as connection:
        staged = connection.sql(f"select * from stg_{model}__samples").pl()
    assert staged.columns == list(row)
    assert staged.height == 2 + len(others)
    assert staged.filter(pl.col("file_hash") == "a")["value"].to_list() == [3.0]
