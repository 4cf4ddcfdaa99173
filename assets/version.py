"""The version of this code, as pyproject.toml says: it runs from its checkout, installed or not."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def code_version() -> str:
    """Such as 0.1.0."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        version: str = tomllib.load(file)["project"]["version"]
    return version
