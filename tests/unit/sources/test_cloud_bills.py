"""Cloud bills: what each spelling of a line becomes, what keeps its text, and which files are refused."""

import csv
import io
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from sources.aws_cur.feed import LINE_ITEMS
from sources.pricing.book import find_model
from tests.unit.sources.landed import PAYLOADS, LandedHome

CUR_NAME = "2026-08__retrieved-20260904T060000Z.csv"
CUR = (PAYLOADS / "aws_cur" / "line_items" / CUR_NAME).read_text()


def changed(text: str, line: int = 0, **values: str) -> str:
    """One line of a bill, with these cells changed."""
    return lines(text, values, line=line)


def lines(text: str, *changes: dict[str, str], line: int = 0) -> str:
    """One line of a bill again and again, each time with other cells changed."""
    rows = list(csv.DictReader(io.StringIO(text)))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[line] | values for values in changes)
    return out.getvalue()


def cur(home: LandedHome, text: str = CUR, name: str = CUR_NAME) -> list[dict[str, Any]]:
    home.land(f"aws_cur/line_items/{name}", text)
    home.ingest()
    return home.lake("aws_cur/line_items").sort("row_number").to_dicts()


def test_lines_of_a_cur_become_classes_tiers_and_tokens(home: LandedHome) -> None:
    rows = cur(home)
    assert [(r["model_id"], r["meter"], r["service_tier"], r["quantity"]) for r in rows] == [
        ("anthropic.claude-sonnet-4-6", "input_uncached", "standard", 2500),
        ("anthropic.claude-sonnet-4-6", "output", "standard", 1000),
        ("anthropic.claude-sonnet-4-6", "cache_read", "standard", 8000),
        ("anthropic.claude-sonnet-4-6", "cache_write_1h", "standard", 2000),
        ("global.anthropic.claude-opus-4-6", "input_uncached", "standard", 3000),
        ("openai.gpt-oss-120b", "output", "flex", 4000),
        ("global.anthropic.claude-sonnet-4-6", "cache_write_1h", "standard", 2000),
        (None, "other", "standard", None),
        (None, "other", "standard", None),
        ("anthropic.claude-sonnet-4-6", "output", "standard", None),
        (None, "other", "standard", None),
        (None, "other", "standard", None),
    ]
    assert [r["line_item"] for r in rows if r["meter"] == "other" and r["is_ai"]] == [
        "USE1-NovaPro-input-tokens-latency-optimized",
        "USE1-NovaCanvas-T2I-1024-Premium",
        "Tax",
    ]
    assert [r["charge_category"] for r in rows[9:]] == ["usage", "usage", "tax"]
    assert sum(r["billed_amount"] for r in rows) == Decimal("2.70629")


BEDROCK = (
    ("USE1-Claude3Haiku-input-tokens", ("anthropic.claude-3-haiku", "input_uncached", "standard", "default")),
    ("USE1-Nova2.0Lite-input-tokens-flex", ("amazon.nova-2-lite", "input_uncached", "flex", "default")),
    ("EUW1-NovaLite-output-tokens", ("amazon.nova-lite", "output", "standard", "default")),
    ("USE1-gpt-oss-120b-output-tokens-priority", ("gpt-oss-120b", "output", "priority", "default")),
    (
        "USE1-Llama4-Maverick-17B-input-tokens-batch",
        ("llama4-maverick-17b", "input_uncached", "batch", "default"),
    ),
    (
        "USE1-openai.gpt-5.6-luna-mantle-cache-write-tokens-5m-long-ctx-flex",
        ("openai.gpt-5.6-luna", "cache_write_5m", "flex", "long"),
    ),
    (
        "USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-global-standard",
        ("global.anthropic.claude-opus-4-8", "cache_write_5m", "standard", "default"),
    ),
    (
        "USE1-Claude4Sonnet-output-tokens-long-context-cross-region-global",
        ("global.anthropic.claude-sonnet-4", "output", "standard", "long"),
    ),
    ("USE1-NovaSonic-speech-input-tokens", (None, "other", "standard", None)),
    ("USE1-NovaSonic-text-input-tokens", ("novasonic", "input_uncached", "standard", "default")),
    ("USE1-Claude4.6Sonnet-input-tokens-turbo", (None, "other", "standard", None)),
    ("USE1-NovaLite-Customization-Training", (None, "other", "standard", None)),
)


