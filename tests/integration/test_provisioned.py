"""Calls on capacity that is paid by the hour, through the price tables and the SQL."""

from datetime import datetime
from decimal import Decimal

from sources.settings.models import ContractTerm
from tests.integration.priced import price_calls

PTU = ContractTerm.model_validate(
    {
        "term_id": "ptu-2026",
        "kind": "provisioned",
        "service_provider": "azure",
        "units": "50",
        "usd_per_unit_hour": "2",
        "models": ["gpt-4.1*"],
        "valid_from": "2026-10-01",
        "valid_to": "2026-11-01",
        "source": "order form",
    }
)


def test_a_call_on_paid_capacity_costs_nothing_and_elsewhere_it_is_unpriced() -> None:
    covered = {
        "service_provider": "azure", "model_id": "gpt-4.1", "service_tier": "provisioned",
        "started_at": datetime(2026, 10, 31, 23, 59, 59), "input_uncached_tokens": 1000, "cache_read_tokens": 500,
        "output_text_tokens": 100, "reasoning_tokens": 10, "searches": 1,
    }  # fmt: skip
    calls = [
        covered,
        {**covered, "started_at": datetime(2026, 11, 1)},
        {**covered, "model_id": "gpt-5"},
        {**covered, "service_provider": "openai"},
        {**covered, "service_tier": "standard", "searches": 0},
    ]
    costs, reasons = zip(*price_calls(calls, terms=[PTU]), strict=True)
    # 1,000 at 2, 500 at 0.50 and 110 at 8 a million tokens.
    assert costs == (Decimal(0), None, None, None, Decimal("0.00313"))
    no_term = "no term of kind provisioned in contracts.yml is for {!r} of {}"
    assert reasons == (
        None, no_term.format("gpt-4.1", "azure"), no_term.format("gpt-5", "azure"), no_term.format("gpt-4.1", "openai"),
        None,
    )  # fmt: skip


def test_a_deployment_with_a_name_of_its_own_runs_on_its_term() -> None:
    named = PTU.model_copy(update={"models": [], "deployments": ["chat-ptu"]})
    call = {
        "service_provider": "azure", "model_id": "chat-ptu", "service_tier": "provisioned",
        "started_at": datetime(2026, 10, 1), "input_uncached_tokens": 1000,
    }  # fmt: skip
    costs, reasons = zip(*price_calls([call, {**call, "model_id": "chat"}], terms=[named]), strict=True)
    assert costs == (Decimal(0), None)
    assert reasons == (None, "no term of kind provisioned in contracts.yml is for 'chat' of azure")
