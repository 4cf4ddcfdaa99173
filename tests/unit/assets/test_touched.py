"""What finds touched days comes before what replaces them."""

import json
from typing import Any

from assets.warehouse import prepare_manifest

CALLS = {"calls"}
ANYTHING = CALLS | {"bills", "gpu"}
# As the macro `touched_days` has it.
SEEN_BY = {
    "calls": CALLS,
    "anything": ANYTHING,
    "charges": ANYTHING | {"charges"},
    "allocations": ANYTHING | {"charges", "allocations"},
    "tasks": ANYTHING | {"tasks"},
    "savings": ANYTHING | {"savings"},
    "forecast": ANYTHING | {"forecast"},
    "everything": ANYTHING | {"charges", "allocations", "tasks"},
    "samples": {"samples"},
    "steps": {"samples", "steps"},
    "hours": {"hours"},
}


def finds(node: dict[str, Any]) -> str | None:
    meta, kind = node["config"]["meta"], node["config"]["materialized"]
    if kind == "compared_by_file":
        return "calls"
    if meta.get("touches") == "days_of_tasks":
        return "tasks"
    if meta.get("touches") in ("steps", "hours"):
        return str(meta["touches"])
    return str(meta["touches_by"]) if kind == "compared_by_day" else None


def test_a_model_is_made_after_all_that_finds_days_it_replaces() -> None:
    """Days that are found after it has replaced its own would keep what they were."""
    nodes = json.loads(prepare_manifest().read_text())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    finders = {name: kind for name, node in models.items() if (kind := finds(node))}
    assert set(finders.values()) == set().union(*SEEN_BY.values())
    asked = 0
    for name, node in models.items():
        by = node["config"]["meta"].get("touched_by")
        if node["config"]["materialized"] == "incremental" and by:
            before, waiting = set[str](), list(node["depends_on"]["nodes"])
            while waiting:
                if (parent := waiting.pop()) in models and parent not in before:
                    before.add(parent)
                    waiting += models[parent]["depends_on"]["nodes"]
            # Rows of other days than those of a piece would go with the first, and come with none.
            assert not {"in_pieces", "always_replaced"} <= set(node["config"]["meta"]), name
            missing = {other for other, kind in finders.items() if kind in SEEN_BY[by]} - before
            assert not missing, (name, missing)
            asked += 1
    assert asked > 30


def test_what_looks_at_single_calls_can_do_without_those_that_went() -> None:
    """It has a row per call, or a day by which it is kept; anything else would lose what calls that went said."""
    nodes = json.loads(prepare_manifest().read_text())["nodes"]
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    calls = {name for name, node in models.items() if node["config"]["meta"].get("per_call")}
    logs = {name for name, node in models.items() if node["name"].endswith("__calls") and "staging" in node["fqn"]}
    assert len(calls) > 15
    assert len(logs) > 10
    seen = 0
    for name, node in models.items():
        read, meta = set(node["depends_on"]["nodes"]), node["config"]["meta"]
        if name in calls or not read & (calls | logs):
            continue
        assert not read & logs, name
        assert node["config"]["materialized"] == "incremental" or {"kept_by", "last_weeks"} & meta.keys(), name
        assert node["config"]["materialized"] != "view", name
        seen += 1
    assert seen > 25