def test_every_bedrock_spelling_is_told_apart_or_kept_as_it_is(home: LandedHome) -> None:
    rows = cur(home, lines(CUR, *({"line_item_usage_type": usage_type} for usage_type, _ in BEDROCK)))
    names = ("model_id", "meter", "service_tier", "context_tier")
    assert tuple((row["line_item"], tuple(row[name] for name in names)) for row in rows) == BEDROCK


def test_marketplace_units_are_millions_and_the_product_names_the_model(home: LandedHome) -> None:
    usage_type = "USE1-MP:USE1_input_tokens_global_standard-Units"
    [row] = cur(home, changed(CUR, 6, line_item_usage_type=usage_type, line_item_usage_amount="0.5"))
    assert (row["model_id"], row["meter"]) == ("global.anthropic.claude-sonnet-4-6", "input_uncached")
    assert row["quantity"] == 500_000


def test_a_pricing_unit_nobody_knows_leaves_the_line_without_a_meter(home: LandedHome) -> None:
    [row] = cur(home, changed(CUR, pricing_unit="Dozens"))
    assert (row["meter"], row["quantity"], row["billed_amount"]) == ("other", None, Decimal("0.00825"))


def test_a_cur_in_parquet_says_the_same(home: LandedHome) -> None:
    expected = cur(home)
    path = home.root / "landing" / "aws_cur" / "line_items" / CUR_NAME
    parquet = path.with_suffix(".parquet")
    duckdb.connect().execute(
        f"""
        copy (
            select * replace (
                cast(line_item_usage_start_date as timestamp) as line_item_usage_start_date,
                cast(line_item_unblended_cost as double) as line_item_unblended_cost,
                case
                    when product is null then map {{}}
                    else map {{'servicename': json_extract_string(product, '$.servicename')}}
                end as product
            )
            from read_csv('{path}', all_varchar = true)
        ) to '{parquet}'"""
    )
    path.unlink()
    home.ingest()
    files = sorted((home.root / "lake" / "aws_cur" / "line_items").glob("*-v*.parquet"))
    names = ", ".join(name for name in LINE_ITEMS.columns if name not in ("file_hash",))
    read = [duckdb.connect().execute(f"select {names} from '{file}' order by row_number").fetchall() for file in files]
    assert len(read) == 2
    assert read[0] == read[1]
    assert len(read[0]) == len(expected)


def test_a_charge_type_nobody_knows_fails_the_file_and_is_named(home: LandedHome) -> None:
    lines = CUR.replace(",EdpDiscount,", ",NewCharge,")
    home.land(f"aws_cur/line_items/{CUR_NAME}", lines)
    home.ingest()
    [failed] = home.ledger()
    assert failed.status == "failed"
    assert "line_item_line_item_type" in str(failed.reason)
    assert "NewCharge" in str(failed.reason)


@pytest.mark.parametrize(
    ("cell", "value", "field"),
    [
        ("line_item_unblended_cost", "1,234.50", "line_item_unblended_cost"),
        ("line_item_unblended_cost", "", "line_item_unblended_cost"),
        ("line_item_usage_start_date", "10/08/2026", "line_item_usage_start_date"),
        ("line_item_usage_end_date", "2026-08-09T00:00:00Z", "charge_end"),
        ("line_item_currency_code", "dollars", "currency"),
        ("line_item_currency_code", "JPY", "currency"),
    ],
)
def test_a_line_that_cannot_be_a_charge_is_named(home: LandedHome, cell: str, value: str, field: str) -> None:
    good = changed(CUR)
    bad = changed(CUR, 0, **{cell: value}).splitlines()[1]
    assert len(cur(home, good + bad + "\n")) == 1
    assert [(line, at) for line, at, _ in home.rejects()] == [(3, field)]


def test_a_cur_without_its_cost_column_fails_as_a_whole(home: LandedHome) -> None:
    home.land(f"aws_cur/line_items/{CUR_NAME}", CUR.replace("line_item_unblended_cost", "cost"))
    home.ingest()
    [failed] = home.ledger()
    assert failed.status == "failed"
    assert "line_item_unblended_cost" in str(failed.reason)


FOCUS_NAME = "2026-08__retrieved-20260904T060000Z.csv"
FOCUS = (PAYLOADS / "focus" / "cost_and_usage" / FOCUS_NAME).read_text()


