"""The whole file: imports, functions, classes, the network, and how its weights are read."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import black
from torch import nn

from nas.arch import Plan
from nas.build import Network
from nas.export.source.collect import Collection
from nas.export.source.inline import names
from nas.export.source.naming import name_all
from nas.export.source.network import NetworkClass
from nas.export.source.ranks import Ranks
from nas.export.source.specialiser import Specialiser
from nas.export.source.text import WIDTH, unparse
from nas.export.source.values import Cannot, is_number, literal, refused

LOADING = '''
DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
          "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}

def read_weights(path):
    """Tensors of a safetensors file by name: the length of a header, the header as JSON, the data."""
    data = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            tensor = torch.frombuffer(data[start + begin : start + end], dtype=DTYPES[entry["dtype"]])
            tensors[name] = tensor.reshape(entry["shape"])
    return tensors

def load(path=None):
    """The network with the weights of a file, by default of that beside this one, for evaluation."""
    network = Network()
    network.load_state_dict(read_weights(path or Path(__file__).with_name(WEIGHTS)))
    return network.eval()
'''
MAIN = """
if __name__ == "__main__":
    with torch.no_grad():
        print(tuple(load()(torch.rand(SIZES)).shape))
"""


def source_of(network: Network, *, about: str = "", weights: str = "weights.safetensors") -> str:
    """A Python file that needs torch only and makes the same network: the same `state_dict` keys, the same outputs.

    It is written from the modules themselves as they stand, fused or not; `about` goes into its docstring, `weights` is
    the file that its `load` reads when none is given. Raises `NasError` naming the block that cannot be written.
    """
    plan = network.plan
    spec = Specialiser(Ranks(network, plan.input))
    roots: dict[str, nn.Module] = {}
    for span in plan.spans:
        for index in range(span.start, span.stop):
            roots[f"{span.name}.{index - span.start}"] = network.block(index)
    shared = dict(network.shared.named_children()) if hasattr(network, "shared") else {}
    roots |= {f"shared.{key}": module for key, module in shared.items()}
    for key, module in roots.items():
        try:
            spec.forward(module)
        except Cannot as error:
            raise refused(key, module, error) from None
    collection = Collection(spec, roots, {id(module): key for key, module in shared.items()})
    name_all(collection.groups, spec)
    written = NetworkClass(network, collection).definition(f"{_size(plan)} to logits.")
    classes = [group.definition(collection.kept(group.things[0])) for group in collection.groups]
    functions = _reached(spec, [*classes, written])
    code: list[ast.stmt] = [*functions, *classes, written]
    head = _imports(spec, code)
    constants = [
        ast.Assign([ast.Name(key, ast.Store())], literal(value), lineno=0)
        for key, value in spec.globals.items()
        if is_number(value) and key in names(*code)
    ]
    loading = ast.parse(f"WEIGHTS = {weights!r}\n{LOADING}").body
    main = ast.parse(MAIN.replace("SIZES", ", ".join(map(str, plan.input.tensor())))).body
    doc = ast.Expr(ast.Constant(_about(network, about)))
    parts: list[list[ast.stmt]] = [[doc], *head, [*loading[:2], *constants], code, loading[2:], main]
    text = "\n\n".join(unparse(ast.Module(part, [])) for part in parts)
    return black.format_str(text, mode=black.Mode({black.TargetVersion.PY311}, WIDTH))


def _about(network: Network, about: str) -> str:
    plan = network.plan
    paragraphs = [
        f"{plan.name}: {_size(plan)} to {plan.classes} classes, architecture {plan.arch_id}.",
        "\n".join(part for each in about.strip().splitlines() for part in textwrap.wrap(each, WIDTH) or [""]),
        "`load` makes the network with its weights, ready for evaluation. `Network()` alone starts from\n"
        "torch's own random numbers, which are not those that the weights were trained from.",
    ]
    return "\n\n".join(each for each in paragraphs if each).replace("\\", "/") + "\n"


def _size(plan: Plan) -> str:
    return f"Images of {plan.input.channels} x {plan.input.height} x {plan.input.width}"


def _reached(spec: Specialiser, code: list[ast.stmt]) -> list[ast.stmt]:
    """The functions that the code calls, and those that they call."""
    found: set[str] = set()
    nodes: list[ast.AST] = list(code)
    while True:
        more = (names(*nodes) & set(spec.functions)) - found
        if not more:
            return [node for key, node in spec.functions.items() if key in found]
        found |= more
        nodes += [spec.functions[key] for key in more]


def _imports(spec: Specialiser, code: list[ast.stmt]) -> list[list[ast.stmt]]:
    """What the code imports, Python's own first."""
    read = names(*code)
    plain: dict[str, ast.stmt] = {"json": ast.Import([ast.alias("json")])}
    members: dict[str, set[str]] = {"pathlib": {"Path"}, "torch": {"nn"}}
    if "Tensor" in _annotations(code) | read:
        members["torch"].add("Tensor")
    plain["torch"] = ast.Import([ast.alias("torch")])
    for key, value in _used(spec.globals, read):
        if key in ("nn", "torch", "Tensor") or is_number(value):
            continue
        if isinstance(value, ModuleType):
            short = key if value.__name__ != key else None
            plain[value.__name__] = ast.Import([ast.alias(value.__name__, short)])
        else:
            members.setdefault(inspect.getmodule(value).__name__, set()).add(key)  # type: ignore[union-attr]
    froms = {
        key: ast.ImportFrom(key, [ast.alias(each) for each in sorted(texts, key=_by_case)], 0)
        for key, texts in members.items()
    }
    return _sorted(plain, froms)


def _sorted(plain: Mapping[str, ast.stmt], froms: Mapping[str, ast.stmt]) -> list[list[ast.stmt]]:
    """As isort has them: Python's own before torch, `import` before `from`."""
    tables = [(key, table[key]) for table in (plain, froms) for key in sorted(table)]
    return [[node for key, node in tables if _is_torch(key) == which] for which in (False, True)]


def _is_torch(module: str) -> bool:
    return module.partition(".")[0] == "torch"


def _by_case(text: str) -> tuple[bool, str]:
    """Classes before functions and modules."""
    return not text[:1].isupper(), text


def _used(table: Mapping[str, Any], read: set[str]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in table.items() if key in read)


def _annotations(code: list[ast.stmt]) -> set[str]:
    return {each.id for node in code for each in ast.walk(node) if isinstance(each, ast.Name)}
