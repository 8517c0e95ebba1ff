"""Every mistake in a space is told with file, line, column and path; `@` marks where the error must point."""

from __future__ import annotations

import pytest
from fake_catalogue import FakeCatalogue

from nas.errors import SpecError
from nas.space import Space, read_text

HEAD = "classes: 10\ninput: {resolution: 32}\nstem: [conv: {out: 16}]\n"
TAIL = "head: [pool, classifier]\n"


def stage(text: str, more: str = "") -> str:
    """A space with one stage."""
    return f"{HEAD}stages:\n  - {{name: s1, {text}}}\n{TAIL}{more}"


CASES = {
    "unknown top-level key": (f"{HEAD}@stagse: []\n", "stagse", "did you mean 'stages'?"),
    "newer version": (f"nas: @2\n{HEAD}{TAIL}", "nas", "nas must be 1"),
    "no classes": ("@input: {resolution: 32}\nstem: conv\n", "", "classes must be given"),
    "classes chosen": ("classes: @{choice: [10, 100]}\ninput: {resolution: 32}\nstem: conv", "classes", "an integer"),
    "no input": ("@classes: 10\nstem: conv\n", "", "input must be given"),
    "half an input": ("classes: 10\ninput: @{height: 32}\nstem: conv", "input", "both height and width"),
    "input of no size": ("classes: 10\ninput: {resolution: @0}\nstem: conv", "input.resolution", "at least 1|from 1"),
    "nothing in it": ("@classes: 10\ninput: {resolution: 32}\n", "", "must have blocks"),
    "unknown block": (stage("block: @mbcov"), "stages.s1.block", "did you mean 'mbconv'?"),
    "unknown block with fields": (stage("block: {@mbcov: {kernel: 3}}"), "stages.s1.block.mbcov", "'mbconv'"),
    "unknown field": (stage("block: {mbconv: {@kernl: 3}}"), "stages.s1.block.mbconv.kernl", "did you mean 'kernel'?"),
    "unknown part": (
        stage("block: {mbconv: {attention: @sse}}"),
        "stages.s1.block.mbconv.attention",
        "did you mean 'se'?",
    ),
    "unknown field of a part": (
        stage("block: {mbconv: {attention: {se: {@ration: 0.5}}}}"),
        "stages.s1.block.mbconv.attention.se.ration",
        "did you mean 'ratio'?",
    ),
    "unknown word": (
        stage("block: {mbconv: {attention: {se: {of: @hiden}}}}"),
        "stages.s1.block.mbconv.attention.se.of",
        "did you mean 'hidden'?",
    ),
    "text for a number": (stage("block: {mbconv: {kernel: @large}}"), "stages.s1.block.mbconv.kernel", "an integer"),
    "fraction for an integer": (
        stage("block: {mbconv: {kernel: {choice: [3, @5.0]}}}"),
        "stages.s1.block.mbconv.kernel.choice.1",
        "an integer from 1 to 63, but got 5.0",
    ),
    "list for a number": (stage("block: {mbconv: {kernel: @[3, 5]}}"), "stages.s1.block.mbconv.kernel", "a list of 2"),
    "out of bounds": (
        stage("block: {mbconv: {expand: @64}}"),
        "stages.s1.block.mbconv.expand",
        "from 0.1 to 32, but got 64",
    ),
    "number for a flag": (
        stage("block: {mbconv: {attention: {se: {round: @1}}}}"),
        "stages.s1.block.mbconv.attention.se.round",
        "true or false",
    ),
    "a required field": (stage("block: {@dense: {}}"), "stages.s1.block.dense", "needs 'growth'"),
    "out required": (f"{HEAD}head: [pool, @linear, classifier]", "head.1.linear", "needs 'out'"),
    "two names of a block": (stage("block: @{mbconv: {}, conv: {}}"), "stages.s1.block", "one key"),
    "field beside its block": (stage("block: @{mbconv: , kernel: 3}"), "stages.s1.block", "write {mbconv: {...}}"),
    "number for a block": (stage("block: @3"), "stages.s1.block", "a block must be a name"),
    "unknown stage key": (stage("@blok: mbconv, block: conv"), "stages.s1.blok", "did you mean 'block'?"),
    "stage without a name": (f"{HEAD}stages: [@{{block: conv}}]", "stages.0", "needs 'name'"),
    "stage without a block": (f"{HEAD}stages: [@{{name: s1}}]", "stages.s1", "needs 'block'"),
    "two stages of one name": (
        f"{HEAD}stages: [{{name: a, block: conv}}, {{@name: a, block: conv}}]",
        "stages.a.name",
        "must differ",
    ),
    "stage with a reserved name": (f"{HEAD}stages: [{{name: @head, block: conv}}]", "stages.head.name", "a word of"),
    "stage called as a var": (
        f"{HEAD}vars: {{wide: 8}}\nstages: [{{name: @wide, out: $wide, block: conv}}]",
        "stages.wide.name",
        "which is a var",
    ),
    "repeat below zero": (stage("repeat: @-1, block: conv"), "stages.s1.repeat", "from 0 to 1000"),
    "repeat that may be a fraction": (
        stage("repeat: @$3 * depth, block: conv", "vars: {depth: {choice: [1, 0.5]}}"),
        "stages.s1.repeat",
        "use floor or round",
    ),
    "repeat by block": (stage("repeat: @{each: [1]}, block: conv"), "stages.s1.repeat", "one value a block"),
    "each too short": (
        stage("repeat: 3, block: {mbconv: {expand: {@each: [3, 4]}}}"),
        "stages.s1.block.mbconv.expand.each",
        r"\(3, the stage's largest repeat\), but has 2",
    ),
    "each in a stem": (
        "classes: 10\ninput: {resolution: 32}\nstem: [conv: {out: @{each: [3]}}]",
        "stem.0.conv.out",
        "one value a block",
    ),
    "empty choice": (stage("block: {mbconv: {kernel: {choice: @[]}}}"), "stages.s1.block.mbconv.kernel.choice", "one"),
    "labels that collide": (
        stage("block: {choice: [{mbconv: {kernel: 3}}, @{mbconv: {kernel: 5}}]}"),
        "stages.s1.block.choice.1",
        "'mbconv' comes twice; name them",
    ),
    "option without a label": (
        stage("block: {mbconv: {kernel: {choice: [3, @{each: [5]}]}}}"),
        "stages.s1.block.mbconv.kernel.choice.1",
        "no label of its own",
    ),
    "key beside an operator": (
        stage("block: {mbconv: {kernel: {choice: [3], @pr: block}}}"),
        "stages.s1.block.mbconv.kernel.pr",
        "did you mean 'per'?",
    ),
    "two operators": (
        stage("block: {mbconv: {kernel: {choice: [3], @range: [3, 5]}}}"),
        "stages.s1.block.mbconv.kernel.range",
        "one operator",
    ),
    "per outside a stage": (
        "classes: 10\ninput: {resolution: {choice: [32], per: @block}}\nstem: conv",
        "input.resolution.per",
        "inside the blocks",
    ),
    "unknown per": (stage("per: @blok, block: conv"), "stages.s1.per", "stage or block"),
    "wider inside narrower": (
        stage("per: block, block: {choice: [{mbconv: {kernel: {choice: [3, 5], per: @stage}}}, conv]}"),
        "stages.s1.block.choice.0.mbconv.kernel.per",
        "inner choice",
    ),
    "range upside down": (stage("repeat: {range: @[3, 1]}, block: conv"), "stages.s1.repeat.range", "low <= high"),
    "range that misses its end": (
        stage("repeat: {range: @[1, 4, 2]}, block: conv"),
        "stages.s1.repeat.range",
        "comes 3, then 5, not 4",
    ),
    "range without a step": (
        stage("block: {mbconv: {expand: {range: @[1.0, 4.0]}}}"),
        "stages.s1.block.mbconv.expand.range",
        "must have a step",
    ),
    "range of one number": (stage("repeat: {range: @[3]}, block: conv"), "stages.s1.repeat.range", "low, high"),
    "range of words": (stage("repeat: {range: [@few, 3]}, block: conv"), "stages.s1.repeat.range.0", "finite numbers"),
    "log outside train": (
        stage("block: {mbconv: {expand: {range: [1, 4], @log: true}}}"),
        "stages.s1.block.mbconv.expand.log",
        "continuous",
    ),
    "unknown var alone": (stage("block: @$cel"), "stages.s1.block", "no var is called 'cel'"),
    "unknown var inside": (
        stage("out: @$8 * widht, block: {conv: {kernel: $width}}", "vars: {width: 3}"),
        "stages.s1.out",
        "did you mean 'width'?",
    ),
    "name of a later stage": (
        f"{HEAD}stages: [{{name: a, out: @$b.out, block: conv}}, {{name: b, out: 8, block: conv}}]",
        "stages.a.out",
        "only what comes before",
    ),
    "name of what may be absent": (
        f"{HEAD}stages: [{{name: a, out: 8, repeat: {{range: [0, 1]}}, block: conv}},"
        " {name: b, out: @$a.out, block: conv}]",
        "stages.b.out",
        "may be absent",
    ),
    "name of what may vanish": (
        f"{HEAD}stages: [{{name: a, out: 8, block: {{choice: [none, conv]}}}}, {{name: b, out: @$a.out, block: conv}}]",
        "stages.b.out",
        "may be absent",
    ),
    "name of what an optional downsample leaves": (
        f"{HEAD}stages: [{{name: a, out: 8, repeat: 0, downsample: {{optional: conv}}, block: conv}},"
        " {name: b, out: @$a.out, block: conv}]",
        "stages.b.out",
        "may be absent",
    ),
    "costs in a value": (stage("out: @$params / 2, block: conv"), "stages.s1.out", "under constraints"),
    "out of itself": (stage("out: @$out * 2, block: conv"), "stages.s1.out", "'out' has no value"),
    "index in a stem": (
        "classes: 10\ninput: {resolution: 32}\nstem: [conv: {out: @$i + 1}]",
        "stem.0.conv.out",
        "'i' has no value",
    ),
    "var with a local name": (f"{HEAD}vars: {{@out: 3}}\n", "vars.out", "must not be called 'out'"),
    "var with a function's name": (f"{HEAD}vars: {{@round8: 3}}\n", "vars.round8", "must not be called"),
    "var in a circle": (
        f"{HEAD}vars: {{a: $b + 1, b: @$a + 1}}\nhead: [linear: {{out: $a}}]",
        "vars.b",
        "a -> b -> a",
    ),
    "unused var": (f"{HEAD}vars: {{wide: @3}}\n", "vars.wide", "used by nothing"),
    "var of a wrong kind": (
        stage("block: {mbconv: {kernel: $k}}", "vars: {k: @big}"),
        "vars.k",
        "an integer.*used at stages.s1.block.mbconv.kernel",
    ),
    "choice inside each of a var": (
        stage("repeat: 1, block: {mbconv: {kernel: $k}}", "vars: {k: {each: [@{choice: [3, 5]}]}}"),
        "vars.k.each.0",
        "must stand in a stage",
    ),
    "unused default": (
        stage("block: {mbconv: {kernel: 3}}", "defaults: {mbconv.kernel: @5}"),
        "defaults.mbconv.kernel",
        "used by no block",
    ),
    "unused default of a stage": (
        stage("block: basic, defaults: {kernel: @5}"),
        "stages.s1.defaults.kernel",
        "used by no block",
    ),
    "default of no field": (stage("block: conv", "defaults: {@kernle: 5}"), "defaults.kernle", "'kernel'"),
    "default of no block": (
        stage("block: conv", "defaults: {@cnv.kernel: 5}"),
        "defaults.cnv.kernel",
        "no block is called 'cnv'",
    ),
    "default of a wrong kind": (
        stage("block: conv", "defaults: {act: @relo}"),
        "defaults.act",
        "did you mean 'relu'.*used at stem.0",
    ),
    "stride that cannot be carried": (
        stage("stride: @2, block: {transformer: {heads: 2}}"),
        "stages.s1.stride",
        "'transformer' cannot carry the stride 2 of its stage; add downsample",
    ),
    "constraint on latency": (stage("block: conv", "constraints: [@latency_ms < 3]"), "constraints.0", "the study"),
    "constraint on costs and facts": (
        stage("block: conv", "constraints: [@macs < 3 * s1.repeat]"),
        "constraints.0",
        "costs only",
    ),
    "constraint about nothing": (stage("block: conv", "constraints: [@3 < 4]"), "constraints.0", "must name something"),
    "constraint on an unknown name": (
        stage("block: conv", "constraints: [@s1.repet < 3]"),
        "constraints.0",
        "did you mean 's1.repeat'?",
    ),
    "constraint on each block": (
        stage("repeat: 2, block: {choice: [conv, basic], per: block}", "constraints: [@s1.block == 'conv']"),
        "constraints.0",
        "'s1.0.block'",
    ),
    "constraint on a block that cannot be": (
        stage("repeat: 2, block: conv", "constraints: [@s1.2.block == 'conv']"),
        "constraints.0",
        "at most 2 blocks",
    ),
    "constraint with a slip": (
        stage("block: {choice: [conv, basic]}", "constraints: [@s1.block == 'bassic']"),
        "constraints.0",
        "can never be 'bassic'; did you mean 'basic'?",
    ),
    "constraint that is a number": (
        stage("block: conv", "constraints: [@s1.repeat + 1]"),
        "constraints.0",
        "true or false",
    ),
    "constraint that compares words": (
        stage("block: conv", "constraints: [@s1.block > 3]"),
        "constraints.0",
        "need numbers",
    ),
    "expression without sense": (stage("out: @$8 * * 2, block: conv"), "stages.s1.out", "character 5"),
    "structure for a word": (
        stage("block: {mbconv: {attention: @$1 + 1}}"),
        "stages.s1.block.mbconv.attention",
        "part",
    ),
    "classifier with another number": (
        f"{HEAD}head: [pool, classifier: {{out: @11}}]",
        "head.1.classifier.out",
        "number of classes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    text, path, message = CASES[case]
    before, _, after = text.partition("@")
    with pytest.raises(SpecError, match=message) as caught:
        Space(read_text(before + after, "space.yaml"), FakeCatalogue())
    error = caught.value
    assert error.mark is not None
    column = len(before) - (before.rfind("\n") + 1) + 1
    assert (error.mark.file, error.mark.line, error.mark.column) == ("space.yaml", before.count("\n") + 1, column)
    assert (error.path or "") == path
    assert str(error).startswith(f"space.yaml:{error.mark.line}:{column}:")