def focus(home: LandedHome, text: str) -> list[dict[str, Any]]:
    home.land(f"focus/cost_and_usage/{FOCUS_NAME}", text)
    home.ingest()
    return home.lake("focus/cost_and_usage").sort("row_number").to_dicts()


@pytest.mark.parametrize("provider", ["ServiceProviderName", "ProviderName"])
def test_lines_of_a_focus_file_become_classes_whatever_its_version(home: LandedHome, provider: str) -> None:
    rows = focus(home, FOCUS.replace("ServiceProviderName", provider))
    assert [(r["model_id"], r["meter"], r["quantity"], r["charge_category"]) for r in rows] == [
        ("m-1", "input_uncached", 200_000, "usage"),
        ("m-1", "output", 10_000, "usage"),
        ("m-1", "other", None, "usage"),
        (None, "other", None, "credit"),
    ]
    assert {r["service_provider"] for r in rows} == {"azure"}
    assert sum(r["billed_amount"] for r in rows) == Decimal("0.90")


def test_a_charge_category_nobody_knows_fails_the_focus_file(home: LandedHome) -> None:
    home.land(f"focus/cost_and_usage/{FOCUS_NAME}", FOCUS.replace(",Credit,", ",Gift,"))
    home.ingest()
    [failed] = home.ledger()
    assert failed.status == "failed"
    assert "ChargeCategory" in str(failed.reason)
    assert "Gift" in str(failed.reason)


def test_the_text_null_of_a_focus_file_is_an_empty_cell(home: LandedHome) -> None:
    """FOCUS 1.0: null cells of some providers' CSV files hold the text NULL."""
    text = FOCUS.replace("200000,Tokens,0.6,0.6,0.6,", "NULL,NULL,NULL,0.6,NULL,")
    first = focus(home, text)[0]
    assert home.rejects() == []
    assert (first["quantity"], first["contracted_amount"], first["list_amount"]) == (200_000, None, None)


@pytest.mark.parametrize(
    ("changes", "tier"),
    [
        ({}, "standard"),
        ({"Usage,Input,": "Usage,Input tokens (Batch),"}, "batch"),
        ({"Usage,Input,": "Usage,m-1 input priority,"}, "priority"),
        ({"Usage,Input,": "Usage,Inflexible input,"}, "standard"),
        ({'{""ModelId"": ""m-1""}': '{""ModelId"": ""m-1"", ""x_ServiceTier"": ""Flex""}'}, "flex"),
        # Of a line that is no token class, the word may be anything's.
        ({"Input Tokens": "Support", "Usage,Input,": "Usage,Priority support,"}, "standard"),
    ],
)
def test_the_tier_of_a_focus_line(home: LandedHome, changes: dict[str, str], tier: str) -> None:
    text = FOCUS
    for old, new in changes.items():
        text = text.replace(old, new)
    assert focus(home, text)[0]["service_tier"] == tier


AZURE_NAME = "2026-08__retrieved-20260904T060000Z.csv"
AZURE = (PAYLOADS / "azure" / "cost_details" / AZURE_NAME).read_text(encoding="utf-8-sig")


def azure(home: LandedHome, text: str = AZURE, folder: str = "") -> list[dict[str, Any]]:
    home.land(f"azure/cost_details/{folder}{AZURE_NAME}", "\ufeff" + text)
    home.ingest()
    return home.lake("azure/cost_details").sort("row_number").to_dicts()


@pytest.mark.parametrize(
    ("folder", "account"),
    [("", None), ("sub-7/", "sub-7"), ("exports/daily/", None), ("exports/daily/20260801-20260831/0b1c/", None)],
)
def test_only_a_folder_right_under_the_table_names_azures_account(
    home: LandedHome, folder: str, account: str | None
) -> None:
    said = next(csv.DictReader(io.StringIO(AZURE)))["billingAccountId"]
    assert {row["billing_account_id"] for row in azure(home, folder=folder)} == {account or said}


