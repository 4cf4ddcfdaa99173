"""What sqlfluff puts where a macro of the project branches on the engine: a call of the macro's name."""

from collections.abc import Callable


def dispatch(name: str, package: str) -> Callable[..., str]:
    return lambda *arguments: f"{name}({', '.join(str(argument) for argument in arguments)})"
