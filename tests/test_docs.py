"""The documentation is true: its examples load and run, its tables list what the code has, its links lead somewhere."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pydantic
import pytest

from nas import blocks
from nas.data import DataSpec, source_names
from nas.errors import SpecError
from nas.files import shipped
from nas.measure import FLAGS, SERIOUS, Device, Protocol, load_device
from nas.proxy import PROXIES
from nas.scale import METHODS
from nas.search import SAMPLERS
from nas.space import load_network, load_space, read_text
from nas.study.config import EvaluatorSettings, FinalistSettings, RunSettings, SearchSettings, StudyConfig, read_study
from nas.study.scaling_config import CompareSettings, GridSettings
from nas.study.spaces import catalogue, scaler
from nas.train import Recipe
from nas.train.recipe import Distill

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md", *ROOT.glob("docs/**/*.md")]
)
MODELS = {
    model.__name__: model
    for model in (
        StudyConfig,
        DataSpec,
        SearchSettings,
        RunSettings,
        FinalistSettings,
        EvaluatorSettings,
        Recipe,
        Distill,
        Protocol,
        Device,
        GridSettings,
        CompareSettings,
    )
}
NAMES = {
    "blocks": blocks.names(),
    **{family: blocks.part_names(family) for family in blocks.PARTS},
    "data": source_names(),
    "samplers": tuple(SAMPLERS),
    "proxies": tuple(PROXIES),
    "scaling": (*METHODS, "published"),
}


class Example(NamedTuple):
    """A fenced block with words after its language: what the tests do with it."""

    page: Path
    line: int
    kind: str
    text: str
    after: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def examples(*kinds: str) -> list[pytest.ParameterSet]:
    return [pytest.param(found, id=str(found)) for page in PAGES for found in _examples(page) if found.kind in kinds]


def _examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w+) (\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, found.start()) + 1
        yield Example(page, line, f"{found[1]} {found[2]}", found[3], text[found.end() :])


def test_every_marked_example_is_tried() -> None:
    known = {"yaml space", "yaml network", "yaml study", "yaml device", "yaml recipe", "yaml wrong", "python run"}
    found = {example.kind for page in PAGES for example in _examples(page)}
    assert found == known


@pytest.mark.parametrize("example", examples("yaml space"))
def test_a_space_loads_and_can_be_sampled(example: Example) -> None:
    source = read_text(example.text).plain()
    space = load_space(source, catalogue(), roots=[shipped("search_spaces")], scaler=scaler())
    assert space.size().value > 1
    assert space.size().exact
    rng = random.Random(0)
    assert all(space.contains(space.sample(rng)) for _ in range(20))


@pytest.mark.parametrize("example", examples("yaml network"))
def test_a_network_loads(example: Example) -> None:
    source = read_text(example.text).plain()
    plan = load_network(source, catalogue(), roots=[shipped("search_spaces")], scaler=scaler())
    assert catalogue().plan(plan).macs > 0


@pytest.mark.parametrize("example", examples("yaml study"))
def test_a_study_is_read(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(example.text, encoding="utf-8")
    assert read_study(path).training.epochs >= 1


@pytest.mark.parametrize("example", examples("yaml device"))
def test_a_device_is_read(example: Example) -> None:
    assert load_device(read_text(example.text).plain(), check=False).key


@pytest.mark.parametrize("example", examples("yaml recipe"))
def test_a_recipe_is_read(example: Example) -> None:
    assert Recipe.load(read_text(example.text).plain())


@pytest.mark.parametrize("example", examples("yaml wrong"))
def test_an_error_is_quoted_as_it_is(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = re.match(r"\s*```text\n(.*?)\n```", example.after, re.DOTALL)
    assert quoted
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text(example.text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_space(Path("bad.yaml"), catalogue())
    assert str(caught.value) == quoted[1]


@pytest.mark.parametrize("example", examples("python run"))
def test_python_runs(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(blocks.BLOCKS, "_classes", dict(blocks.BLOCKS))  # what an example adds stays in it
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(example.text, str(example), "exec"), {"__name__": "example"})
    assert printed.getvalue()


def _tables(comment: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Every table behind a comment such as `<!-- fields: Recipe -->`: the word, and the cells of its rows."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(rf"<!-- {comment}: (\w+) -->\n\n?((?:\|.*\n)+)", text):
            rows = [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in found[2].splitlines()]
            yield found[1], rows[2:]


def test_tables_of_fields_are_complete_and_their_defaults_right() -> None:
    tables = dict(_tables("fields"))
    assert tables.keys() == MODELS.keys()
    for name, rows in tables.items():
        expected = [[f"`{key}`", default_of(field)] for key, field in MODELS[name].model_fields.items()]
        assert [row[:2] for row in rows] == expected, name
        assert all(row[2] for row in rows), name


def default_of(field: pydantic.fields.FieldInfo) -> str:
    """A default as the tables write it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, pydantic.BaseModel):
        return "see below"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "none"
    match value:
        case None | "":
            return "none"
        case float() if not isinstance(value, bool):
            return f"`{value:g}`"
        case dict():
            return "none" if not value else f"`{json.dumps(value)}`"
        case str():
            return f"`{value}`"
    return f"`{json.dumps(value)}`"


def test_lists_of_names_are_complete() -> None:
    tables = dict(_tables("names"))
    assert tables
    for table, rows in tables.items():
        assert table == "all"
        listed = {row[0]: set(re.findall(r"`([^`]+)`", row[1])) for row in rows}
        assert listed == {name: set(there) for name, there in NAMES.items()}


def test_the_list_of_the_zoo_is_complete() -> None:
    listed = {(row[0], name) for row in dict(_tables("zoo"))["families"] for name in re.findall(r"`([^`]+)`", row[1])}
    files = shipped("search_spaces").glob("zoo/*.yaml")
    assert listed == {(str(read_text(path.read_text()).at(("about", "family")).value), path.stem) for path in files}


def test_every_flag_of_a_measurement_is_explained() -> None:
    rows = dict(_tables("flags"))["latency"]
    assert {row[0].strip("`"): row[1] for row in rows} == {flag: "no" if flag in SERIOUS else "yes" for flag in FLAGS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_every_page_is_listed() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in listed, path.name
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(docs/{path.name})" in readme for path in (ROOT / "docs").glob("*.md"))