def test_lines_of_azures_cost_details_become_classes_tiers_and_tokens(home: LandedHome) -> None:
    rows = azure(home)
    assert [(r["model_id"], r["meter"], r["service_tier"], r["context_tier"], r["quantity"]) for r in rows] == [
        ("gpt-5.4-mini", "input_uncached", "standard", "default", 600_000),
        ("gpt-5.4-mini", "cache_read", "standard", "default", 400_000),
        ("gpt-5.4-mini", "output", "standard", "default", 300_000),
        ("gpt-4o-2024-11-20", "output", "standard", "default", 40_000),
        ("gpt-4o-mini-2024-07-18", "output", "batch", "default", 2_000),
        ("gpt-5.6-sol", "cache_write_5m", "priority", "long", 200_000),
        (None, "claude_consumption_unit", "standard", None, 300),
        *[(None, "other", "standard", None, None)] * 4,
    ]
    assert [r["line_item"] for r in rows[6:]] == [
        "Claude Consumption Units",
        "Provisioned Managed Global Unit",
        "gpt-4o-aud-1217 Inp glbl Tokens",
        "Provisioned throughput reservation",
        "Service credit",
    ]
    assert [r["charge_category"] for r in rows[8:]] == ["usage", "commitment", "credit"]
    assert sum(r["billed_amount"] for r in rows) == Decimal("113.823594")
    assert {(r["billing_account_id"], r["currency"], r["billing_period_end"]) for r in rows} == {
        ("ba-100:profile", "EUR", datetime(2026, 9, 1))
    }
    assert (rows[0]["charge_start"], rows[0]["charge_end"]) == (datetime(2026, 8, 10), datetime(2026, 8, 11))


AZURES_METERS = (
    ("gpt-4o-0806-Inp-glbl Tokens", "Azure OpenAI", ("gpt-4o-2024-08-06", "input_uncached", "standard")),
    ("gpt 4o 1120 cached Inp regnl Tokens", "Azure OpenAI", ("gpt-4o-2024-11-20", "cache_read", "standard")),
    ("GPT 5 Mini cchd Inpt Glbl 1M Tokens", "Azure OpenAI GPT5", ("gpt-5-mini", "cache_read", "standard")),
    ("GPT 5 Mini outpt Glbl 1M Tokens", "Azure OpenAI GPT5", ("gpt-5-mini", "output", "standard")),
    ("5.1 codex mini opt Gl 1M Tokens", "Azure OpenAI GPT5", ("gpt-5.1-codex-mini", "output", "standard")),
    ("54 mini Inp Flex Gl 1M Tokens", "Azure OpenAI GPT5", ("gpt-5.4-mini", "input_uncached", "flex")),
    ("56sol ShCo Cd Wr Fl Gl 1M Tokens", "Azure OpenAI GPT5", ("gpt-5.6-sol", "cache_write_5m", "flex")),
    ("6-astra LongCo Opt Std Gl 1M Tokens", "Azure OpenAI GPT6", ("gpt-6-astra", "output", "standard")),
    ("o3 mini 0131 cached input glbl Tokens", "Azure OpenAI", ("o3-mini-2025-01-31", "cache_read", "standard")),
    ("codex mini inp cchd glbl Tokens", "Azure OpenAI Reasoning", ("codex-mini", "cache_read", "standard")),
    (
        "text-embedding-3-small-glbl Tokens",
        "Azure OpenAI Embedding",
        ("text-embedding-3-small", "input_uncached", "standard"),
    ),
    ("4.6 Inp DZ Tokens", "Azure Grok Models", ("grok-4.6", "input_uncached", "standard")),
    ("V3.1 Outp glbl Tokens", "Azure Deepseek Models", ("deepseek-v3.1", "output", "standard")),
    ("gpt4omini-aud1217-txt Inp glbl Tokens", "Azure OpenAI", (None, "other", "standard")),
    ("gpt-image-1-inp-cached-img-glbl Tokens", "Azure OpenAI", (None, "other", "standard")),
    ("gpt-4o-0806-FT-inp-glbl Tokens", "Azure OpenAI", (None, "other", "standard")),
    ("gpt 4o dev ft training glbl Tokens", "Azure OpenAI", (None, "other", "standard")),
    ("Code-Interpreter-global Session", "Azure OpenAI", (None, "other", "standard")),
    ("Image 2 Text Input glbl Tokens", "MAI Models", (None, "other", "standard")),
    ("S1 Translation Input Tokens", "Translator Text", (None, "other", "standard")),
)


def test_every_spelling_of_azures_meters_is_told_apart_or_kept(home: LandedHome) -> None:
    cells = ({"meterName": meter, "meterSubCategory": product} for meter, product, _ in AZURES_METERS)
    rows = azure(home, lines(AZURE, *cells))
    found = [(row["line_item"], (row["model_id"], row["meter"], row["service_tier"])) for row in rows]
    assert found == [(meter, expected) for meter, _, expected in AZURES_METERS]


