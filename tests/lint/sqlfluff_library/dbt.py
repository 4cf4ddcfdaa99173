"""What sqlfluff puts where a model calls a macro of dbt's own: SQL of the right shape, so that the text around it is linted."""

from collections.abc import Callable


def type_string() -> str:
    return "varchar"


def generate_series(upper_bound: int) -> str:
    return f"select {upper_bound} as generated_number"


def __getattr__(name: str) -> Callable[..., str]:
    return lambda *arguments: f"{name}({', '.join(str(argument) for argument in arguments)})"
