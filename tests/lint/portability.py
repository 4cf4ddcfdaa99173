"""Names what the dbt project's SQL says that only DuckDB understands, or that Spark would compute to other rows.

Every model and singular test is rendered as sqlfluff renders it: with the project's own macros, but with a stand-in
`dbt_<name>(...)` where a macro branches on the engine or is dbt's own (see sqlfluff_library). So a branch for one
engine may say what it likes, what a model hands to it is still looked at, and neither a database nor dbt is needed.
What a parse cannot see is proved by building on Spark: the type of a column, and whether it can be null.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import sqlglot
from sqlfluff.core import FluffConfig, Linter
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

PROJECT = Path("dbt_project")
STAND_IN = "dbt_"

# Functions that give equal values of equal types on both engines, by the name they are written with.
_FUNCTIONS_TEXT = """
abs bool_and bool_or cast ceil coalesce count date_trunc dense_rank exists first_value floor greatest lag last_value
lead least length lower ltrim max max_by md5 min min_by mod nullif percentile_cont rank replace right round
row_number rtrim split_part sqrt substr substring sum trim try_cast upper
"""
FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())
# Words that may stand before a bracket and call nothing.
_WORDS_TEXT = """
all and any as between by case decimal distinct else except filter from group having in inner intersect interval is
join like materialized not on or order over partition recursive select then union using values when where with
"""
WORDS = frozenset(_WORDS_TEXT.split())
TYPES = frozenset(
    {
        exp.DataType.Type.BIGINT,
        exp.DataType.Type.BOOLEAN,
        exp.DataType.Type.DATE,
        exp.DataType.Type.DECIMAL,
        exp.DataType.Type.DOUBLE,
        exp.DataType.Type.INT,
        exp.DataType.Type.SMALLINT,
        exp.DataType.Type.TIMESTAMP,
        exp.DataType.Type.TIMESTAMPNTZ,
    }
)
TOKENS = {
    TokenType.DCOLON: ("::", "write cast(x as type)"),
    TokenType.DIV: ("//", "call a dispatched macro, such as divide_exact"),
    TokenType.L_BRACKET: ("[", "keep lists out of models"),
    TokenType.L_BRACE: ("{", "keep structs out of models"),
    TokenType.ARROW: ("->", "read JSON in a reader, or in a dispatched macro"),
    TokenType.DARROW: ("->>", "read JSON in a reader, or in a dispatched macro"),
    TokenType.QUALIFY: ("qualify", "number the rows in a CTE and keep number 1"),
    TokenType.ASOF: ("asof", "join on day >= valid_from and day < valid_to"),
    TokenType.IDENTIFIER: ("quoted name", 'Spark reads "x" as a text; choose another name'),
}
MAX_DIGITS = 38


@dataclass(frozen=True, order=True)
class Finding:
    """One construct, at an offset of the rendered SQL."""

    offset: int
    construct: str
    remedy: str


def findings(sql: str, is_test: bool = False) -> list[Finding]:
    """What in a query is not portable. A test's rows are only counted, so the type of its sums does not matter."""
    tokens = sqlglot.tokenize(sql, read="duckdb")
    found = [*_tokens(tokens), *_calls(tokens), *_unplaced_nulls(tokens)]
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="duckdb") if tree is not None]
    except sqlglot.ParseError as error:
        return sorted({*found, Finding(0, "syntax", f"cannot be parsed: {error.errors[0]['description']}")})
    rules: list[Callable[[exp.Expr], Iterator[Finding]]] = [_types, _division, _digits, _money_through_double, _shapes]
    for tree in trees:
        found += [finding for node in tree.walk() for rule in rules for finding in rule(node)]
        found += [] if is_test else [finding for node in tree.find_all(exp.Sum) for finding in _bare_sum(node)]
        try:
            tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
        except sqlglot.UnsupportedError as error:
            found.append(Finding(_offset(tree), "unsupported", str(error)))
    return sorted(set(found))


