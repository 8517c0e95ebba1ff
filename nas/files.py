"""Finds what ships with the engine, `search_spaces/` and `studies/`, in a checkout and an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from nas.errors import NasError, nearest

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The folder `search_spaces` or `studies` that belongs to this installation."""
    checkout = _PACKAGE.parent / folder
    return (
        checkout
        if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir()
        else _PACKAGE / "_files" / folder
    )


def find_file(name: str | Path, folder: str, beside: Path | None = None) -> Path:
    """The file a user means by `name`.

    Tried in turn: the path as written, relative to `beside` (the folder of the file that names it), and within the
    shipped `folder`, where the folder's own name and the ending `.yaml` may be left out (`zoo/resnet20`).
    Raises `NasError` that says where it was looked for, and the nearest shipped name.
    """
    path = Path(name)
    base = shipped(folder)
    within = Path(*path.parts[1:]) if path.parts[:1] == (folder,) else path
    tries = [path, *([beside / path] if beside else []), base / within, base / f"{within}.yaml"]
    for candidate in tries:
        if candidate.is_file():
            return candidate
    names = [str(p.relative_to(base).with_suffix("")) for p in base.rglob("*.yaml")]
    looked = ", ".join(str(candidate) for candidate in dict.fromkeys(tries))
    raise NasError(f"no file '{name}' (looked for {looked}); shipped in {folder}/: {nearest(str(within), names)}")
