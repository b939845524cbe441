"""From text to a Select, by recursive descent; what binds least is read first."""

from __future__ import annotations

from decimal import Decimal

from forebay.query.s3select import moments
from forebay.query.s3select.cursor import Cursor, ion
from forebay.query.s3select.errors import refused
from forebay.query.s3select.functions import AGGREGATES, ARGUMENTS
from forebay.query.s3select.lexer import Token, tokens
from forebay.query.s3select.syntax import (
    Aggregate,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Column,
    Every,
    Expression,
    In,
    Is,
    Items,
    Like,
    Literal,
    Name,
    Path,
    Select,
    Step,
    Unary,
)
from forebay.query.s3select.values import LONGEST_NUMBER, MISSING, TYPES

LONGEST = 256 << 10
DEEPEST = 100
MOST_COLUMNS = 2048
COMPARISONS = frozenset({"=", "<>", "!=", "<", "<=", ">", ">="})


def parse(text: str) -> Select:
    """The statement that `text` is. Raises QueryFailed in AWS's codes."""
    if len(text.encode()) > LONGEST:
        raise refused("ExpressionTooLong")
    return _Parser(tokens(text.rstrip().removesuffix(";"))).statement()


class _Parser(Cursor):
    def __init__(self, found: list[Token]) -> None:
        super().__init__(found)
        self._depth = 0

    # The statement.

    def statement(self) -> Select:
        """All of it."""
        if not self._had("select"):
            raise refused("ParseUnsupportedSelect", f"Expected SELECT. {self._now.where()}")
        if self._word("distinct", "all"):
            raise refused("UnsupportedSqlOperation", self._now.where())
        columns = self._columns()
        self._need("from", "ParseSelectMissingFrom")
        source, alias = self._source()
        where = self._expression() if self._had("where") else None
        limit = self._limit() if self._had("limit") else None
        if self._now.kind != "end":
            raise self._after()
        return Select(columns, source, alias, where, limit)

    def _after(self) -> Exception:
        if self._is(","):
            return refused("MultipleDataSourcesUnsupported", self._now.where())
        if self._is("group", "order", "having", "union"):
            return refused("UnsupportedSqlStructure", self._now.where())
        if self._is("join", "on") or self._word("inner", "left", "right", "outer", "cross", "full"):
            return refused("ParseMalformedJoin", self._now.where())
        return refused("ParseUnexpectedToken", self._now.where())

    def _columns(self) -> tuple[Column, ...]:
        if self._is("from") or self._now.kind == "end":
            raise refused("ParseEmptySelect", self._now.where())
        if self._had("*"):
            if self._is(","):
                raise refused("ParseAsteriskIsNotAloneInSelectList", self._now.where())
            return ()
        found = [self._column()]
        while self._had(","):
            if self._is("*"):
                raise refused("ParseAsteriskIsNotAloneInSelectList", self._now.where())
            found.append(self._column())
        if len(found) > MOST_COLUMNS:
            raise refused("OverMaxColumn")
        return tuple(found)

    def _column(self) -> Column:
        of = self._expression()
        name = self._alias()
        if name is None and isinstance(of, Path) and isinstance(of.steps[-1], Name):
            name = of.steps[-1]
        return Column(of, None if name is None else name.text)

    def _alias(self) -> Name | None:
        asked = self._had("as")
        if self._now.kind in ("word", "quoted"):
            found = self._take()
            return Name(found.text, found.kind == "quoted")
        if asked:
            raise refused("ParseExpectedIdentForAlias", self._now.where())
        return None

    def _source(self) -> tuple[tuple[Step, ...], Name]:
        table = self._take()
        if table.kind not in ("word", "quoted") or table.text.lower() != "s3object":
            raise refused("BadTableName", table.where())
        steps: tuple[Step, ...] = self._steps()
        alias = self._alias()
        if steps and isinstance(steps[0], Every):  # the object's documents, which are the records in any case
            steps = steps[1:]
        if alias is None:
            last = steps[-1] if steps else None
            alias = last if isinstance(last, Name) else Name("_1" if isinstance(last, Every) else "s3object")
        elif alias.text.lower() in ("inner", "left", "right", "outer", "cross", "full") and not alias.exact:
            raise refused("ParseMalformedJoin", self._now.where())
        return steps, alias

    def _limit(self) -> int:
        found = self._take()
        if found.kind != "number" or not found.text.isdigit():
            raise refused("ParseExpectedNumber", found.where())
        return int(found.text[:LONGEST_NUMBER])

    # Expressions.

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise refused("ParseUnsupportedSyntax", f"It is nested more than {DEEPEST} deep.")
        try:
            found = self._and()
            while self._had("or"):
                found = Binary("or", found, self._and())
            return found
        finally:
            self._depth -= 1

    def _and(self) -> Expression:
        found = self._not()
        while self._had("and"):
            found = Binary("and", found, self._not())
        return found

    def _not(self) -> Expression:
        turns = 0
        while self._had("not"):
            turns += 1
        found = self._predicate()
        return Unary("not", found) if turns % 2 else found

    def _predicate(self) -> Expression:
        found = self._sum()
        while True:
            if self._now.kind == "operator" and self._now.text in COMPARISONS:
                operator = self._take().text
                found = Binary("<>" if operator == "!=" else operator, found, self._sum())
            elif self._had("is"):
                negated = self._had("not")
                if not self._is("null", "missing"):
                    raise refused("ParseExpectedKeyword", f"Expected NULL or MISSING. {self._now.where()}")
                found = Is(found, self._take().text == "missing")
                found = Unary("not", found) if negated else found
            elif self._is("like", "between", "in", "not"):
                negated = self._had("not")
                found = self._tested(found)
                found = Unary("not", found) if negated else found
            else:
                return found

    def _tested(self, of: Expression) -> Expression:
        if self._had("like"):
            pattern = self._sum()
            return Like(of, pattern, self._sum() if self._had("escape") else None)
        if self._had("between"):
            low = self._sum()
            self._need("and", "ParseExpectedKeyword")
            return Between(of, low, self._sum())
        if self._had("in"):
            return In(of, self._list() if self._is("(", "[") else self._sum())
        raise refused("ParseExpectedKeyword", f"Expected LIKE, BETWEEN or IN. {self._now.where()}")

    def _list(self) -> Items:
        close = ")" if self._take().text == "(" else "]"
        items = [] if self._is(close) else self._several()
        self._need(close, "ParseExpectedTokenType")
        return Items(tuple(items))

    def _several(self) -> list[Expression]:
        found = [self._expression()]
        while self._had(","):
            found.append(self._expression())
        return found

    def _sum(self) -> Expression:
        found = self._product()
        while self._is("+", "-", "||"):
            found = Binary(self._take().text, found, self._product())
        return found

    def _product(self) -> Expression:
        found = self._unary()
        while self._is("*", "/", "%"):
            found = Binary(self._take().text, found, self._unary())
        return found

    def _unary(self) -> Expression:
        signs = ""
        while self._is("-", "+"):
            signs += self._take().text
        found = self._primary()
        return Unary("-", found) if signs.count("-") % 2 else found

    def _primary(self) -> Expression:
        now = self._now
        match now.kind:
            case "number":
                self._take()
                if len(now.text) > LONGEST_NUMBER:
                    raise refused("LexerInvalidLiteral", now.where())
                return Literal(int(now.text) if now.text.isdigit() else Decimal(now.text))
            case "string":
                self._take()
                return Literal(now.text)
            case "ion":
                self._take()
                return Literal(ion(now))
            case "word" | "quoted":
                return self._named()
            case "operator" if now.text == "[":
                return self._list()
            case "operator" if now.text == "(":
                return self._bracketed()
            case "keyword":
                return self._keyword()
        code = "ParseUnexpectedTerm" if now.kind == "end" else "ParseUnexpectedToken"
        raise refused(code, now.where())

    def _bracketed(self) -> Expression:
        self._take()
        if self._is("select"):
            raise refused("UnsupportedSqlStructure", self._now.where())
        if self._is(")"):
            raise refused("ParseExpectedExpression", self._now.where())
        found = self._several()
        self._need(")", "ParseExpectedTokenType")
        return found[0] if len(found) == 1 else Items(tuple(found))

    def _keyword(self) -> Expression:
        now = self._take()
        constants = {"null": None, "true": True, "false": False, "missing": MISSING}
        if now.text in constants:
            return Literal(constants[now.text])
        if now.text == "case":
            return self._case()
        if now.text == "cast":
            return self._cast()
        raise refused("ParseUnexpectedKeyword", now.where())

    def _case(self) -> Expression:
        of = None if self._is("when") else self._expression()
        whens: list[tuple[Expression, Expression]] = []
        while self._had("when"):
            condition = self._expression()
            self._need("then", "ParseExpectedKeyword")
            whens.append((condition, self._expression()))
        if not whens:
            raise refused("ParseExpectedWhenClause", self._now.where())
        otherwise = self._expression() if self._had("else") else None
        self._need("end", "ParseExpectedKeyword")
        return Case(of, tuple(whens), otherwise)

    def _cast(self) -> Expression:
        self._need("(", "ParseExpectedLeftParenAfterCast")
        of = self._expression()
        if not self._had("as"):
            raise refused(
                "ParseCastArity" if self._is(")", ",") else "ParseExpectedKeyword", self._now.where()
            )
        named = self._take()
        name = named.text.lower()
        if named.kind == "word" and name == "double" and self._word("precision"):
            self._take()
        if named.kind != "word" or name not in TYPES:
            raise refused("ParseExpectedTypeName", named.where())
        parameters = self._numbers() if self._had("(") else ()
        self._need(")", "ParseExpectedRightParenBuiltinFunctionCall")
        return Cast(of, TYPES[name], parameters)

    def _numbers(self) -> tuple[int, ...]:
        found = [self._limit()]
        while self._had(","):
            found.append(self._limit())
        self._need(")", "ParseExpectedTokenType")
        if len(found) > 2 or max(found) > 38:
            raise refused("ParseInvalidTypeParam", self._now.where())
        return tuple(found)

    # Names: fields and functions.

    def _named(self) -> Expression:
        first = self._take()
        if first.kind == "word" and self._is("("):
            return self._call(first)
        return Path((Name(first.text, first.kind == "quoted"), *self._steps()))

    def _call(self, named: Token) -> Expression:
        name = named.text.lower()
        self._need("(", "ParseExpectedLeftParenBuiltinFunctionCall")
        if name in AGGREGATES:
            return self._aggregate(name)
        if name not in ARGUMENTS:
            raise refused("UnsupportedFunction", named.where())
        if self._is("*"):
            raise refused("ParseUnsupportedCallWithStar", self._now.where())
        part = ""
        arguments: list[Expression] = []
        if name in ("date_add", "date_diff", "extract"):
            part = self._part(timezones=name == "extract")
            self._need(
                *(
                    ("from", "ParseExpectedKeyword")
                    if name == "extract"
                    else (",", "ParseExpectedArgumentDelimiter")
                )
            )
        if name == "trim":
            part, arguments = self._trimmed()
        elif name == "substring":
            arguments = self._substring()
        elif not self._is(")"):
            arguments = self._several()
        if not self._is(")"):
            code = (
                "ParseExpectedRightParenBuiltinFunctionCall"
                if self._now.kind == "end"
                else "ParseExpectedArgumentDelimiter"
            )
            raise refused(code, self._now.where())
        self._take()
        least, most = ARGUMENTS[name]
        if not least <= len(arguments) <= most:
            raise refused(
                "EvaluatorInvalidArguments", f"{name.upper()} takes {least} to {most}. {named.where()}"
            )
        return Call(name, tuple(arguments), part)

    def _aggregate(self, name: str) -> Expression:
        if self._had("*"):
            if name != "count":
                raise refused("ParseUnsupportedCallWithStar", self._now.where())
            of = None
        elif self._word("distinct", "all"):
            raise refused("UnsupportedSqlOperation", self._now.where())
        elif self._is(")"):
            raise refused("ParseExpectedExpression", self._now.where())
        else:
            of = self._expression()
        self._need(")", "ParseExpectedRightParenBuiltinFunctionCall")
        return Aggregate(name, of)

    def _part(self, *, timezones: bool) -> str:
        found = self._take()
        parts = moments.PARTS + (moments.ZONE_PARTS if timezones else ())
        if found.kind != "word" or found.text.lower() not in parts:
            raise refused("ParseExpectedDatePart", found.where())
        return found.text.lower()

    def _trimmed(self) -> tuple[str, list[Expression]]:
        """`TRIM([[LEADING | TRAILING | BOTH] characters FROM] text)`: the text, and the characters if any."""
        side = self._take().text.lower() if self._word("leading", "trailing", "both") else "both"
        if self._had("from"):
            return side, [self._expression()]
        found = self._expression()
        return side, [self._expression(), found] if self._had("from") else [found]

    def _substring(self) -> list[Expression]:
        found = self._several()
        if len(found) == 1 and self._had("from"):
            found.append(self._expression())
            if self._word("for"):
                self._take()
                found.append(self._expression())
        return found
