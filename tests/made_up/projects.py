"""Projects that are made up at random, to be edited at random: pure code of several modules, and one stage."""

from __future__ import annotations

import ast
import json
import random
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from made_up.kinds import KINDS

#: Module -> what is taken from it where that is used; nothing where it is used as a whole.
_LIBRARY = {
    "argparse": (),
    "collections": ("ChainMap", "Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "contextlib": ("contextmanager",),
    "contextvars": ("ContextVar",),
    "copy": (),
    "dataclasses": ("dataclass", "field"),
    "decimal": ("Decimal",),
    "enum": ("Enum", "IntEnum"),
    "fractions": ("Fraction",),
    "functools": ("cached_property", "lru_cache", "partial", "partialmethod", "singledispatch", "wraps"),
    "importlib": (),
    "itertools": (),
    "json": (),
    "mlpipeline": ("Stage", "stage"),
    "numpy": (),
    "operator": (),
    "random": (),
    "re": (),
    "string": (),
    "types": (),
    "typing": ("Annotated", "Generic", "NamedTuple", "TypeVar", "get_type_hints"),
}
#: The later may import the earlier: a package imports what it re-exports, and nothing of a package imports the package.
MODULES = ("constants", "pkg.sub.deep", "pkg.sub", "pkg.low", "pkg", "helpers", "net")
_PACKAGES = {"pkg", "pkg.sub"}
_HOLE = re.compile(r"\$(?:(N)|(l\d)|f\{([^{}]*)\}|([cnsovrkdgi])(?![a-z]))")
ROLES = {"f": "call", "r": "call", "i": "call", "k": "class", "d": "decorator", "g": "registry"}
PICKS = {
    # Some of these are equal to each other, and not the same.
    "c": ("0", "1", "1.0", "True", "2", "2.0", "-0.0", "0.0", "3", "5", "7.5", "11"),
    "n": tuple("123456789"),
    "s": ("'ab'", "'ba'", "b'ab'", "'ab '", "''", "'Ä'", "'A\u0308'"),
    "o": ("+", "-", "*"),
    "v": tuple("123456789"),
}
#: How a module gets at what another one has.
_STYLES = ("from", "alias", "module", "module by alias", "relative", "star")
#: Those that lead to all of a module.
_WIDE_STYLES = ("by its name", "looked up")


@dataclass
class Item:
    """One of the things that a project is made of."""

    name: str
    kind: str
    module: str
    #: What stands in its holes: texts, and the names of other items.
    picks: list[str] = field(default_factory=list)
    callees: list[str] = field(default_factory=list)
    #: How its module gets at each of these.
    styles: list[str] = field(default_factory=list)

    @property
    def rank(self) -> int:
        return MODULES.index(self.module)

    @property
    def role(self) -> str:
        return KINDS[self.kind].role

    @property
    def is_through_another(self) -> bool:
        return KINDS[self.kind].is_through_another


@dataclass(frozen=True)
class Look:
    """What makes no difference to what the code does."""

    order: int = 0
    comments: int = 0
    local: str = "local"
    docstring: str = ""
    is_reformatted: bool = False
    indent: str = "    "
    line_end: str = "\n"


@dataclass
class Project:
    """Items, each after those that it needs; the stage is the last one."""

    #: Whether something in it may lead to all of a module, so that all that is there counts.
    may_be_wide: bool
    items: list[Item] = field(default_factory=list)
    look: Look = field(default_factory=Look)
    #: How many items there were so far: no name comes twice.
    made: int = 0

    @property
    def stage(self) -> Item:
        return self.items[-1]

    def item(self, name: str) -> Item:
        return next(item for item in self.items if item.name == name)

    def reached(self) -> set[str]:
        """The names of the items that the stage needs, and of those that change one of these, or may seem to."""
        found: set[str] = set()
        pending = [self.stage.name]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += self.item(name).callees
                pending += [item.name for item in self.items if item.is_through_another and name in item.callees]
        return found

    def files(self) -> dict[str, str]:
        """The project as it is written: each module, and what it reads as it is loaded."""
        found = {}
        for module in MODULES:
            writing = _Writing(self, module)
            found[_path(module)] = writing.text()
            found[f"{_path(module)}.json"] = json.dumps(writing.outside)
        return found


def _path(module: str) -> str:
    return module.replace(".", "/") + ("/__init__.py" if module in _PACKAGES else ".py")


class _Writing:
    """Writes one module of a project."""

    def __init__(self, project: Project, module: str) -> None:
        self.project, self.module = project, module
        self.imports: set[str] = set()
        #: What the module reads as it is loaded.
        self.outside: dict[str, int] = {}

    def text(self) -> str:
        look = self.project.look
        items = [self._item(item) for item in self._in_order()]
        text = "\n".join([*_imports("\n".join(items)), *sorted(self.imports), "", *items])
        if look.docstring:
            lines = rf'\g<0>\n\1    """{look.docstring}"""'
            text = f'"""{look.docstring}"""\n' + re.sub(r"^( *)(?:async )?def .*:$", lines, text, flags=re.M)
        if look.is_reformatted:
            text = ast.unparse(ast.parse(text))
        if look.comments:
            draws = random.Random(look.comments)
            ends = ("\n", "\n\n{}# Why.\n", "  # why\n")
            text = re.sub(r"\n(?=( *)\S)", lambda found: draws.choice(ends).format(found[1]), text)
        text = re.sub(r"^(    )+", lambda found: look.indent * (len(found[0]) // 4), text, flags=re.M)
        return text.strip("\n").replace("\n", look.line_end) + look.line_end

    def _in_order(self) -> list[Item]:
        pending = [item for item in self.project.items if item.module == self.module]
        # What registers things does so in the order in which it stands.
        if not self.project.look.order or any(item.is_through_another for item in pending):
            return pending
        draws = random.Random(self.project.look.order)
        done: list[Item] = []
        while pending:
            names = {item.name for item in pending}
            done.append(draws.choice([item for item in pending if names.isdisjoint(item.callees)]))
            pending.remove(done[-1])
        return done

    def _item(self, item: Item) -> str:
        picks, callees, numbers = iter(item.picks), iter(range(len(item.callees))), count()

        def filled(found: re.Match[str]) -> str:
            own, local, argument, hole = found.groups()
            if own or local:
                return item.name if own else f"{self.project.look.local}_{local[1:]}"
            if hole == "v":
                name = f"{item.name} {next(numbers)}"
                self.outside[name] = int(next(picks))
                return f"json.load(open(__file__ + '.json'))['{name}']"
            if hole in PICKS:
                return next(picks)
            at = next(callees)
            callee, home = self.project.item(item.callees[at]), f"late_{at}"
            if hole == "i":
                return f"import {callee.module} as {home}; late = lambda v: {self._use(callee, home, 'v')}"
            reference = self._reference(item, at)
            if argument is not None:
                return _used(callee, reference, argument)
            if hole == "r" and KINDS[callee.kind].use != "$R($x)":
                return f"(lambda v: {_used(callee, reference, 'v')})"
            return f"@{reference}" if hole == "d" else reference

        return _HOLE.sub(filled, textwrap.dedent(KINDS[item.kind].text).strip("\n")) + "\n"

    def _use(self, callee: Item, home: str, argument: str) -> str:
        return _used(callee, f"{home}.{self._source(callee)[1]}", argument)

    def _source(self, callee: Item) -> tuple[str, str]:
        """The module that an item is reached through, and what is reached there."""
        if callee.is_through_another:
            target = self.project.item(callee.callees[0])
            return target.module, target.name
        suffix = re.search(r"\$R(_\w+)?", KINDS[callee.kind].use)
        return callee.module, callee.name + (suffix[1] or "" if suffix else "")

    def _reference(self, item: Item, at: int) -> str:
        """What leads from an item to another one, for which its module may need an import."""
        callee, alias = self.project.item(item.callees[at]), f"{item.name}_{at}"
        module, name = self._source(callee)
        if callee.is_through_another and callee.module != self.module:
            self.imports.add(f"import {callee.module}")
        if module == self.module:
            return name
        match item.styles[at]:
            case "from":
                line, reference = f"from {module} import {name}", name
            case "alias":
                line, reference = f"from {module} import {name} as {alias}", alias
            case "relative":
                line, reference = f"from {self._relative(module)} import {name} as {alias}", alias
            # While a package is loaded, it is no attribute of the one that it lies in.
            case "module" if self.module not in _PACKAGES:
                line, reference = f"import {module}", f"{module}.{name}"
            case "module" | "module by alias":
                line, reference = f"import {module} as {alias}", f"{alias}.{name}"
            case "star":
                line, reference = f"from {module} import *", name
            case "by its name":
                line, reference = "", f"importlib.import_module('{module}').{name}"
            case _:
                line, reference = f"import {module} as {alias}", f"getattr({alias}, '{name}')"
        self.imports.add(line)
        return reference

    def _relative(self, module: str) -> str:
        own = self.module.split(".") if self.module in _PACKAGES else self.module.split(".")[:-1]
        other = module.split(".")
        common = 0
        while common < min(len(own), len(other)) and own[common] == other[common]:
            common += 1
        return "." * (1 + len(own) - common) + ".".join(other[common:]) if common else module


def _imports(text: str) -> Iterator[str]:
    """The imports of what a text takes from the library."""
    words = set(re.findall(r"\w+", text))
    for module, names in _LIBRARY.items():
        taken = words.intersection(names)
        if taken:
            yield f"from {module} import {', '.join(sorted(taken))}"
        if re.search(rf"\b{module}\.", text):
            yield f"import {module}"


def _used(callee: Item, reference: str, argument: str) -> str:
    text = re.sub(r"\$R(_\w+)?", lambda _: reference, KINDS[callee.kind].use)
    return text.replace("$x", argument).replace("$N", callee.name)


def holes(kind: str, of: dict[str, object]) -> list[str]:
    found = ("f" if match[3] is not None else match[4] for match in _HOLE.finditer(KINDS[kind].text))
    return [hole for hole in found if hole in of]


def project_by(draws: random.Random) -> Project:
    """A project made up at random, with some that the stage does not reach."""
    project = Project(may_be_wide=draws.random() < 0.25)
    make(project, draws, "stage", MODULES[-1], project.items, depth=3)
    for _ in range(3):
        add_unreached(project, draws)
    return project


def add_unreached(project: Project, draws: random.Random) -> Item:
    """Add an item that nothing needs."""
    known = project.items[:-1]
    made = make(project, draws, draws.choice(["call", "call", "class"]), draws.choice(MODULES), known, 1)
    project.items[:-1] = known
    return made


def make(project: Project, draws: random.Random, role: str, module: str, known: list[Item], depth: int) -> Item:
    """Add an item to those that are known, after those that it needs, which may be new as well."""
    kinds = [name for name, kind in KINDS.items() if kind.role == role and (depth or not holes(name, ROLES))]
    if project.may_be_wide:
        # A module that counts whole does so by its text: what others put into it is not seen, as the docs say.
        # Nor are its values, where it is only imported as the stage runs.
        kinds = [name for name in kinds if not (KINDS[name].is_through_another or "v" in holes(name, PICKS))]
    else:
        kinds = [name for name in kinds if "i" not in holes(name, ROLES)]
    project.made += 1
    item = Item(f"{role}_{project.made}", draws.choice(kinds), module)
    _fill(project, draws, item, known, depth)
    known.append(item)
    return item


def _fill(project: Project, draws: random.Random, item: Item, known: list[Item], depth: int) -> None:
    """Fill all holes of an item."""
    item.picks = [draws.choice(PICKS[hole]) for hole in holes(item.kind, PICKS)]
    item.callees, item.styles = [], []
    for hole in holes(item.kind, ROLES):
        role = ROLES[hole]
        found = [one for one in known if one.role == role and one.rank <= item.rank]
        if not found or (depth > 1 and draws.random() < 0.6):
            found = [make(project, draws, role, draws.choice(MODULES[: item.rank + 1]), known, max(depth - 1, 0))]
        item.callees.append(draws.choice(found).name)
        item.styles.append(style(project, draws))


def style(project: Project, draws: random.Random) -> str:
    return draws.choice(_WIDE_STYLES if project.may_be_wide and draws.random() < 0.15 else _STYLES)
