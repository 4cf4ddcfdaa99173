"""Speech, documents, audio, requests and cache storage of a mapped log: priced by their own units, to the ledger."""

from decimal import Decimal

import duckdb
import pytest

from sources.home import Home, init_home
from tests.built import built_marts

FEEDS = """
feeds:
  - name: units
    table: calls
    columns:
      response_id: id
      started_at: time
      gateway_provider: provider
      model_id: model
      input_tokens: input
      output_tokens: output
      characters: characters
      pages: pages
      audio_seconds: seconds
      input_audio_tokens: audio
      images: images
      cache_storage_token_hours: token_hours
"""
CALLS = """id,time,provider,model,input,audio,output,characters,pages,seconds,images,token_hours
speech,2026-08-10T09:00:00Z,openai,tts-1,,,,2000,,,,
document,2026-08-10T09:00:00Z,mistral,mistral-ocr-2503,,,,,3,,,
audio,2026-08-10T09:00:00Z,groq,whisper-large-v3,,,,,,30.5,,
answer,2026-08-10T09:00:00Z,perplexity,sonar,1000,,500,,,,,
transcript,2026-08-10T09:00:00Z,openai,gpt-4o-transcribe,1000,1000,100,,,60,,
held,2026-08-10T09:00:00Z,google,gemini-2.5-pro,,,,,,,,2400000
picture,2026-08-10T09:00:00Z,openai,dall-e-3,,,,,,,1,
"""
# 15 USD for a million characters, 1 for a thousand pages, 0.111 for an hour, 12 for a thousand requests beside tokens
# at 1, 4.50 for a million tokens and hour.
EXPECTED = {
    "speech": Decimal("0.03"),
    "document": Decimal("0.003"),
    "audio": Decimal("0.000940416667"),
    "answer": Decimal("0.0135"),
    "held": Decimal("10.8"),
}


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    home: Home = init_home(tmp_path_factory.mktemp("units") / "home")
    (home.config / "feeds.yml").write_text(FEEDS)
    folder = home.landing / "declared" / "calls" / "units"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calls_2026-08-10.csv").write_text(CALLS)
    return built_marts(home, "fct_usage", "fct_charges", "fct_allocations")


def test_each_unit_has_its_price(marts: duckdb.DuckDBPyConnection) -> None:
    costs = dict(marts.execute("select call_id, contracted_cost_usd from fct_usage").fetchall())
    assert EXPECTED.items() <= costs.items()


def test_audio_that_is_sold_by_the_token_is_not_sold_twice(marts: duckdb.DuckDBPyConnection) -> None:
    query = "select unpriced_reason, contracted_cost_usd from fct_usage where call_id = 'transcript'"
    assert marts.execute(query).fetchall() == [(None, Decimal("0.007"))]


def test_a_picture_without_a_price_is_unpriced_and_not_free(marts: duckdb.DuckDBPyConnection) -> None:
    query = "select cost_status, contracted_cost_usd, effective_cost_usd from fct_usage where call_id = 'picture'"
    assert marts.execute(query).fetchall() == [("unpriced", None, None)]


def test_the_ledger_holds_every_unit(marts: duckdb.DuckDBPyConnection) -> None:
    charged, used = marts.execute("""
        select (select sum(amount_usd) from fct_allocations), (select sum(effective_cost_usd) from fct_usage)
    """).fetchall()[0]
    assert charged == used == sum(EXPECTED.values()) + Decimal("0.007")
    meters = marts.execute("select distinct meter from fct_charges where quantity = 1 and model = 'sonar'").fetchall()
    assert meters == [("request",)]
