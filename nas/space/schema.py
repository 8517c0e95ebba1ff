"""A JSON Schema of the language for one table of blocks, so that an editor completes and checks while one types.

It knows names, types and bounds; what hangs together across a file (names in expressions, shapes, scopes) only loading
a space can check. Whatever the loader accepts, the schema accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nas.arch import REQUIRED, BlockSpec, Catalogue, FieldSpec, Part
from nas.space.train_fields import TrainFields
from nas.space.values import CHANNELS, CLASSES, OUT, REPEAT, SIZE, STRIDE, item_spec

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
NONE: Schema = {"enum": ["none", None], "description": "nothing"}
PER: Schema = {"enum": ["stage", "block"], "description": "decided once for the stage, or for each of its blocks"}
EXPRESSION: Schema = {
    "type": "string",
    "pattern": r"^\$",
    "description": "an expression such as $round8(24 * width), or a var; in a block: i n in out h w",
}
ABOUT: Schema = {
    "type": ["object", "null"],
    "description": "what is said of it; changes nothing",
    "additionalProperties": False,
    "properties": {
        "family": {"type": "string", "description": "networks that share an idea, such as ResNet"},
        "paper": {"type": "string", "description": "authors, title, venue and year"},
        "top1": {"type": ["number", "null"], "minimum": 0, "maximum": 100, "description": "published, ImageNet-1k, %"},
        "note": {"type": "string", "description": "which layout is meant, where several exist"},
    },
}
TRAIN = "under train"  # owner of the fields that may have continuous ranges
LEAVE_DOC = "share of the images expected to leave at the exit; for the expected cost only"
FIXED = ("stem", "stages", "constraints")  # what a space that extends another may not write


def space_schema(
    catalogue: Catalogue,
    train_fields: TrainFields | None = None,
    scale_fields: Mapping[str, FieldSpec] | None = None,
) -> Schema:
    """The schema (draft 2020-12) of a space file, with every block and part of the catalogue.

    Under `train` it allows `train_fields`, without them anything; under `scale` the `scale_fields` of a scaler, without
    them nothing.
    """
    return _Writer(catalogue, train_fields, scale_fields or {}).space()


class _Writer:
    def __init__(
        self, catalogue: Catalogue, train_fields: TrainFields | None, scale_fields: Mapping[str, FieldSpec]
    ) -> None:
        self._catalogue = catalogue
        self._train_fields = train_fields
        self._scale_fields = scale_fields
        self._defs: dict[str, Schema] = {"expression": EXPRESSION}

    def space(self) -> Schema:
        blocks = {name: self._catalogue.block(name) for name in self._catalogue.names()}
        self._node(blocks)
        self._defs["defaults"] = self._defaults(blocks)
        sequence = _or(_ref("node"), {"type": "null"})
        properties: dict[str, Schema] = {
            "nas": {"const": 1, "description": "version of the language"},
            "extends": {"type": "string", "description": "another space, such as zoo/resnet50, to be changed here"},
            "name": {"type": "string", "pattern": r"\S", "description": "what it is called in results"},
            "about": ABOUT,
            "input": self._input(),
            "classes": self._own(CLASSES, "how many classes the data has"),
            "vars": self._vars(),
            "shared": self._shared(),
            "defaults": _ref("defaults") | {"description": "values for all blocks: field, or block.field"},
            "stem": sequence | {"description": "blocks before the stages"},
            "stages": {"type": ["array", "null"], "items": self._stage()},
            "head": sequence | {"description": "blocks behind the stages"},
            "scale": self._scale(),
            "constraints": self._constraints(),
            "train": self._train(),
        }
        return {
            "$schema": DIALECT,
            "title": "search space",
            **_object(properties),
            "if": {"required": ["extends"]},
            "then": {"properties": dict.fromkeys(FIXED, False)},
            "$defs": self._defs,
        }

    def _input(self) -> Schema:
        sides = {key: self._own(SIZE, f"{key} of the images in pixels") for key in ("resolution", "height", "width")}
        found = _object({**sides, "channels": self._own(CHANNELS, "1 for grey, 3 for colour")})
        return found | {"description": "the images: resolution, or height and width", "minProperties": 1}

    def _vars(self) -> Schema:
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": NAME},
            "additionalProperties": {"anyOf": [_ref("node"), {}]},
            "description": "values with names, used as $name; a choice inside is decided once for all who use it",
        }

    def _shared(self) -> Schema:
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": NAME},
            "description": "parts with names, used as $name: one module for all blocks that name it",
        }

    def _constraints(self) -> Schema:
        text = "must hold for every network, such as s4.out >= s3.out or macs <= 300e6"
        return {"type": ["array", "null"], "items": {"type": "string", "minLength": 1, "description": text}}

    def _scale(self) -> Schema:
        found = _object({name: self._field("scale", field) for name, field in self._scale_fields.items()})
        return found | {
            "type": ["object", "null"] if self._scale_fields else "null",
            "description": "how each network is scaled once all else is decided; may hold choices",
        }

    def _train(self) -> Schema:
        known = self._train_fields
        found: Schema = {} if known is None else _object({k: self._field(TRAIN, f) for k, f in known.fields.items()})
        return found | {
            "type": ["object", "null"],
            "description": "training options of the recipe; may hold choices and continuous ranges",
        }

    def _stage(self) -> Schema:
        return _object(
            {
                "name": {"type": "string", "pattern": NAME, "description": "decisions are called by it"},
                "repeat": self._own(REPEAT, "how many blocks; 1 if not written"),
                "out": self._own(OUT, "output channels of its blocks"),
                "stride": self._own(STRIDE, "carried by the downsample, else by the first block; 1 if not written"),
                "downsample": _ref("node") | {"description": "a block before the others that carries stride and out"},
                "per": PER,
                "block": _ref("node") | {"description": "what is repeated"},
                "defaults": _ref("defaults") | {"description": "values for the blocks of this stage"},
                "exit": _ref("node") | {"description": "a side chain that ends in a classifier"},
                "leave": {"type": "number", "minimum": 0, "maximum": 1, "description": LEAVE_DOC},
            },
            required=["name", "block"],
        )

    def _defaults(self, blocks: Mapping[str, BlockSpec]) -> Schema:
        by_field: dict[str, list[Schema]] = {}
        exact: dict[str, Schema] = {}
        for block in blocks.values():
            for field in block.fields.values():
                ref = exact[f"{block.name}.{field.name}"] = self._field(block.name, field)
                by_field.setdefault(field.name, []).append(ref)
        plain = {name: refs[0] if len(refs) == 1 else {"anyOf": refs} for name, refs in sorted(by_field.items())}
        return _object({**plain, **exact}) | {"type": ["object", "null"]}

    def _node(self, blocks: Mapping[str, BlockSpec]) -> None:
        """A block by name, a block with fields, a list, an operator, a var, or nothing."""
        names: list[Schema] = [{"const": block.name, "description": block.doc} for block in blocks.values()]
        written = _object({name: _ref(f"block {name}") for name in blocks}) | {"minProperties": 1, "maxProperties": 1}
        self._with_operators("node", [*names, written, {"type": "array", "items": _ref("node")}, NONE])
        for block in blocks.values():
            fields = {field.name: self._field(block.name, field) for field in block.fields.values()}
            own = {"out": self._own(OUT, "output channels"), "stride": self._own(STRIDE, "1 if not written")}
            if block.out == "fixed":
                own["out"] = own["out"] | {"description": "must be the channels that arrive: this block keeps them"}
            self._defs[f"block {block.name}"] = _object({**fields, **own}) | {
                "type": ["object", "null"],
                "description": block.doc,
            }

    def _field(self, owner: str, field: FieldSpec) -> Schema:
        """A reference to the schema of a field of a block or part."""
        key = f"{owner}.{field.name}"
        if key not in self._defs:
            self._defs[key] = {}
            said = {"description": field.doc} if field.doc else {}
            default = _plain(field.default)
            if field.default is not REQUIRED and default is not None:
                said["default"] = default
            self._defs[key] = self._value(key, field) | said
        return _ref(key)

    def _own(self, spec: FieldSpec, doc: str) -> Schema:
        """A reference to the schema of one of the language's own keys."""
        if spec.name not in self._defs:
            self._with_operators(spec.name, _scalars(spec))
        return _ref(spec.name) | {"description": doc}

    def _value(self, key: str, spec: FieldSpec) -> Schema:
        """The schema of a value, its operators refer to under a key."""
        found = [NONE] if spec.nullable else []
        match spec.kind:
            case "part":
                return self._with_operators(key, [_ref(self._family(spec.family or "")), *found])
            case "list":
                items = self._value(f"{key} item", item_spec(spec))
                self._defs[f"{key} item"] = {"anyOf": [*items["anyOf"], NONE]}
                return self._with_operators(key, [{"type": "array", "items": _ref(f"{key} item")}, *found])
            case "mapping":
                self._defs[f"{key} item"] = self._value(f"{key} item", item_spec(spec))
                inside = {"type": "object", "additionalProperties": _ref(f"{key} item")}
                return self._with_operators(key, [inside, *found])
        return self._with_operators(key, _scalars(spec))

    def _family(self, family: str) -> str:
        """The name of the schema of a family's parts: a kind alone, or with its fields."""
        key = f"part {family}"
        if key not in self._defs:
            self._defs[key] = {}
            kinds = self._catalogue.part_names(family)
            written = {}
            for kind in kinds:
                fields = self._catalogue.part(family, kind)
                inside = {name: self._field(f"{family} {kind}", field) for name, field in fields.items()}
                written[kind] = _object(inside) | {"type": ["object", "null"]}
            one = _object(written) | {"minProperties": 1, "maxProperties": 1}
            self._defs[key] = {"anyOf": [{"enum": list(kinds)}, one], "description": f"a kind of {family}"}
        return key

    def _with_operators(self, key: str, alternatives: Iterable[Schema]) -> Schema:
        """The schema under a key: what may be written, or an operator over it."""
        this = _ref(key)
        options = _or({"type": "array", "items": this, "minItems": 1},
                      {"type": "object", "additionalProperties": this, "minProperties": 1})  # fmt: skip
        numbers = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
        alternatives = list(alternatives)
        counts = any(_counts(schema) for schema in alternatives)
        operators = {
            "choice": options | {"description": "one of these; name them where they have no labels of their own"},
            "optional": this | {"description": "this or none"},
            **({"range": numbers | {"description": "low, high (included) and step"}} if counts else {}),
        }
        beside: dict[str, dict[str, Schema]] = {name: {"per": PER} for name in operators}
        if key.startswith(f"{TRAIN}.") and counts:
            beside["range"]["log"] = {"type": "boolean", "description": "drawn on a logarithmic scale"}
        forms = [_object({name: schema, **beside[name]}, required=[name]) for name, schema in operators.items()]
        each = {"type": "array", "items": this, "description": "one value a block"}
        forms.append(_object({"each": each}, required=["each"]))
        self._defs[key] = {"anyOf": [*alternatives, _ref("expression"), *forms]}
        return self._defs[key]


