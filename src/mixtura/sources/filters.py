"""Which rows count, said as a text: `x > 0 and species == 'setosa'` as an Arrow expression."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from mixtura.errors import ParameterError

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def as_filter(where: Any) -> tuple[Any, tuple[str, ...]]:
    """An Arrow expression of a text, and the columns it names; an expression is taken as it is, its columns unknown.

    The text is Python's: comparisons, `and`, `or`, `not`, `in [..]`, + - * /, numbers and quoted texts. A column whose
    name is no word is written `col('its name')`.

    Raises
    ------
    ParameterError
        Where the text is none of this; it shows the part.
    """
    import pyarrow.compute as pc

    if isinstance(where, pc.Expression):
        return where, ()
    if not isinstance(where, str):
        raise ParameterError(f'where is {where!r}; expected a text like "x > 0", or a pyarrow expression.')
    try:
        tree = ast.parse(where.strip(), mode="eval").body
    except SyntaxError as error:
        raise ParameterError(f"where is {where!r}, which cannot be read ({error.msg}); {EXPECTED}") from None
    names: list[str] = []
    found = _Builder(where, names).build(tree)
    if not names:
        raise ParameterError(f"where is {where!r}, which names no column; {EXPECTED}")
    return found, tuple(dict.fromkeys(names))


EXPECTED = "expected comparisons like x > 0 and species == 'setosa'."


class _Builder:
    """Turns a parsed text into an expression, and writes down the columns."""

    def __init__(self, text: str, names: list[str]) -> None:
        self.text, self.names = text, names

    def build(self, node: ast.expr) -> Any:
        """The expression of a part of the text."""
        import pyarrow.compute as pc

        match node:
            case ast.Name():
                return self._column(node.id)
            case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str() as name)], keywords=[]):
                return self._column(name)
            case ast.Constant(value=bool() | int() | float() | str()):
                return pc.scalar(node.value)
            case ast.UnaryOp(op=ast.USub()):
                return pc.scalar(0) - self.build(node.operand)
            case ast.UnaryOp(op=ast.Not()):
                return ~self.build(node.operand)
            case ast.BinOp() if type(node.op) in ARITHMETIC:
                return ARITHMETIC[type(node.op)](self.build(node.left), self.build(node.right))
            case ast.BoolOp():
                both = operator.and_ if isinstance(node.op, ast.And) else operator.or_
                return reduce(both, [self.build(value) for value in node.values])
            case ast.Compare():
                return self._compared(node)
        raise ParameterError(f"where holds {ast.unparse(node)!r}, which is not understood; {EXPECTED}")

    def _column(self, name: str) -> Any:
        import pyarrow.compute as pc

        self.names.append(name)
        return pc.field(name)

    def _compared(self, node: ast.Compare) -> Any:
        """a < b < c means a < b and b < c."""
        found, left = None, node.left
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, (ast.List, ast.Tuple)) and right.elts:
                cell = self.build(left)
                part = reduce(operator.or_, [cell == self.build(item) for item in right.elts])
                part = ~part if isinstance(op, ast.NotIn) else part
            elif type(op) in COMPARISONS:
                part = COMPARISONS[type(op)](self.build(left), self.build(right))
            else:
                raise ParameterError(f"where holds {ast.unparse(node)!r}, which is not understood; {EXPECTED}")
            found, left = part if found is None else found & part, right
        return found