AZURES_UNITS = (
    # Blocks of the unit, at its price, a negotiated one, in another currency; then tokens.
    ("1K", "40", "0.01", "0.4", 40_000),
    ("1K", "40", "0.01", "0.3", 40_000),
    ("1K Tokens", "40", "0.01", "0.36", 40_000),
    ("10K", "4", "0.1", "0.4", 40_000),
    ("1K", "40000", "0.01", "0.4", 40_000),
    ("1M", "40000", "10", "0.4", 40_000),
    ("1M", "0.04", "10", "0.4", 40_000),
    ("1M", "-0.04", "10", "-0.4", -40_000),
    # Nothing paid, no price, no unit known here: nothing says what is counted.
    ("1K", "40", "0.01", "0", None),
    ("1K", "40", "0", "0.4", None),
    ("1 Dozen", "40", "0.01", "0.4", None),
)


def test_the_cost_tells_whether_azure_counts_tokens_or_blocks_of_them(home: LandedHome) -> None:
    names = ("unitOfMeasure", "quantity", "unitPrice", "costInPricingCurrency", "costInBillingCurrency")
    cells = (dict(zip(names, (*said, said[-1]), strict=True)) for *said, _ in AZURES_UNITS)
    rows = azure(home, lines(AZURE, *cells))
    for row, (*_, cost, expected) in zip(rows, AZURES_UNITS, strict=True):
        assert row["quantity"] == expected
        assert row["meter"] == ("other" if expected is None else "input_uncached")
        assert row["billed_amount"] == Decimal(cost)


def test_an_enterprise_agreement_says_the_same_in_its_own_columns(home: LandedHome) -> None:
    expected = azure(home)
    header, _, lines = AZURE.partition("\n")
    names = [name[0].upper() + name[1:] for name in header.split(",")]
    names = ["BillingCurrencyCode" if name == "BillingCurrency" else name for name in names]
    again = azure(LandedHome(home.root / "ea"), ",".join(names) + "\n" + lines)
    for row in (*expected, *again):
        del row["file_hash"]
    assert again == expected


def test_exports_of_single_subscriptions_lie_in_folders_of_their_own(home: LandedHome) -> None:
    azure(home, changed(AZURE), "sub-1/")
    rows = azure(home, changed(AZURE, 1), "sub-2/")
    assert sorted(r["billing_account_id"] for r in rows) == ["sub-1", "sub-2"]


def test_a_charge_type_nobody_knows_fails_azures_file_and_is_named(home: LandedHome) -> None:
    home.land(f"azure/cost_details/{AZURE_NAME}", AZURE.replace(",Refund,", ",Gift,"))
    home.ingest()
    [failed] = home.ledger()
    assert (failed.status, str(failed.reason)[:30]) == ("failed", 'chargeType: found "Gift"; expe')


@pytest.mark.parametrize(
    ("cell", "value"),
    [("date", "2026/08/10"), ("date", "31/08/2026"), ("costInBillingCurrency", "1,5"), ("billingAccountId", "")],
)
def test_a_line_of_azure_that_cannot_be_a_charge_is_named(home: LandedHome, cell: str, value: str) -> None:
    bad = changed(AZURE, 0, **{cell: value}).partition("\n")[2]
    assert len(azure(home, changed(AZURE, 1) + bad)) == 1
    assert [(line, at) for line, at, _ in home.rejects()] == [(3, cell)]


GCP_NAME = "2026-08__retrieved-20260904T060000Z.ndjson"
GCP = [json.loads(line) for line in (PAYLOADS / "gcp" / "billing_export" / GCP_NAME).read_text().splitlines()]


