"""Source of this studio carried into a script that does without it: some names, and all that they need.

Modules are read as text and never imported: what trains would bring torch along. So a script has the very source that a run
had, comments included, and cannot drift from it.
"""

import ast
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

OURS = "core"
AnyImport = ast.Import | ast.ImportFrom


class Name(NamedTuple):
    """One name at the top of a module: `Name("core.sampling", "pack")`."""

    module: str
    name: str


@dataclass(frozen=True)
class Source:
    """One module as text: its lines, what it defines at its top, and what it imports, by the name that is used here."""

    lines: tuple[str, ...]
    defined: Mapping[str, ast.stmt]
    imported: Mapping[str, AnyImport]


@dataclass(frozen=True)
class Carried:
    """Source of some names and all that they need; `unknown` are those of `instead` that it asks for."""

    text: str
    imports: Mapping[str, AnyImport]
    unknown: tuple[str, ...]


def carry(roots: Sequence[Name], instead: Collection[str]) -> Carried:
    """Return the source of names and of all that they need of this studio; names in `instead` the script brings itself.

    Raises:
        KeyError: a module has no such name.
        ValueError: two modules use one name for two things.
    """
    taking = _Taking(instead)
    for root in roots:
        taking.take(root)
    names = [name for found in taking.taken.values() for name in found]
    if len(names) != len(set(names)):
        raise ValueError(f"carried twice: {sorted(name for name in set(names) if names.count(name) > 1)}")
    text = "\n\n\n".join(_section(module, found) for module, found in taking.taken.items())
    return Carried(text, taking.imports, tuple(sorted(taking.unknown)))


class _Taking:
    """Follows names to where they are defined: what is taken of each module, what is imported from others than us."""

    def __init__(self, instead: Collection[str]) -> None:
        self._instead = instead
        self.taken: dict[str, set[str]] = {}
        self.imports: dict[str, AnyImport] = {}
        self.unknown: set[str] = set()

    def take(self, root: Name) -> None:
        """Take a name and whatever it names; modules that its own imports from come before it."""
        module = source_of(root.module)
        if root.name in self._instead:
            self.unknown.add(root.name)
        elif root.name in module.imported:
            self._take_import(root.name, module.imported[root.name])
        elif root.name not in self.taken.get(root.module, ()):
            needed = _names_in(module.defined[root.name])
            for name in sorted(needed & module.imported.keys()):
                self.take(Name(root.module, name))
            self.taken.setdefault(root.module, set()).add(root.name)
            for name in sorted(needed & module.defined.keys()):
                self.take(Name(root.module, name))

    def _take_import(self, used: str, statement: AnyImport) -> None:
        module = getattr(statement, "module", None) or ""
        if module.partition(".")[0] == OURS:
            self.take(Name(module, statement.names[0].name))
        else:
            self.imports[used] = statement


@cache
def source_of(module: str) -> Source:
    """Read one module of this studio."""
    text = (Path(__file__).parent.parent / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    defined: dict[str, ast.stmt] = {}
    imported: dict[str, AnyImport] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imported |= bound_by(statement)
        else:
            defined |= dict.fromkeys(_defined_by(statement), statement)
    return Source(tuple(text.splitlines()), defined, imported)


def bound_by(statement: AnyImport) -> dict[str, AnyImport]:
    """Return an import's names as they are used, each with the import of it alone."""
    found: dict[str, AnyImport] = {}
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            found[alias.asname or alias.name.partition(".")[0]] = ast.Import([alias])
        else:
            found[alias.asname or alias.name] = ast.ImportFrom(statement.module, [alias], 0)
    return found


def _defined_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", statement)]
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


def _names_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _section(module: str, names: Iterable[str]) -> str:
    """Return what is taken of one module, in its own order, constants close together."""
    source = source_of(module)
    statements = sorted({id(source.defined[name]): source.defined[name] for name in names}.values(), key=_first_line)
    text, before = f"# Of the studio's {module.replace('.', '/')}.py.", True
    for statement in statements:
        is_short = isinstance(statement, ast.Assign | ast.AnnAssign)
        text += ("\n" if is_short and before else "\n\n\n") + _text_of(source, statement)
        before = is_short
    return text


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min(statement.lineno, *(each.lineno for each in decorators)) if decorators else statement.lineno


def _text_of(source: Source, statement: ast.stmt) -> str:
    """Return a statement as it stands, with the comment right above it."""
    start = _first_line(statement) - 1
    while start > 0 and source.lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(source.lines[start : statement.end_lineno])


def import_lines(code: str, known: Mapping[str, AnyImport]) -> str:
    """Return the imports that code needs of those that are known, the standard library's first, in their usual order."""
    wanted = [known[name] for name in sorted(_names_in(ast.parse(code)) & known.keys())]
    blocks = []
    for is_standard in (True, False):
        plain = {ast.unparse(each) for each in wanted if isinstance(each, ast.Import) and _is_standard(each) == is_standard}
        members: dict[str, set[str]] = {}
        for each in wanted:
            if isinstance(each, ast.ImportFrom) and _is_standard(each) == is_standard:
                members.setdefault(str(each.module), set()).add(ast.unparse(each.names[0]))
        lines = sorted(plain)
        for module, names in sorted(members.items(), key=lambda one: one[0].lower()):
            lines.append(_from_line(module, sorted(names, key=_by_kind)))
        blocks.append("\n".join(lines))
    return "\n\n".join(block for block in blocks if block)


def _is_standard(statement: AnyImport) -> bool:
    module = statement.module if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    return str(module).partition(".")[0] in sys.stdlib_module_names


def _by_kind(name: str) -> tuple[int, str]:
    """Order constants before classes before the rest, as ruff does."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


def _from_line(module: str, names: Sequence[str], width: int = 130) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= width:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
