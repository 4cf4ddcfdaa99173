"""What Spark computes with fewer decimals than DuckDB, by the types in its analysed plan of a query.

Where a result of decimals does not fit 38 digits, Spark cuts digits after the point and says nothing. DuckDB keeps
them, or fails. Where a number becomes a whole one, Spark cuts all of them, and DuckDB rounds.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class Decimals(NamedTuple):
    """decimal(digits, places)."""

    digits: int
    places: int

    def __str__(self) -> str:
        return f"decimal({self.digits}, {self.places})"


# Any other type is its name.
Type = Decimals | str
MOST_DIGITS = 38
# Spark keeps as many, whatever it costs before the point.
LEAST_PLACES = 6
SIGNS = {
    "Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/", "Remainder": "%", "EqualTo": "=", "LessThan": "<",
    "LessThanOrEqual": "<=", "GreaterThan": ">", "GreaterThanOrEqual": ">=", "EqualNullSafe": "<=>",
}  # fmt: skip
ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "Remainder")
# Where Spark brings all to one type.
OF_ONE_TYPE = {"Coalesce", "Least", "Greatest", "If", "CaseWhen", "In", *SIGNS} - {*ARITHMETIC}
WHOLE = ("byte", "short", "integer", "long")
# What is whole where its parts are.
WHOLE_LIKE_ITS_PARTS = {
    "Add", "Subtract", "Multiply", "Remainder", "Sum", "Max", "Min", "Abs", "UnaryMinus", "Coalesce", "Least",
    "Greatest",
}  # fmt: skip
# What has the type of its first part.
LIKE_ITS_PART = {
    "Alias", "UnaryMinus", "Abs", "Max", "Min", "MaxBy", "MinBy", "First", "Last", "AnyValue", "Lead", "Lag",
    "Coalesce", "Least", "Greatest", "NullIf", "With", "CommonExpressionDef", "TypedNullLiteral",
    "AggregateExpression", "WindowExpression",
}  # fmt: skip
NO_DECIMALS = {
    "Count", "RowNumber", "TimestampDiff", "DateAdd", "DateDiff", "ExtractANSIIntervalDays", "Length", "SplitPart",
    "XxHash64",
}  # fmt: skip
DOUBLES = ("PercentileCont", "Sqrt")


@dataclass(frozen=True)
class Expression:
    """An expression of a plan and what it is made of."""

    kind: str
    parts: "tuple[Expression, ...]"
    said: dict[str, Any]

    def __str__(self) -> str:
        if self.kind in SIGNS:
            return f"({self.parts[0]} {SIGNS[self.kind]} {self.parts[1]})"
        if self.kind == "Cast":
            return f"cast({self.parts[0]} as {type_of(self)})"
        if self.kind in ("AttributeReference", "OuterReference"):
            return str(self.said["name"])
        if self.kind == "Literal":
            return str(self.said["value"])
        if self.kind == "NullIf":
            return f"nullif({', '.join(str(_tree(iter(self.said[name]))) for name in ('left', 'right'))})"
        if self.kind in ("AggregateExpression", "Alias"):
            return str(self.parts[0])
        return f"{self.kind.lower()}({', '.join(map(str, self.parts))})"


def cut_decimals(plan: str) -> list[str]:
    """Each expression of a plan, as Spark's own JSON has it, that has fewer decimals than on DuckDB."""
    found = [
        f"{one.said['name']}: {line}" if one.kind == "Alias" else line
        for one in _expressions(json.loads(plan))
        for part in _all(one)
        for line in _cuts(part)
    ]
    return list(dict.fromkeys(found))


def misjudged(plan: str) -> list[str]:
    """Columns of decimals that have another type here than where Spark's plan reads them."""
    parts = [part for one in _expressions(json.loads(plan)) for part in _all(one)]
    of_spark = {part.said["exprId"]["id"]: type_of(part) for part in parts if part.kind == "AttributeReference"}
    columns = [(part, of_spark.get(part.said["exprId"]["id"])) for part in parts if part.kind == "Alias"]
    return [
        f"{column.said['name']}: {kind}, not {type_of(column)}"
        for column, kind in columns
        if isinstance(kind, Decimals) and kind != type_of(column)
    ]


