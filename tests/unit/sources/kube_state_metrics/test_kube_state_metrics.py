"""kube-state-metrics: the labels of a pod, scraped or asked of Prometheus, under dcgm-exporter's names for them."""

import json
from pathlib import Path

from sources.contracts import validate_lake_table
from sources.kube_state_metrics.feed import SAMPLES
from tests.unit.dbt_project.compiled import compiled, rows_of
from tests.unit.sources.landed import PAYLOADS, LandedHome

TABLE = "kube_state_metrics/samples"


def pods(home: LandedHome) -> list[tuple[str, str, str]]:
    """What the staging model has of the landed files."""
    summary = home.ingest(feeds=(SAMPLES,))
    assert (summary.files_failed, validate_lake_table(home.root, SAMPLES)) == (0, [])
    found = rows_of(compiled("stg_kube_state_metrics__pod_labels", str(home.root / "lake")), {})
    return sorted((f"{row['usage_date']:%d}", row["pod"], row["pod_labels"]) for row in found)


def test_a_scrape_says_the_labels_of_pods(home: LandedHome) -> None:
    [path] = (PAYLOADS / TABLE).iterdir()
    home.land(f"{TABLE}/{path.name}", path.read_bytes())
    # The same again, later on the day; coredns has no label that is exported, and no other metric is one.
    again = Path(path).read_text() + 'kube_pod_info{namespace="n",pod="p",label_team="x"} 1\n'
    home.land(f"{TABLE}/{path.name.replace('T10', 'T11')}", again)
    assert pods(home) == [
        ("10", "acme-lab-0", "|team=research|"),
        ("10", "vllm-llama-0", "|app_kubernetes_io_name=vllm|team=search|"),
    ]
    assert home.rejects() == []


def test_a_query_result_says_them_too(home: LandedHome) -> None:
    """`pod` is the exporter's own where Prometheus did not honour its labels; the next day the pod has another team."""
    own = {"__name__": "kube_pod_labels", "pod": "kube-state-metrics-0", "namespace": "monitoring", "job": "ksm"}
    asked = {"exported_pod": "web-0", "exported_namespace": "shop"}
    series = [
        {"metric": own | asked | {"label_team": team}, "values": [[second, "1"]]}
        for team, second in (("a=b", 1_786_356_000), ("c", 1_786_442_400))
    ]
    series.append({"metric": own | {"pod": "", "label_team": "x"}, "values": [[1_786_356_000, "1"]]})
    answer = {"status": "success", "data": {"resultType": "matrix", "result": series}}
    home.land(f"{TABLE}/query_range_2026-08-10_2026-08-11.json", json.dumps(answer))
    assert pods(home) == [("10", "web-0", "|team=a=b|"), ("11", "web-0", "|team=c|")]
    assert [field for _, field, _ in home.rejects()] == ["pod"]