def _scalars(spec: FieldSpec) -> list[Schema]:
    """What a literal of a scalar field may be."""
    found: Schema
    match spec.kind:
        case "int" | "float":
            found = {"type": "integer" if spec.kind == "int" else "number"}
            found |= {} if spec.low is None else {"minimum": spec.low}
            found |= {} if spec.high is None else {"maximum": spec.high}
            found |= {} if spec.above is None else {"exclusiveMinimum": spec.above}
            found |= {} if spec.below is None else {"exclusiveMaximum": spec.below}
        case "bool":
            found = {"type": "boolean"}
        case _:
            found = {"enum": list(spec.options)} if spec.options else {"type": "string"}
    return [found, NONE] if spec.nullable else [found]


def _counts(schema: Schema) -> bool:
    return schema.get("type") in ("integer", "number")


def _ref(key: str) -> Schema:
    return {"$ref": f"#/$defs/{key.replace('~', '~0').replace('/', '~1').replace(' ', '%20')}"}


def _or(*alternatives: Schema) -> Schema:
    return {"anyOf": list(alternatives)}


def _object(properties: Mapping[str, Schema], required: list[str] | None = None) -> Schema:
    found = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _plain(value: Any) -> Any:
    """A field's default as one would write it."""
    match value:
        case Part(kind, _):
            return kind
        case tuple():
            return [_plain(item) for item in value]
        case str() | int() | float() | bool():
            return value
    return None