def type_of(expression: Expression) -> Type:
    """As Spark has it. LookupError for a kind of expression that is not known here."""
    kind, parts = expression.kind, expression.parts
    if "dataType" in expression.said:
        return _named(expression.said["dataType"])
    if kind in LIKE_ITS_PART:
        return type_of(parts[0])
    if kind in ("CaseWhen", "If"):
        return type_of(parts[1])
    if kind in NO_DECIMALS:
        return "no decimal"
    if kind in DOUBLES:
        return "double"
    types = [type_of(part) for part in parts]
    if kind in ARITHMETIC:
        one, other = types
        return _fitting(_wanted(kind, one, other)) if isinstance(one, Decimals) and isinstance(other, Decimals) else one
    [of] = types[:1]
    if kind in ("CollectList", "SortArray", "Get"):
        # A list stands for what is in it.
        return of
    if kind in ("Sum", "Floor", "Ceil"):
        if not isinstance(of, Decimals):
            return of
        return Decimals(min(of.digits + 10, MOST_DIGITS), of.places) if kind == "Sum" else _whole(of)
    raise LookupError(f"the type of {kind} is not known to {__name__}: {expression}")


def _cuts(one: Expression) -> Iterator[str]:
    if one.kind == "Cast" and one.said["dataType"] in WHOLE and not _is_whole(one.parts[0]):
        yield f"{one}: Spark cuts what DuckDB rounds; take its floor or ceil first"
    elif one.kind in OF_ONE_TYPE:
        yield from (f"{one}: {line}" for part in one.parts for line in _narrowed(part))
    elif one.kind == "Alias":
        # A union brings columns to one type, too.
        yield from (
            line for part in one.parts for line in _narrowed(part) if part.parts[0].kind == "AttributeReference"
        )
    elif one.kind in ("Average", *ARITHMETIC):
        types = [kind for part in one.parts if isinstance(kind := type_of(part), Decimals)]
        if len(types) < len(one.parts):
            return
        if one.kind == "Average" or (one.kind == "Divide" and not _is_whole_quotient(one)):
            yield f"{one}: DuckDB makes a double of it"
        elif one.kind != "Divide":
            wanted = _wanted(one.kind, *types)
            kept = _fitting(wanted).places
            zeros = max(map(_zeros, one.parts)) if one.kind == "Multiply" else 0
            if kept < wanted.places - zeros:
                operands = f" {SIGNS[one.kind]} ".join(map(str, types))
                yield f"{one}: of {operands} Spark keeps {kept} of {wanted.places} decimals"


def _narrowed(one: Expression) -> Iterator[str]:
    kept = type_of(one) if one.kind == "Cast" else None
    if isinstance(kept, Decimals) and kept.digits == MOST_DIGITS:
        was = type_of(one.parts[0])
        if isinstance(was, Decimals) and kept.places < was.places:
            yield f"{one.parts[0]} of {was} becomes {kept}"


