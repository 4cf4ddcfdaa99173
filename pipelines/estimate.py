"""What a product would cost before it has a call: users x messages x tokens x price x retries, with room for error.

The field's rule: double the estimate for safety, compare it with revenue; below three to one the product is shaky
(domain/articles/2_inference_cost_economics.txt, "How do I forecast cost during product design?").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from math import ceil

from sources.pricing import book, snapshot
from sources.pricing.contracts import contracted_card, find_contract
from sources.pricing.entries import PriceEntry
from sources.pricing.rates import RateCard, Rates, rates_by_meter
from sources.settings.models import Contract

SOUND_RATIO = Decimal(3)
MTOK = Decimal(1_000_000)
KILOBYTES_PER_GIGABYTE = Decimal(1_000_000)
ZERO = Decimal(0)
# Of the same article's sensitivity table: a prompt cache at 70 %, twice the conversation, ten times for a viral month.
CACHED_SHARE = Decimal("0.7")
VOLUMES = (2, 10)


class EstimateError(Exception):
    """A model without a price, or shares that are not a whole."""


@dataclass(frozen=True)
class PriceBook:
    """Where prices come from: list prices of a UTC day, under a company's contracts where it has some."""

    day: date
    public: snapshot.Snapshot
    contracts: Sequence[Contract] = ()
    entries: Sequence[PriceEntry] | None = None


@dataclass(frozen=True)
class Product:
    """A month of a product. Tokens are of one message; `cached_share` of the input comes from the prompt cache.

    `models` are (provider, model) with the share of messages each answers; revenue is None where nobody pays.
    """

    models: Mapping[tuple[str, str], Decimal]
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int = 0
    cached_share: Decimal = ZERO
    service_tier: str = "standard"
    users: int = 1
    messages_per_user: int = 1
    retry_factor: Decimal = Decimal(1)
    safety_factor: Decimal = Decimal(2)
    free_users_per_paid: Decimal = ZERO
    revenue_per_user_usd: Decimal | None = None
    # kept of each message by tracing, at the tracing tool's price of a gigabyte (10^9 bytes) taken in
    traced_kilobytes: Decimal = ZERO
    tracing_usd_per_gigabyte: Decimal = ZERO
    # once, before the first message: a fine-tuning run, an index of documents
    setup_usd: Decimal = ZERO


@dataclass(frozen=True)
class Estimate:
    """A month of the product, in USD. What is compared with revenue has retries, free users and safety in it.

    `year_usd` is the first year, with what is paid once before it.
    """

    message_usd: Decimal
    user_usd: Decimal
    free_users_per_paid_usd: Decimal
    tracing_usd: Decimal
    month_usd: Decimal
    year_usd: Decimal
    safe_month_usd: Decimal
    revenue_usd: Decimal | None
    cost_per_revenue_dollar: Decimal | None
    gross_margin: Decimal | None
    revenue_to_safe_cost: Decimal | None
    verdict: str


@dataclass(frozen=True)
class Change:
    """The product with one thing changed; the margin's move is a difference of shares of revenue."""

    name: str
    user_usd: Decimal
    margin_change: Decimal | None
    verdict: str


def estimate(product: Product, prices: PriceBook) -> Estimate:
    """The product's month at the prices of the book, exact; retries are billed like the message they repeat."""
    if sum(product.models.values(), ZERO) != 1:
        raise EstimateError(f"the models answer {sum(product.models.values(), ZERO):.2%} of the messages, not all")
    message = sum((share * _message_usd(product, name, prices) for name, share in product.models.items()), ZERO)
    user = message * product.messages_per_user * product.retry_factor
    free = user * product.free_users_per_paid
    attempts = product.messages_per_user * product.retry_factor * (1 + product.free_users_per_paid) * product.users
    tracing = _traced_usd(product) * attempts
    month = (user + free) * product.users + tracing
    year = product.setup_usd + 12 * month
    safe = month * product.safety_factor
    revenue = None if product.revenue_per_user_usd is None else product.revenue_per_user_usd * product.users
    ratio = None if not revenue or not safe else revenue / safe
    share = month / revenue if revenue else None
    margin = None if share is None else 1 - share
    verdict = _verdict(revenue, ratio)
    return Estimate(message, user, free, tracing, month, year, safe, revenue, share, margin, ratio, verdict)


