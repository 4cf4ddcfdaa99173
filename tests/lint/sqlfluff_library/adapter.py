"""What a linter sees where a macro of the project branches on the engine: a call under a name no engine has."""

from collections.abc import Callable


def dispatch(name: str, package: str) -> Callable[..., str]:
    return lambda *arguments: f"dbt_{name}({', '.join(str(argument) for argument in arguments)})"
