"""Whatever a finding says, it says in English, too: every ``Finding(…)`` of the source is read.

A message is followed to the strings it is made of, through variables, arguments, conditions and
tables of constants of its module. What it quotes (a passage, a number) is any text; whatever else
cannot be followed fails, so that a new finding needs its sentence in ``finding_sentences``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path

from django.utils import translation

import dongtai_mail
from dongtai_mail.finding_sentences import FINDINGS, PLACES
from dongtai_mail.sentences import finding_told
from tests.desk.test_words import _compiled

PACKAGE = Path(dongtai_mail.__file__).parent
MAKERS = {"Finding", "LinkFinding"}
QUOTED = "7"
_PLACE = re.compile(r"%\((\w+)\)s")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_QUOTATION = re.compile("“[^”]*”")


class _Module:
    """A module's functions and constants, to follow a name to what it may stand for."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text())
        nodes = list(ast.walk(self.tree))
        self.functions = {n.name: n for n in nodes if isinstance(n, ast.FunctionDef)}
        self.calls = [n for n in nodes if isinstance(n, ast.Call)]
        self.constants = {
            n.targets[0].id: n.value
            for n in self.tree.body
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
        }

    def findings(self) -> Iterator[tuple[ast.Call, ast.FunctionDef]]:
        for function in self.functions.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _called(node) in MAKERS:
                    yield node, function

    def texts(self, node: ast.expr, inside: ast.FunctionDef) -> set[str] | None:
        """What the expression may say, ``QUOTED`` for what it quotes; None when all is quoted."""
        match node:
            case ast.Constant(str(text)):
                return {text}
            case ast.JoinedStr(parts):
                return self._joined(parts, inside)
            case ast.FormattedValue(value):
                return self.texts(value, inside)
            case ast.BinOp(left, ast.Add(), right):
                return self._joined([left, right], inside)
            case ast.IfExp(_, one, other):
                return self._joined([one], inside) | self._joined([other], inside)
            case ast.Subscript(ast.Name(name)) if name in self.constants:
                return self._table(self.constants[name])
            case ast.Call(ast.Name(name)) if name in self.functions:
                return self._answers(self.functions[name])
            case ast.Name(name):
                return self._named(name, inside, node.lineno)
        return None

    def _joined(self, parts: list[ast.expr], inside: ast.FunctionDef) -> set[str]:
        each = [self.texts(part, inside) or {QUOTED} for part in parts]
        return {"".join(one) for one in product(*each)}

    def _table(self, node: ast.expr) -> set[str] | None:
        if not isinstance(node, ast.Dict):
            return None
        return {value.value for value in node.values if isinstance(value, ast.Constant)}

    def _answers(self, function: ast.FunctionDef) -> set[str] | None:
        answers = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value]
        return self._union([self.texts(each, function) for each in answers])

    def _named(self, name: str, inside: ast.FunctionDef, line: int) -> set[str] | None:
        for at, parameter in enumerate(inside.args.args):
            if parameter.arg == name:
                return self._union(
                    [self._argument(call, at, name) for call in self.calls_of(inside)]
                )
        return self._union([self.texts(value, inside) for value in _values(name, inside, line)])

    def calls_of(self, function: ast.FunctionDef) -> list[ast.Call]:
        return [call for call in self.calls if _called(call) == function.name]

    def _argument(self, call: ast.Call, at: int, name: str) -> set[str] | None:
        around = next(f for f in self.functions.values() if call in list(ast.walk(f)))
        named = [each.value for each in call.keywords if each.arg == name]
        given = named or call.args[at : at + 1]
        return self.texts(given[0], around) if given else None

    def _union(self, found: list[set[str] | None]) -> set[str] | None:
        known = [each for each in found if each is not None]
        return set().union(*known) if known and len(known) == len(found) else None


def _values(name: str, inside: ast.FunctionDef, line: int) -> list[ast.expr]:
    """What was last assigned to a variable where ``line`` is reached; else all that ever was."""
    assigned = [
        (statement, block[-1].end_lineno)
        for node in ast.walk(inside)
        for block in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(block, list)
        for statement in block
        if isinstance(statement, ast.Assign)
        and any(isinstance(each, ast.Name) and each.id == name for each in statement.targets)
    ]
    before = [one for one, end in assigned if one.lineno <= line <= (end or line)]
    last = max(before, key=lambda one: one.lineno, default=None)
    return [last.value] if last else [one.value for one, _end in assigned]


def _called(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _sites() -> Iterator[tuple[str, set[str], set[str] | None]]:
    """Where a finding is made, what its code may be, and what its message may say."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if any(f"{maker}(" in path.read_text() for maker in MAKERS):
            module = _Module(path)
            for call, function in module.findings():
                code, message = call.args[0], call.args[2]
                if not isinstance(message, ast.Attribute):  # A finding that is only handed on.
                    place = f"{path.relative_to(PACKAGE)}:{call.lineno}"
                    yield (
                        place,
                        module.texts(code, function) or set(),
                        module.texts(message, function),
                    )


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = _PLACE.split(sentence)[::2]
    return re.compile(".+?".join(map(re.escape, parts)), re.DOTALL)


def _of(codes: set[str]) -> set[tuple[str, str]]:
    """The sentences under these codes; a code may quote, too."""
    wanted = [re.compile(re.escape(code).replace(QUOTED, ".+")) for code in codes]
    named = [code for code in FINDINGS if any(each.fullmatch(code) for each in wanted)]
    return {(code, sentence) for code in named for sentence in FINDINGS[code]}


def test_every_finding_of_the_source_has_its_sentence():
    used, places = set(), 0
    for place, codes, messages in _sites():
        places += 1
        assert messages, f"{place}: no sentence can be made out of this message"
        known = _of(codes)
        assert known, f"{place}: {codes} is missing in finding_sentences"
        for message in messages:
            fitting = {each for each in known if _pattern(each[1]).fullmatch(message)}
            assert fitting, f"{place}: {message!r} is missing in finding_sentences under {codes}"
            used |= {sentence for _code, sentence in fitting}
            with translation.override("en"):
                said = {finding_told(code, message) for code, _sentence in fitting}
            assert not [each for each in said if _HAN.search(_QUOTATION.sub("", each))], place
    assert places > 50
    assert {sentence for each in FINDINGS.values() for sentence in each} == used


def test_every_sentence_of_a_finding_has_its_english():
    sentences = {sentence for each in FINDINGS.values() for sentence in each}
    assert {*PLACES, *sentences} <= set(_compiled()._catalog)
