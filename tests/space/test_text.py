"""YAML text to trees and back: core scalars, places, bounds, and an error with a place for everything else."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import Mark, NasError, SpecError
from nas.space.text import read, read_text, wrap, write
from nas.space.yaml_out import flow

TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
WORDS = [
    "null",
    "~",
    "true",
    "no",
    "010",
    "1e-6",
    "0x10",
    "<<",
    "a: b",
    "- a",
    "$max(1, 2)",
    "0>1",
    "'",
    '"',
    "#",
    "&a",
    "*a",
    "!x",
    "1:2",
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1.", 1.0),
        (".5", 0.5),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-3", -3),
        ("no", "no"),
        ("Yes", "Yes"),
        ("none", "none"),
        ("null", None),
        ("~", None),
        ("", None),
        ("TRUE", True),
        ("-.inf", float("-inf")),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("'1'", "1"),
        ('"\\u00e9"', "é"),
        ("$i % 2 * 3", "$i % 2 * 3"),
        ("=", "="),
    ],
)
def test_core_scalars(text: str, value: Any) -> None:
    found = read_text(text).value
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_written() -> None:
    assert list(read_text("{0>1: a, 1: b, null: c, '~': d, 010: e, 1.0: f}").mapping("it")) == [
        "0>1",
        "1",
        "null",
        "~",
        "010",
        "1.0",
    ]


def test_every_value_and_key_has_its_place() -> None:
    node = read_text("nas: 1\nstages:\n  - {name: s1, out: 16}\n  - 7\n", "a.yaml")
    stage = node.at(["stages", 0])
    assert (stage.mark, stage.path) == (Mark("a.yaml", 3, 5), "stages.s1")
    assert (stage.at(["out"]).mark, stage.at(["out"]).path) == (Mark("a.yaml", 3, 21), "stages.s1.out")
    assert stage.keys["out"] == Mark("a.yaml", 3, 16)
    assert node.at(["stages", 1]).path == "stages.1"
    assert node.at(["stages", 0, "block", "kernel"]) is stage
    assert str(stage.fail("no", key="out")) == "a.yaml:3:16: at stages.s1.out: no"


def test_aliases_are_copied_with_paths_of_their_own() -> None:
    node = read_text("a: &x {k: [1]}\nb: *x\nc: [*x]")
    assert node.plain() == {"a": {"k": [1]}, "b": {"k": [1]}, "c": [{"k": [1]}]}
    assert [node.at([*way, "k", 0]).path for way in (["a"], ["b"], ["c", 0])] == ["a.k.0", "b.k.0", "c.0.k.0"]
    assert node.at(["b", "k", 0]).mark == node.at(["a", "k", 0]).mark


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "f:4:3: at b.c: a key must be written once, but this one stands already at f:3:3"),
        (
            "a: {out: $max(16, w), k: 3}",
            "f:1:10: at a.out: '$max(16' was cut at the comma; quote expressions with commas",
        ),
        ("[a <= max(b, c)]", "f:1:2: at 0: 'a <= max(b' was cut"),
        ("{a: $x in [1, 2]}", "f:1:11: this is not YAML"),
        ("a: b: c", "f:1:5: "),
        ("a: *b", "f:1:4: at a: the alias *b has no anchor before it"),
        ("a: &a [1, *a]", "f:1:11: at a.1: the alias *a may not stand inside what it copies"),
        ("a: &a 1\nb: &a 2", "the anchor &a must be defined once"),
        ("<<: {a: 1}", "merge keys"),
        ("? [a]\n: 1", "f:1:3: a key must be text"),
        ("a: !!python/object:os.system x", "tags such as tag:yaml.org,2002:python/object:os.system"),
        ("a: 1\n---\nb: 2", "one document"),
        ("a: .nan", "not-a-number"),
        ("a: 1e999", "too large"),
        ("a: " + "9" * 5000, "300 digits"),
        ("a: \x01", "f:1:4: a YAML text may not hold the character U+0001"),
        ('a: "\\ud800"', "surrogate"),
        ('a: "\\UFFFFFFFF"', "this is not YAML"),
        ("[" * 1000, "at most 64 deep"),
        ("x" * 400_000, "at most 300,000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(text, "f")
    assert said in str(caught.value)
    assert caught.value.mark is not None


def test_aliases_cannot_exhaust_memory() -> None:
    laughs = "\n".join(
        ["a0: &a0 [lol, lol, lol]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    )
    with pytest.raises(SpecError, match="at most 100,000 values"):
        read_text(laughs)
    nested = "\n".join(["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 100))])
    with pytest.raises(SpecError, match="64 deep"):
        read_text(nested)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read(file).plain() == {"a": 1}
    assert read(file).mark.file == str(file)
    file.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(SpecError, match=r"space.yaml:2:4: a YAML file must be UTF-8"):
        read(file)
    with pytest.raises(SpecError, match=r"did you mean 'space.yaml'"):
        read(tmp_path / "spice.yaml")
    with pytest.raises(SpecError, match="a folder"):
        read(tmp_path)
    with pytest.raises(SpecError, match="must be a YAML file"):
        read("a\0b")


@given(TREES)
def test_what_is_written_reads_back_equal(tree: Any) -> None:
    text = write(tree)
    assert repr(read_text(text).plain()) == repr(tree)
    assert write(read_text(text).plain()) == text
    assert repr(wrap(tree).plain()) == repr(tree)


@pytest.mark.parametrize("word", WORDS)
def test_words_with_a_meaning_stay_text(word: str) -> None:
    tree = {word: [word, {word: word}, [word, word]]}
    assert read_text(write(tree)).plain() == tree


@given(st.text(alphabet="[]{},:&*#?|-<>!%@'\"\\ \n\t~$()01aeU_.\u2028\x85\ufeff\x00", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    refusal, tree = None, None
    try:
        tree = read_text(text).plain()
    except NasError as error:
        refusal = str(error)
    assert "<text>:" in refusal if refusal else read_text(write(tree)).plain() == tree


def test_trees_from_python() -> None:
    class Act(enum.StrEnum):
        RELU = "relu"

    node = wrap({"stages": ({"name": "s1", "act": Act.RELU},)})
    assert node.at(["stages", 0, "act"]).path == "stages.s1.act"
    assert write(node.plain()) == "stages:\n  - name: s1\n    act: relu\n"
    assert str(node.at(["stages", 0]).fail("no")) == "at stages.s1: no"
    loop: list[Any] = []
    loop.append(loop)
    for bad in (loop, {"a": {1}}, {1: 2}, float("nan"), 10**400, "\ud800", {"\ud800": 1}, {"k" * 400: {"k" * 400: 1}}):
        with pytest.raises(SpecError):
            wrap(bad)
        with pytest.raises(SpecError):
            write(bad)


def test_what_a_node_offers_its_readers() -> None:
    node = read_text("a: [1]\nb: {c: x}\nd:")
    assert [node.at([key]).found for key in "abd"] == ["a list of 1", "a mapping with c", "nothing"]
    assert node.get("e") is None
    node.only("abd", "it")
    with pytest.raises(SpecError, match=r"<text>:2:1: at b: it has no key 'b'; allowed: a, d"):
        node.only("ad", "it")
    with pytest.raises(SpecError, match=r"at a: a stage must be a mapping, but got a list of 1"):
        node.at(["a"]).mapping("a stage")
    with pytest.raises(SpecError, match=r"at b.c: stages must be a list, but got 'x'"):
        node.at(["b", "c"]).items("stages")


def test_a_long_name_with_a_sign_in_it_is_quoted_at_once():
    name = "a_" * 40 + "/b:c"
    assert flow(name) == f'"{name}"'