def cost_usd(product: Product, messages: int, prices: PriceBook) -> Decimal:
    """What so many messages cost in all, with what is paid once before the first."""
    return product.setup_usd + messages * _each_usd(product, prices)


def pays_from_messages(product: Product, instead_of: Product, prices: PriceBook) -> int | None:
    """From how many messages on the product costs no more than the other; None where it never does.

    Such as a fine-tuned model with a short prompt, or one that is handed the passages it needs, against a long prompt.
    """
    saved = _each_usd(instead_of, prices) - _each_usd(product, prices)
    more = product.setup_usd - instead_of.setup_usd
    if saved <= 0:
        return 0 if more <= 0 and saved == 0 else None
    return max(0, ceil(more / saved))


def _each_usd(product: Product, prices: PriceBook) -> Decimal:
    found = estimate(replace(product, users=1, messages_per_user=1, free_users_per_paid=ZERO), prices)
    return found.month_usd


def _traced_usd(product: Product) -> Decimal:
    return product.traced_kilobytes / KILOBYTES_PER_GIGABYTE * product.tracing_usd_per_gigabyte


def sensitivity(product: Product, prices: PriceBook, other_models: Sequence[tuple[str, str]] = ()) -> list[Change]:
    """The product with another model for all messages, with a prompt cache, and with more messages."""
    base = estimate(product, prices)
    changed = {f"all by {model} of {provider}": replace(product, models={(provider, model): Decimal(1)})
               for provider, model in other_models}  # fmt: skip
    cards = [_card(provider, model, product, prices) for provider, model in product.models]
    if product.cached_share < CACHED_SHARE and all("cache_read" in card.base for card in cards):
        changed[f"{CACHED_SHARE:.0%} of the input from the prompt cache"] = replace(product, cached_share=CACHED_SHARE)
    for times in VOLUMES:
        changed[f"{times} x the messages"] = replace(product, messages_per_user=product.messages_per_user * times)
    lines = []
    for name, other in changed.items():
        found = estimate(other, prices)
        moved = None
        if found.gross_margin is not None and base.gross_margin is not None:
            moved = found.gross_margin - base.gross_margin
        lines.append(Change(name, found.user_usd, moved, found.verdict))
    return lines


def _verdict(revenue: Decimal | None, ratio: Decimal | None) -> str:
    if revenue is None:
        return "no revenue to compare with"
    if ratio is None:
        return "shaky" if not revenue else "sound"
    return "sound" if ratio >= SOUND_RATIO else "shaky"


def _message_usd(product: Product, name: tuple[str, str], prices: PriceBook) -> Decimal:
    rates = rates_by_meter(_rates(_card(*name, product, prices), product.input_tokens))
    cached = int(product.input_tokens * product.cached_share)
    used = {
        "input_uncached": product.input_tokens - cached,
        "cache_read": cached,
        "output": product.output_tokens,
        "reasoning": product.reasoning_tokens,
    }
    if unknown := [meter for meter, tokens in used.items() if tokens and rates[meter] is None]:
        raise EstimateError(f"{name[1]} of {name[0]} has no price for {', '.join(unknown)}")
    amounts = (tokens * (rates[meter] or ZERO) for meter, tokens in used.items())
    return sum(amounts, ZERO) / MTOK + (rates["request"] or ZERO)


def _rates(card: RateCard, input_tokens: int) -> Rates:
    """The rates of the context tier: the whole message moves to them."""
    found = card.base
    for step in card.steps:
        if input_tokens > step.tokens or (card.is_inclusive and input_tokens == step.tokens):
            found = step.rates
    return found


def _card(provider: str, model_id: str, product: Product, prices: PriceBook) -> RateCard:
    model = book.find_model(provider, model_id, public=prices.public)
    quote = book.quote(model, product.service_tier, prices.day, prices.entries)
    contract = find_contract(prices.contracts, provider, model.names, product.service_tier, prices.day)
    card = contracted_card(quote.card, contract)
    if card is None:
        raise EstimateError(f"{model.miss or quote.reason or 'no price'} on {prices.day}, {product.service_tier} tier")
    return card