def gcp(home: LandedHome, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    home.land(f"gcp/billing_export/{GCP_NAME}", "".join(json.dumps(line) + "\n" for line in lines))
    home.ingest()
    return home.lake("gcp/billing_export").sort("row_number").to_dicts()


def test_lines_of_googles_export_become_classes_tiers_and_tokens(home: LandedHome) -> None:
    rows = gcp(home, *GCP)
    assert [(r["model_id"], r["meter"], r["service_tier"], r["context_tier"], r["quantity"]) for r in rows] == [
        ("gemini-2.5-flash", "input_uncached", "standard", "default", 600_000),
        ("gemini-2.5-flash", "cache_read", "standard", "default", 400_000),
        ("gemini-2.5-flash", "output", "standard", "default", 300_000),
        ("gemini-2.5-pro", "input_uncached", "standard", "long", 250_000),
        ("gemini-3.8-flash", "output", "priority", "default", 1_000),
        (None, "other", "standard", None, None),
        ("gemini-3.5-flash", "cache_read", "standard", "default", 50_000),
        *[(None, "other", "standard", None, None)] * 4,
    ]
    assert [r["charge_category"] for r in rows[8:]] == ["usage", "tax", "other"]
    assert {r["billing_period_start"] for r in rows} == {datetime(2026, 8, 1)}
    assert (rows[0]["charge_start"], rows[0]["charge_end"]) == (datetime(2026, 8, 10, 9), datetime(2026, 8, 10, 10))
    assert (rows[6]["host"], rows[0]["host"], rows[8]["is_ai"]) == ("direct", "vertex", False)
    assert (rows[0]["billing_scope_id"], rows[0]["currency"]) == ("answers-prod", "EUR")


def test_googles_credits_are_taken_off_exactly(home: LandedHome) -> None:
    rows = gcp(home, *GCP)
    assert (rows[2]["billed_amount"], rows[2]["contracted_amount"]) == (Decimal("0.60749985"), Decimal("0.675"))
    assert (rows[8]["billed_amount"], rows[8]["list_amount"]) == (0, Decimal("0.9"))
    costs = sum(Decimal(str(line["cost"])) for line in GCP)
    credited = sum(Decimal(str(credit["amount"])) for line in GCP for credit in line["credits"])
    assert sum(r["billed_amount"] for r in rows) == costs + credited


@pytest.mark.parametrize("text", [[{"amount": "half"}], [{"name": "no amount"}], {"amount": -1}, "none"])
def test_credits_nobody_can_add_up_set_the_line_aside(home: LandedHome, text: Any) -> None:
    assert len(gcp(home, GCP[0], GCP[1] | {"credits": text})) == 1
    [(line, field, reason)] = home.rejects()
    assert (line, field) == (2, "credits")
    assert reason.startswith("expected a list of objects")


GOOGLES_SKUS = (
    ("Gemini 2.5 Flash GA Text Output (Thinking On) - Predictions", ("gemini-2.5-flash", "output", "standard")),
    ("Gemini 2.5 Flash Text Output (Thinking On) - Batch Predictions", ("gemini-2.5-flash", "output", "batch")),
    (" Gemini 2.5 Flash Lite Input Text Caching", ("gemini-2.5-flash-lite", "cache_read", "standard")),
    ("Gemini 3 Flash Text Input Caching Flex", ("gemini-3-flash-preview", "cache_read", "flex")),
    ("Gemini 3.0 Pro Text Output (Long) - Predictions", ("gemini-3-pro-preview", "output", "standard")),
    ("Gemini 2.5 Flash GA Audio Input (Long) - Predictions", ("gemini-2.5-flash", "input_audio", "standard")),
    (
        "Gemini 3.1 Flash Image Text Input - Predictions",
        ("gemini-3.1-flash-image", "input_uncached", "standard"),
    ),
    ("Gemini 3 Pro Image Image Output - Predictions", ("gemini-3-pro-image", "output_image", "standard")),
    (
        "Generate content output token count gemini 2.5 flash lite short output text non-thinking",
        ("gemini-2.5-flash-lite", "output", "standard"),
    ),
    (
        "Generate content input token count gemini 3.5 flash text",
        ("gemini-3.5-flash", "input_uncached", "standard"),
    ),
    (
        "Generate_content text cached input token count for gemini 3 pro long",
        ("gemini-3-pro-preview", "cache_read", "standard"),
    ),
    (
        "Generate_content image output token count for Gemini 3 Pro Image",
        ("gemini-3-pro-image", "output_image", "standard"),
    ),
    # Characters; hours; a kind no log tells apart; no tokens; grammars nobody knows.
    ("Gemini 1.5 Flash Text Input - Predictions", (None, "other", "standard")),
    ("Gemini 2.5 Flash Text Input Caching Storage", (None, "other", "standard")),
    ("Gemini 2.0 Flash Video Input - Predictions", (None, "other", "standard")),
    ("Grounding with Google Search on Gemini 3", (None, "other", "standard")),
    ("Gemini 9 Ultra Text Input Turbo - Predictions", (None, "other", "standard")),
    ("Claude Sonnet 4.5 Input Tokens", (None, "other", "standard")),
)


def test_every_spelling_of_googles_skus_is_told_apart_or_kept(home: LandedHome) -> None:
    rows = gcp(home, *(GCP[0] | {"sku": {"id": "", "description": description}} for description, _ in GOOGLES_SKUS))
    found = [(row["line_item"], (row["model_id"], row["meter"], row["service_tier"])) for row in rows]
    assert found == list(GOOGLES_SKUS)


def test_a_sku_of_another_service_is_no_token(home: LandedHome) -> None:
    [row] = gcp(home, GCP[0] | {"service": {"id": "", "description": "Marketplace"}})
    assert (row["model_id"], row["meter"], row["is_ai"]) == (None, "other", False)


def test_googles_export_in_parquet_says_the_same(home: LandedHome) -> None:
    expected = gcp(home, *GCP)
    other = LandedHome(home.root / "parquet")
    lines = home.root / "landing" / "gcp" / "billing_export" / GCP_NAME
    target = other.land(f"gcp/billing_export/{GCP_NAME.replace('.ndjson', '.parquet')}", b"")
    duckdb.connect().execute(
        f"""
        copy (
            select * replace (
                cast(replace(usage_start_time, ' UTC', 'Z') as timestamptz) as usage_start_time,
                cast(replace(usage_end_time, ' UTC', 'Z') as timestamptz) as usage_end_time
            )
            from read_json('{lines}', columns = {{{PARQUET_COLUMNS}}})
        ) to '{target}' (format parquet)"""
    )
    other.ingest()
    read = other.lake("gcp/billing_export").sort("row_number").to_dicts()
    for row in (*expected, *read):
        del row["file_hash"], row["tags"]
    assert read == expected


PARQUET_COLUMNS = """
    billing_account_id: 'varchar', usage_start_time: 'varchar', usage_end_time: 'varchar', cost: 'double',
    cost_at_list: 'double', currency: 'varchar', cost_type: 'varchar',
    service: 'struct(id varchar, description varchar)', sku: 'struct(id varchar, description varchar)',
    project: 'struct(id varchar)', invoice: 'struct("month" varchar)',
    usage: 'struct(amount double, unit varchar)', location: 'struct("location" varchar, region varchar)',
    labels: 'struct("key" varchar, "value" varchar)[]', credits: 'struct("name" varchar, amount double)[]'
"""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"usage_start_time": "10.08.2026"}, "usage_start_time"),
        ({"invoice": {"month": "August"}}, "invoice.month"),
        ({"cost": None}, "cost"),
        ({"currency": None}, "currency"),
        ({"billing_account_id": ""}, "billing_account_id"),
    ],
)
def test_a_line_of_google_that_cannot_be_a_charge_is_named(
    home: LandedHome, change: dict[str, Any], field: str
) -> None:
    assert len(gcp(home, GCP[0], GCP[1] | change)) == 1
    assert [(line, at) for line, at, _ in home.rejects()] == [(2, field)]


