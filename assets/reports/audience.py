"""Who a report or page is for, and so which rows may be in it: the whole company, one product, or one tenant."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Kind = Literal["company", "product", "tenant"]
KINDS: tuple[Kind, ...] = ("company", "product", "tenant")


class AudienceError(Exception):
    """There is no such audience."""


@dataclass(frozen=True)
class Audience:
    """`id` is a product_id or tenant_id, and empty for the company."""

    kind: Kind = "company"
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}".rstrip()

    @property
    def folder(self) -> str:
        """A name for its files: no id can lead out of the folder, and no two share one."""
        return f"{self.kind}-{quote(self.id, safe='').replace('.', '%2E')}" if self.id else ""


COMPANY = Audience()


def parse_audience(text: str) -> Audience:
    """'company', 'product:search' or 'tenant:acme'."""
    said, _, name = text.partition(":")
    kind = next((kind for kind in KINDS if kind == said), None)
    if kind is None or (kind == "company") == bool(name):
        raise AudienceError(f"audience: found {text!r}, allowed are company, product:ID and tenant:ID")
    return Audience(kind, name)