def _tokens(tokens: list[Token]) -> Iterator[Finding]:
    for token in tokens:
        if token.token_type in TOKENS:
            yield Finding(token.start, *TOKENS[token.token_type])


def _calls(tokens: list[Token]) -> Iterator[Finding]:
    for token, following in pairwise(tokens):
        name = token.text.lower()
        if following.token_type is not TokenType.L_PAREN or not name.replace("_", "").isalnum():
            continue
        # "PARTITION BY" and "ORDER BY" are one token each.
        if not {name, *name.split()} & (FUNCTIONS | WORDS) and not name.startswith(STAND_IN):
            yield Finding(token.start, f"{name}()", "not known to be alike on both engines; use another or dispatch it")


def _unplaced_nulls(tokens: list[Token]) -> Iterator[Finding]:
    """Ascending, nulls come last on DuckDB and first on Spark; descending, last on both. A percentile has none."""
    for index, token in enumerate(tokens):
        is_percentile = [before.text.lower() for before in tokens[max(index - 3, 0) : index]] == [
            "within",
            "group",
            "(",
        ]
        if token.token_type is not TokenType.ORDER_BY or is_percentile:
            continue
        depth, key = 0, tokens[index + 1 : index + 1]
        for following in [*tokens[index + 1 :], Token(TokenType.R_PAREN, ")")]:
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(following.token_type, 0)
            ends = depth < 0 or (depth == 0 and following.text.lower() in ("rows", "range", "limit"))
            if ends or (depth == 0 and following.token_type is TokenType.COMMA):
                if not {"nulls", "desc"} & {part.text.lower() for part in key}:
                    yield Finding(key[0].start if key else token.start, "order by", "say nulls first or nulls last")
                key = []
            else:
                key.append(following)
            if ends:
                break


def _types(node: exp.Expr) -> Iterator[Finding]:
    if not isinstance(node, exp.DataType) or _is_stand_in(node):
        return
    if node.this not in TYPES:
        yield Finding(_offset(node.parent), f"type {node.sql('duckdb').lower()}", "use a type both engines have")
    elif node.this is exp.DataType.Type.DECIMAL and not node.expressions:
        yield Finding(_offset(node.parent), "type decimal", "say how many digits")


def _division(node: exp.Expr) -> Iterator[Finding]:
    if not isinstance(node, exp.Div | exp.Mod):
        return
    divisor = node.expression.unnest()
    is_number = isinstance(divisor, exp.Literal) and float(divisor.this) != 0
    if not is_number and not isinstance(divisor, exp.Nullif):
        yield Finding(_offset(node), "division", "write nullif(divisor, 0): Spark fails on 0")
    numbers = (node.this.unnest(), divisor.this.unnest() if isinstance(divisor, exp.Nullif) else divisor)
    if any(map(_is_money, numbers)) and not any(map(_is_double, numbers)):
        remedy = "divide money with divide_exact, or cast both sides to double for a ratio"
        yield Finding(_offset(node), "decimal division", remedy)


def _is_money(node: exp.Expr) -> bool:
    is_decimal = isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.DECIMAL
    return is_decimal or any(column.name.endswith("_usd") for column in node.find_all(exp.Column))


