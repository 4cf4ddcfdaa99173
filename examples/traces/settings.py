"""The settings of the home: one invented tenant, whose key made every call, and an invented account per provider."""

from collections.abc import Iterable
from pathlib import Path

from examples.traces.gateway import KEY
from examples.traces.requests import INVENTED

_GENERAL = """\
company: Real request traces
limits:
  # Two of the traces do not tell their model, so nothing can have a price; the calls are counted as unpriced.
  unpriced_share: 1
"""
TENANT = f"{INVENTED}tenant"


def write(config: Path, providers: Iterable[str]) -> None:
    """Write the settings files the home needs; what is left out has no rows."""
    config.mkdir(parents=True)
    accounts = [
        f"{provider},{INVENTED}{provider.removeprefix(INVENTED)}-account,litellm,{provider}" for provider in providers
    ]
    files = {
        "inferledger.yml": _GENERAL,
        "tenants.csv": f"tenant_id,tenant_name,plan\n{TENANT},Invented tenant,{INVENTED}plan\n",
        "api_keys.csv": f"api_key_id,tenant_id\n{KEY},{TENANT}\n",
        "billing_accounts.csv": "\n".join(
            ["service_provider,billing_account_id,gateway,gateway_provider", *accounts, ""]
        ),
        # Nobody's user ids are in the traces, so the key protects nothing and the bytes stay the same.
        "hash_key": f"{INVENTED}hash-key\n",
    }
    for name, text in files.items():
        (config / name).write_text(text)
