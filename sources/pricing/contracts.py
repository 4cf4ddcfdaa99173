"""What the company pays: its contracts, laid over the public price."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase

from sources.pricing.rates import RateCard, Rates, scaled
from sources.settings.models import Contract, ContractTerm


def find_contract(
    contracts: Sequence[Contract], service_provider: str, names: Iterable[str], service_tier: str, day: date
) -> Contract | None:
    """The first contract that holds for a model, by its canonical name or the id as called."""
    wanted = tuple(names)
    for contract in contracts:
        if contract.service_provider != service_provider or contract.service_tier not in ("any", service_tier):
            continue
        if not contract.valid_from <= day < contract.valid_to:
            continue
        if any(fnmatchcase(name, pattern) for name in wanted for pattern in contract.models):
            return contract
    return None


def find_capacity(
    terms: Sequence[ContractTerm], service_provider: str, names: Iterable[str], day: date
) -> ContractTerm | None:
    """The first term of provisioned capacity that a model's calls run on."""
    wanted = tuple(names)
    for one in terms:
        runs = any(name in one.deployments or fnmatchcase(name, at) for name in wanted for at in one.models or ("",))
        if one.service_provider == service_provider and one.valid_from <= day < one.valid_to and runs:
            return one
    return None


def contracted_card(listed: RateCard | None, contract: Contract | None) -> RateCard | None:
    """The public card under the contract; None when neither has a price.

    Percent off is taken from every rate of the model. Fixed prices hold in every context tier; what they do not name
    keeps its public price.
    """
    if contract is None:
        return listed
    if (percent := contract.percent_off) is not None:
        return None if listed is None else listed.map(lambda rates: percent_off(rates, percent))
    fixed = contract.fixed_prices
    return RateCard(fixed) if listed is None else listed.map(lambda rates: {**rates, **fixed})


def percent_off(rates: Rates, percent: Decimal) -> dict[str, Decimal]:
    """Every rate, those of units too, less a percentage, to eight decimals."""
    return scaled(rates, 100 - percent, rates)
