"""Where else a model can be bought: its maker, the clouds and a reseller, each under its own spelling of the name."""

import re
from collections.abc import Collection, Iterator
from functools import cache

from sources.pricing import book
from sources.pricing.snapshot import Snapshot, installed

# Procurement paths of the book, and how each serves: makers who sell their own models, three clouds, and the largest
# reseller. What the company has an account with comes beside these.
PATHS = {
    "anthropic": "direct", "cohere": "direct", "deepseek": "direct", "mistral": "direct", "openai": "direct",
    "x-ai": "direct", "openrouter": "direct", "aws": "bedrock", "azure": "azure", "google": "vertex",
}  # fmt: skip
# In front of Bedrock's names: where a call may run.
_PROFILE = re.compile(r"^(?:global|regional|us|us-gov|eu|apac|jp|au|ca)\.")
# `anthropic.`, `anthropic/`: no version such as the 5. of gpt-5.4.
_MAKER = re.compile(r"^[a-z0-9-]+[./](?=[a-z])")
# Bedrock's `-v1:0` and the makers' dates.
_VERSION = re.compile(r"(?:-20\d{6})?(?:-v\d+:\d+)?$")


def common_name(model: str) -> str:
    """A model's name without what one provider writes around it; equal for the same model elsewhere.

    Variants keep theirs: a fast, free, batch or quantised one is another model.
    """
    return re.sub("[^a-z0-9]+", "-", _bare(model.lower()))


def _bare(model: str) -> str:
    return _VERSION.sub("", _MAKER.sub("", _PROFILE.sub("", model)))


def elsewhere(model: str, providers: Collection[str], public: Snapshot | None = None) -> Iterator[tuple[str, str]]:
    """Provider and model id, for each provider that sells the model, as the book recognises calls to it."""
    for service_provider in sorted(providers):
        found: dict[str, str] = {}
        for name in (*_named(service_provider, public or installed()).get(common_name(model), ()), _bare(model)):
            # As calls are recognised: some models of the book do not match their own id, and Azure's and Vertex's lists
            # are the makers', by reference.
            match = book.find_model(service_provider, name, (), public).match
            if match is not None and common_name(match.model.id) == common_name(model):
                found.setdefault(match.model.id, name)
        yield from ((service_provider, name) for name in found.values())


@cache
def _named(service_provider: str, public: Snapshot) -> dict[str, tuple[str, ...]]:
    provider = public.find_provider(service_provider)
    named: dict[str, tuple[str, ...]] = {}
    for model in provider.models if provider else ():
        named[common_name(model.id)] = (*named.get(common_name(model.id), ()), model.id)
    return named
