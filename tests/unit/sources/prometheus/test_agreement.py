import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sources.prometheus.scrapes import Scrape

NOON_S = 1794312000
LABEL_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.just("\n"), min_size=1)
VALUES = st.floats(-1e12, 1e12).filter(lambda value: value != 99)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(LABEL_TEXTS, st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_text_and_json_of_the_same_series_give_the_same_rows(series: dict[str, list[float]]) -> None:
    """Whatever the labels say: braces, quotes, hashes, backslashes, line breaks."""
    samples = [(pump, NOON_S + step, value) for pump, values in series.items() for step, value in enumerate(values)]
    text = "".join(f'pump_flow{{pump="{escaped(pump)}"}} {value!r} {time * 1000}\n' for pump, time, value in samples)
    results = [
        {
            "metric": {"__name__": "pump_flow", "pump": pump},
            "values": [[NOON_S + step, repr(value)] for step, value in enumerate(values)],
        }
        for pump, values in series.items()
    ]
    page = {"status": "success", "data": {"resultType": "matrix", "result": results}}
    with TemporaryDirectory() as folder:
        from_text = Scrape(Path(folder), text, "pumps.prom")
        from_json = Scrape(Path(folder), json.dumps(page), "pumps.json")
    assert from_text.lake.equals(from_json.lake)
    assert sorted(from_text.lake.select("pump", "value").rows()) == sorted((pump, value) for pump, _, value in samples)