def _is_double(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.DOUBLE


def _money_through_double(node: exp.Expr) -> Iterator[Finding]:
    is_decimal = isinstance(node, exp.Cast) and node.to.this is exp.DataType.Type.DECIMAL
    if is_decimal and any(_is_double(inner) for inner in node.this.find_all(exp.Cast)):
        yield Finding(_offset(node), "double to decimal", "the engines round it differently; stay in decimals")


def _digits(node: exp.Expr) -> Iterator[Finding]:
    """Past 38 digits Spark cuts decimal places and says nothing."""
    if not isinstance(node, exp.Add | exp.Sub | exp.Mul):
        return
    sides = _decimal(node.this), _decimal(node.expression)
    if sides[0] is not None and sides[1] is not None:
        places, digits = sides[0][1], sides[0][0] + sides[1][0] + 1
        if not isinstance(node, exp.Mul):
            places = max(sides[0][1], sides[1][1])
            digits = max(precision - scale for precision, scale in (sides[0], sides[1])) + places + 1
        if digits > MAX_DIGITS:
            yield Finding(
                _offset(node), f"decimal of {digits} digits", f"cast the sides so that {MAX_DIGITS} are enough"
            )


def _decimal(node: exp.Expr) -> tuple[int, int] | None:
    """Digits and decimal places, where the text says them."""
    inner = node.unnest()
    if isinstance(inner, exp.Cast) and inner.to.this is exp.DataType.Type.DECIMAL and inner.to.expressions:
        sizes = [int(size.name) for size in inner.to.expressions]
        return sizes[0], sizes[1] if len(sizes) > 1 else 0
    if isinstance(inner, exp.Literal) and not inner.is_string:
        whole, _, fraction = inner.name.partition(".")
        return len(whole.lstrip("0")) + len(fraction), len(fraction)
    return None


def _bare_sum(node: exp.Sum) -> Iterator[Finding]:
    """A sum's type differs; a comparison or a cast hides that, also one over the column it becomes."""
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Cast | exp.Predicate | exp.Having | exp.Select):
        parent = parent.parent
    if isinstance(parent, exp.Select):
        yield Finding(
            _offset(node), "sum", "cast it: an integer's sum is a hugeint on DuckDB, a decimal's as wide as it likes"
        )


def _shapes(node: exp.Expr) -> Iterator[Finding]:
    if isinstance(node, exp.Star) and any(node.args.values()):
        yield Finding(_offset(node), "select * exclude", "list the columns")
    if isinstance(node, exp.Distinct) and node.args.get("on"):
        yield Finding(_offset(node), "distinct on", "number the rows in a CTE and keep number 1")
    if isinstance(node, exp.Join) and node.method.upper() == "POSITIONAL":
        yield Finding(_offset(node), "positional join", "join on a key")
    if isinstance(node, exp.Pivot):
        yield Finding(_offset(node), "pivot", "write one case per column")


def _is_stand_in(node: exp.DataType) -> bool:
    return str(node.args.get("kind") or "").startswith(STAND_IN)


def _offset(node: exp.Expr | None) -> int:
    while node is not None:
        starts = [int(inner.meta["start"]) for inner in node.walk() if "start" in inner.meta]
        if starts:
            return min(starts)
        node = node.parent
    return 0


def lint_file(path: Path, linter: Linter, config: FluffConfig) -> list[str]:
    """Findings of one file, each with the line of the file it comes from."""
    rendered = linter.render_file(str(path), config)
    if not rendered.templated_variants:
        return [f"{path}:1: template: {error.desc()}" for error in rendered.templater_violations]
    template = rendered.templated_variants[0]

    def line(offset: int) -> int:
        source = template.templated_slice_to_source_slice(slice(offset, offset + 1))
        return int(template.get_line_pos_of_char_pos(source.start)[0])

    found = findings(template.templated_str, is_test=path.is_relative_to(PROJECT / "tests"))
    # A loop of the template says the same thing several times.
    lines = dict.fromkeys((line(finding.offset), finding.construct, finding.remedy) for finding in found)
    return [f"{path}:{number}: {construct}: {remedy}" for number, construct, remedy in lines]


def main() -> int:
    """1 when something is not portable."""
    paths = [*PROJECT.glob("models/**/*.sql"), *PROJECT.glob("tests/singular/**/*.sql")]
    config = FluffConfig.from_root()
    linter = Linter(config=config)
    found = [text for path in sorted(paths) for text in lint_file(path, linter, config)]
    summary = f"{len(paths)} queries, {len(found)} not portable"
    sys.stdout.write("\n".join([*found, summary]) + "\n")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