def _is_whole(one: Expression) -> bool:
    """Whether a number has no fraction, by what it is made of, or by its type."""
    if one.kind in ("Floor", "Ceil") or (one.kind == "Round" and str(one.parts[1]) == "0"):
        return True
    if one.kind == "Divide" and _is_whole_quotient(replace(one, parts=tuple(map(_uncast, one.parts)))):
        return True
    if one.kind == "Multiply":
        # All digits stand before the point.
        for factor, zeros in zip(one.parts, map(_zeros, reversed(one.parts)), strict=True):
            of = type_of(factor)
            if isinstance(of, Decimals) and 0 < of.places <= zeros:
                return True
    if one.kind == "Literal":
        return re.fullmatch(r"-?\d+(\.0*)?", str(one)) is not None or str(one) == "None"
    if one.kind == "Cast" and _is_whole(one.parts[0]):
        return True
    if one.kind in ("CaseWhen", "If"):
        values = one.parts[1::2] + (one.parts[-1:] if len(one.parts) % 2 else ())
        return all(map(_is_whole, values))
    if one.kind in WHOLE_LIKE_ITS_PARTS and all(map(_is_whole, one.parts)):
        return True
    if one.kind in ("AggregateExpression", "WindowExpression"):
        # The others say of which rows.
        return _is_whole(one.parts[0])
    kind = type_of(one)
    return not kind.places if isinstance(kind, Decimals) else kind not in ("double", "float")


def _is_whole_quotient(one: Expression) -> bool:
    """(a - a % b) / b."""
    dividend, divisor = one.parts
    if dividend.kind != "Subtract" or dividend.parts[1].kind != "Remainder":
        return False
    pairs = zip((dividend.parts[0], divisor), dividend.parts[1].parts, strict=True)
    return all(str(_uncast(part)) == str(_uncast(of_remainder)) for part, of_remainder in pairs)


def _zeros(one: Expression) -> int:
    """By how many places a factor moves the point, if it is 10, 100 and so on."""
    one = _uncast(one)
    found = re.fullmatch(r"10*", str(one)) if one.kind == "Literal" else None
    return len(found[0]) - 1 if found else 0


def _uncast(one: Expression) -> Expression:
    while one.kind == "Cast":
        [one] = one.parts
    return one


def _wanted(kind: str, one: Decimals, other: Decimals) -> Decimals:
    """What holds every result, of however many digits."""
    whole, other_whole = one.digits - one.places, other.digits - other.places
    places = max(one.places, other.places)
    if kind == "Multiply":
        return Decimals(one.digits + other.digits + 1, one.places + other.places)
    if kind == "Divide":
        places = max(LEAST_PLACES, one.places + other.digits + 1)
        return Decimals(whole + other.places + places, places)
    if kind == "Remainder":
        return Decimals(min(whole, other_whole) + places, places)
    return Decimals(max(whole, other_whole) + places + 1, places)


def _fitting(wanted: Decimals) -> Decimals:
    """What Spark makes of it."""
    if wanted.digits <= MOST_DIGITS:
        return wanted
    whole = wanted.digits - wanted.places
    return Decimals(MOST_DIGITS, max(MOST_DIGITS - whole, min(wanted.places, LEAST_PLACES)))


def _whole(of: Decimals) -> Decimals:
    return _fitting(Decimals(of.digits - of.places + 1, 0)) if of.places else of


def _named(name: Any) -> Type:
    found = re.fullmatch(r"decimal\((\d+),(\d+)\)", name) if isinstance(name, str) else None
    return Decimals(int(found[1]), int(found[2])) if found else str(name)


def _expressions(said: Any) -> Iterator[Expression]:
    """Those of every step of a plan, of what it reads and of subqueries too."""
    if isinstance(said, dict):
        said = list(said.values())
    if not isinstance(said, list):
        return
    if said and isinstance(said[0], dict) and "num-children" in said[0]:
        if ".expressions." in said[0]["class"]:
            yield _tree(iter(said))
        for node in said:
            # These stand among the parts, too.
            yield from _expressions(
                [value for name, value in node.items() if name not in ("branches", "left", "right")]
            )
    else:
        for value in said:
            yield from _expressions(value)


def _tree(nodes: Iterator[dict[str, Any]]) -> Expression:
    """Nodes stand each before its parts."""
    node = next(nodes)
    parts = tuple(_tree(nodes) for _ in range(node["num-children"]))
    return Expression(node["class"].rpartition(".")[2].rstrip("$"), parts, node)


def _all(one: Expression) -> Iterator[Expression]:
    yield one
    for part in one.parts:
        yield from _all(part)
