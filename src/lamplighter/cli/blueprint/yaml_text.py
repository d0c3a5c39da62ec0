"""YAML as it is read and written here: safe, without surprises, and with a line for every value.

A plain word is only a number, ``true``, ``false`` or ``null`` where JSON has it so: dates, times and words such as
``on`` and ``no`` are text. So a JSON file is one, too. A key that is there twice is a mistake.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from lamplighter.errors import InvalidInput

Path = tuple[str | int, ...]
_MOST_NODES = 2_000_000  # what aliases of aliases come to counted, too
_DEEPEST = 200
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$")
_TAGS = {
    f"tag:yaml.org,2002:{name}": name for name in ("null", "bool", "int", "float", "str", "binary", "merge")
}
_PLAIN = {"true": True, "false": False, "null": None, "": None, "~": None}


@dataclass(frozen=True, slots=True)
class Text:
    """What a file says: the value, and the line of each part of it by its path."""

    value: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a part; of what is around it, when it is not there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Words(yaml.resolver.BaseResolver):
    """Which plain words are more than text."""


_Words.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"<<$"), ["<"])
_Words.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-0123456789"))
_Words.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(?:true|false|null|~|)$"), ["t", "f", "n", "~", ""]
)


class _Loader(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.composer.Composer, _Words):
    """Composes nodes; what they mean is read from them here."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        _Words.__init__(self)


def read(text: str, name: str) -> Text:
    """What ``text`` says, which is that of the file ``name``; InvalidInput names the line."""
    try:
        node = _Loader(text).get_single_node()
        if node is None:
            return Text(None, {})
        reader = _Reader(name)
        return Text(reader.value(node, ()), reader.lines)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        raise InvalidInput.of(_place(name, mark), _said(problem, text)) from problem
    except yaml.YAMLError as problem:
        raise InvalidInput.of(name, f"is not YAML: {' '.join(str(problem).split())}") from problem
    except RecursionError as problem:
        raise InvalidInput.of(name, "is nested too deeply") from problem


def _place(name: str, mark: Any) -> str:
    return name if mark is None else f"{name}:{mark.line + 1}"


def _said(problem: yaml.MarkedYAMLError, text: str) -> str:
    said = f"is not YAML: {problem.problem or problem.context}"
    mark = problem.problem_mark
    sign = "" if mark is None else text[mark.index : mark.index + 1] if mark.index is not None else ""
    if sign in ("@", "*", "%", "&", "!", "`") or "alias" in f"{problem.context} {said}":
        said += "; put a value that begins with such a sign into quotes"
    return said


class _Reader:
    """Values of nodes, with the line of each."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Path, int] = {}
        self._name = name
        self._left = _MOST_NODES
        self._around: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        """What a node means."""
        self._left -= 1
        if self._left < 0 or len(path) > _DEEPEST or id(node) in self._around:
            raise self._wrong(node, "is too large, too deep, or holds itself")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._around.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(inner, (*path, number)) for number, inner in enumerate(node.value)]
            return dict(self._pairs(node, path))
        finally:
            self._around.discard(id(node))

    def _pairs(self, node: Any, path: Path) -> Iterator[tuple[str, Any]]:
        merged: list[yaml.Node] = []
        own: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            word = self._scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(word, str):
                raise self._wrong(key, 'has a key that is no text: put it into quotes, such as "1"')
            if word in own:
                first = own[word].start_mark.line + 1
                raise self._wrong(key, f"has the key {word!r} twice, first in line {first}: take one out")
            own[word] = value
            self.lines.setdefault((*path, word), key.start_mark.line + 1)
        for one in merged:
            if not isinstance(one, yaml.MappingNode):
                raise self._wrong(one, "<< takes a mapping, such as *defaults")
            yield from ((word, value) for word, value in self._pairs(one, path) if word not in own)
        for word, inner in own.items():
            yield word, self.value(inner, (*path, word))

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind = _TAGS.get(node.tag)
        text: str = node.value
        try:
            if kind in ("null", "bool") and node.style is None and text.lower() in _PLAIN:
                return _PLAIN[text.lower()]
            if kind in ("float", "int"):
                return float(text) if kind == "float" and not re.fullmatch(r"-?[0-9]+", text) else int(text)
            if kind == "binary":
                return yaml.SafeLoader("").construct_yaml_binary(node)
        except (ValueError, yaml.YAMLError) as problem:
            raise self._wrong(node, f"{text[:40]!r} cannot be read: {problem}") from problem
        if kind in ("str", "merge"):
            # JSON writes what is beyond 16 bits as two escapes.
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        raise self._wrong(
            node, f"{node.tag} is not known here: write plain text, numbers, lists and mappings"
        )

    def _wrong(self, node: yaml.Node, message: str) -> InvalidInput:
        return InvalidInput.of(_place(self._name, node.start_mark), message)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever another reader of YAML, or this one, would take for more than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip("\n") or text.endswith("\n") else None
    if re.search(r"[\x85\u2028\u2029\ufeff]", text):  # line breaks for some, which fold lines
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


def _float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)
# What is a number here and text in YAML 1.1, such as 1e5.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-0123456789"))


def write(value: Any) -> str:
    """``value`` (mappings, lists, text, bytes, numbers, truth values, None) as text that ``read`` reads."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))
