"""What a linter sees where a model calls a macro of dbt's own: SQL of the same shape under a name no engine has."""

from collections.abc import Callable


def type_string() -> str:
    return "dbt_type_string"


def generate_series(upper_bound: int) -> str:
    return f"select {upper_bound} as generated_number"


def __getattr__(name: str) -> Callable[..., str]:
    return lambda *arguments: f"dbt_{name}({', '.join(str(argument) for argument in arguments)})"
