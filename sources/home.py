"""The home: one directory with a company's data and settings.

Where things lie in a home and how an empty one is laid out. What the settings files say lives in `sources.settings`.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

HOME_VARIABLE = "INFERLEDGER_HOME"
HASH_KEY_VARIABLE = "INFERLEDGER_HASH_KEY"

LANDING_TABLES = (
    ("litellm", "spend_logs"),
    ("bedrock", "invocations"),
    ("envoy", "access_log"),
    ("cloudflare", "logs"),
    ("helicone", "requests"),
    ("openrouter", "generations"),
    ("openrouter", "activity"),
    ("openrouter", "credits"),
    ("vercel", "generations"),
    ("vercel", "report"),
    ("portkey", "logs"),
    ("langfuse", "observations"),
    ("otel", "spans"),
    ("declared", "calls"),
    ("openai", "usage_completions"),
    ("openai", "usage_meters"),
    ("openai", "costs"),
    ("anthropic", "usage_messages"),
    ("anthropic", "cost_report"),
    ("aws_cur", "line_items"),
    ("azure", "cost_details"),
    ("gcp", "billing_export"),
    ("focus", "cost_and_usage"),
    ("declared", "bills"),
    ("gpu_rental", "bills"),
    ("dcgm", "samples"),
    ("vllm", "samples"),
    ("sglang", "samples"),
    ("tgi", "samples"),
    ("triton", "samples"),
    ("nvidia_smi", "samples"),
    ("kube_state_metrics", "samples"),
    ("opencost", "allocations"),
    ("business", "tasks"),
    ("business", "revenue"),
    ("business", "active_users"),
    ("business", "invoices"),
)


class HomeError(Exception):
    """The home cannot be used as it is: wrong path, or settings that say what cannot be."""


@dataclass(frozen=True)
class Home:
    """A company's directory, by its root."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def prices(self) -> Path:
        return self.root / "prices"

    @property
    def closed(self) -> Path:
        return self.root / "closed"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def hash_key_file(self) -> Path:
        return self.config / "hash_key"

    @classmethod
    def find(cls, option: Path | None = None) -> "Home":
        """The home that --home or INFERLEDGER_HOME names; HomeError when neither does or there is none."""
        named = option or (Path(value) if (value := os.environ.get(HOME_VARIABLE)) else None)
        if named is None:
            raise HomeError(f"no home given: pass --home DIR or set {HOME_VARIABLE}; `inferledger init DIR` makes one")
        root = named.expanduser().resolve()
        if not (root / "config" / "inferledger.yml").is_file():
            raise HomeError(f"{root} is no home: it has no config/inferledger.yml; `inferledger init {root}` makes one")
        return cls(root)

    def hash_key(self) -> bytes:
        """The secret that user ids are hashed with; from the environment, else from config/hash_key."""
        if value := os.environ.get(HASH_KEY_VARIABLE):
            return value.encode()
        if not self.hash_key_file.is_file():
            raise HomeError(f"{self.hash_key_file} is missing and {HASH_KEY_VARIABLE} is not set: user ids need a key")
        key = self.hash_key_file.read_text().strip().encode()
        if not key:
            raise HomeError(f"{self.hash_key_file} is empty: it must hold the key user ids are hashed with")
        return key

    def hash_key_id(self) -> str:
        """Names the key without telling it, so that a changed key can be seen."""
        return hashlib.sha256(b"inferledger hash key id:" + self.hash_key()).hexdigest()[:12]


def init_home(root: Path) -> Home:
    """Lay out a home at `root` with commented example settings; files that exist stay as they are."""
    home = Home(root.expanduser().resolve())
    home.config.mkdir(parents=True, exist_ok=True)
    for feed, table in LANDING_TABLES:
        (home.landing / feed / table).mkdir(parents=True, exist_ok=True)
    for folder in (home.lake, home.warehouse, home.published, home.reports, home.dagster):
        folder.mkdir(exist_ok=True)
    templates = files("sources.settings")
    targets = {home.config / template.name: template for template in templates.joinpath("files").iterdir()}
    targets[home.dagster / "dagster.yaml"] = templates.joinpath("dagster.yaml")
    for target, template in sorted(targets.items()):
        if not target.exists():
            target.write_bytes(template.read_bytes())
    if HASH_KEY_VARIABLE not in os.environ and not home.hash_key_file.exists():
        descriptor = os.open(home.hash_key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as key_file:
            key_file.write(secrets.token_hex(32) + "\n")
    return home