def test_a_cost_type_nobody_knows_fails_googles_file_and_is_named(home: LandedHome) -> None:
    home.land(f"gcp/billing_export/{GCP_NAME}", json.dumps(GCP[0] | {"cost_type": "gift"}))
    home.ingest()
    [failed] = home.ledger()
    assert (failed.status, str(failed.reason)[:29]) == ("failed", 'cost_type: found "gift"; expe')


@pytest.mark.parametrize(
    ("provider", "billed", "called"),
    [
        ("azure", "gpt-4o-2024-11-20", "gpt-4o"),
        ("azure", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("azure", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("azure", "o3-mini-2025-01-31", "o3-mini"),
        ("azure", "gpt-5.4-mini", "gpt-5.4-mini"),
        ("azure", "gpt-5.6-sol", "gpt-5.6-sol"),
        ("google", "gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("google", "gemini-3-flash-preview", "gemini-3-flash-preview"),
        ("google", "gemini-3-pro-preview", "gemini-3-pro-preview"),
        ("google", "gemini-3.8-flash", "gemini-3.8-flash"),
    ],
)
def test_models_as_billed_and_as_called_have_one_name(provider: str, billed: str, called: str) -> None:
    as_billed, as_called = find_model(provider, billed), find_model(provider, called)
    assert as_billed.method != "unresolved"
    assert as_billed.model == as_called.model
