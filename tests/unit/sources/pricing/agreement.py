"""Helper of the agreement tests: a usage of the warehouse as genai-prices reports it, and its price."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices import Usage

from sources.pricing.snapshot import Match

TIER_CONTEXT = {
    "standard": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}


def as_reported(usage: Mapping[str, Any]) -> Usage:
    """Inclusive counts: the input holds its caches and modalities, the output its reasoning."""
    count = usage.get
    writes = count("cache_write_5m_tokens", 0) + count("cache_write_1h_tokens", 0)
    audio, image = count("input_audio_tokens", 0), count("input_image_tokens", 0)
    audio_out, image_out = count("output_audio_tokens", 0), count("output_image_tokens", 0)
    reasoning = count("reasoning_tokens", 0)
    return Usage(
        input_tokens=count("input_uncached_tokens", 0) + count("cache_read_tokens", 0) + writes + audio + image,
        cache_read_tokens=count("cache_read_tokens", 0),
        cache_write_tokens=writes,
        cache_write_5m_tokens=count("cache_write_5m_tokens", 0),
        cache_write_1h_tokens=count("cache_write_1h_tokens", 0),
        input_audio_tokens=audio,
        input_image_tokens=image,
        input_video_tokens=0,
        cache_audio_read_tokens=0,
        cache_image_read_tokens=0,
        output_tokens=count("output_text_tokens", 0) + reasoning + audio_out + image_out,
        output_reasoning_tokens=reasoning,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
        output_video_tokens=0,
        output_citation_tokens=0,
        web_searches=count("searches", 0),
        audio_seconds=count("audio_seconds", 0),
        input_audio_seconds=count("audio_seconds", 0),
        output_audio_seconds=0,
        input_characters=count("characters", 0),
        input_document_pages=count("pages", 0),
        input_annotated_document_pages=0,
    )


def reference_price(match: Match, usage: Usage, service_tier: str, day: date) -> Decimal:
    """What genai-prices itself makes of the usage."""
    calculated = match.model.calc_price(
        usage,
        match.provider,
        genai_request_timestamp=datetime.combine(day, time(12), UTC),
        price_context=TIER_CONTEXT[service_tier],
    )
    return calculated.total_price
