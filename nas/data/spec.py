"""What a study says about its data: which set, where, at which size, and how it is divided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class DataSpec(BaseModel):
    """A data set and how it is divided into train, validation and test; the same over the same files gives the same."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(description="which kind of data set: digits, mnist, cifar10, npz, folder, ...")]
    path: Annotated[Path | None, Field(strict=False, description="the file or folder it is in; digits needs none")] = (
        None
    )
    resolution: Annotated[
        int | None,
        Field(ge=1, le=4096, description="side in pixels; images are cropped to the centre square and resized to it"),
    ] = None
    channels: Annotated[
        Literal[1, 3] | None, Field(description="1 for grey, 3 for colour; as the images are where it is not given")
    ] = None
    validation: Annotated[
        float, Field(gt=0, le=0.9, description="share of train held out for validation where the data brings none")
    ] = 0.2
    test: Annotated[
        float, Field(ge=0, le=0.9, description="share held out as test where the data brings none; 0 for no test set")
    ] = 0.2
    limit: Annotated[
        int | None, Field(ge=1, description="use only the first so many images of each split, as ordered in the data")
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**32, description="decides which images are held out")] = 0
    cache: Annotated[
        Path | None, Field(strict=False, description="folder for decoded images; the user's cache folder if not given")
    ] = None
