"""How a network is trained, as one frozen value; every trial, baseline and finalist of a study shares it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic
from pydantic import Field

from nas.errors import SpecError, nearest

# What a network's own `train:` may not set: lengths belong to the study's rungs, the rest to the host that runs it.
OF_THE_STUDY = frozenset({"epochs", "seed", "threads", "precision", "channels_last", "distill"})


class Distill(pydantic.BaseModel):
    """Soft targets of a trained network beside the labels (Hinton, Vinyals and Dean, 2015)."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    teacher: str = Field(
        min_length=1, description="folder with the teacher's architecture.json and weights.safetensors, such as a best/"
    )
    temperature: float = Field(4.0, gt=0, le=1000, description="what the logits of both are divided by")
    weight: float = Field(0.5, gt=0, le=1, description="of the soft targets in the loss; the labels have the rest")


class Recipe(pydantic.BaseModel):
    """Everything that training depends on apart from network, data and device.

    The defaults come from short runs on small images: digits at 16 px (1,151 images, four networks of 20 to 55 thousand
    parameters), and two networks each on MNIST (4,800 images) and CIFAR-10 (8,000). Twice `lr` did better on digits.
    `flip` is off because digits and letters do not survive it, `crop_padding` because it pays only in runs long enough:
    one pixel gained 0.7 points on digits in 12 epochs, four pixels cost one network 3 on CIFAR-10 in 5.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: int = Field(12, ge=1, le=100_000, description="passes over the training images; the length of the schedule")
    batch_size: int = Field(
        64, ge=2, le=1_000_000, description="images a step at most; an epoch is cut into even steps"
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with Nesterov momentum")
    lr: float = Field(8e-3, gt=0, le=100, description="peak learning rate, for steps of `batch_size` images")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of SGD; first decay (beta1) of AdamW")
    beta2: float = Field(0.99, ge=0, lt=1, description="second decay of AdamW; short runs want less than 0.999")
    weight_decay: float = Field(
        0.05,
        ge=0,
        le=10,
        description="decoupled (times lr) with adamw, L2 with sgd; not on norms, biases, layer scales, positions",
    )
    warmup_epochs: float = Field(0.5, ge=0, description="epochs of linear warm-up from 0; less than `epochs`")
    final_lr: float = Field(0.01, ge=0, le=1, description="where the cosine ends, as a fraction of `lr`")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of the target spread over all classes")
    ema: float | None = Field(
        0.995,
        gt=0,
        lt=1,
        description="decay a step of the averaged weights, which are what is evaluated; null: no average",
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="largest L2 norm of all gradients together; null: no clipping"
    )
    flip: bool = Field(
        False, description="mirror half of the training images left to right; off for digits and letters"
    )
    crop_padding: int = Field(0, ge=0, le=512, description="pixels a training image is shifted by at most, each way")
    mixup: float = Field(0.0, ge=0, le=10, description="alpha of mixup's Beta distribution; 0: off")
    cutmix: float = Field(0.0, ge=0, le=10, description="alpha of cutmix's Beta distribution; 0: off")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of training; auto times both once for each kind of network and device, keeps the faster"
    )
    channels_last: bool = Field(
        True, description="memory layout NHWC, faster for convolutions on CPUs and on recent GPUs"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate where a block offers it, such as the classifier")
    drop_path: float = Field(0.0, ge=0, lt=1, description="rate of dropping the last residual branch; linear in depth")
    distill: Distill | None = Field(None, description="learn from a trained network too; null: from the labels alone")
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads of torch; null: as the process has it")
    seed: int = Field(0, ge=0, lt=2**63, description="of the order of images, augmentation and dropout")

    @pydantic.field_validator("ema", "clip_norm", "threads", "distill", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        """The language's word for nothing is `none`, which YAML reads as text."""
        return None if value == "none" else value

    @pydantic.model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs < epochs must hold, but got {self.warmup_epochs:g} and {self.epochs}: "
                "the learning rate would never leave its warm-up"
            )
        return self

    @classmethod
    def load(cls, fields: Mapping[str, Any], *, path: str = "recipe") -> Recipe:
        """A recipe from plain values; `SpecError` names the field, what it allows and the nearest known name."""
        for name in fields:
            if name not in cls.model_fields:
                raise SpecError(f"no such field; {nearest(str(name), cls.model_fields)}", path=f"{path}.{name}")
        try:
            return cls(**fields)
        except pydantic.ValidationError as error:
            raise _spec_error(error, path) from None

    def with_overrides(self, fields: Mapping[str, Any]) -> Recipe:
        """The recipe for a network that has `train:` fields of its own, which are laid over these.

        A network may set anything but what is in `OF_THE_STUDY`; else `SpecError`.
        """
        allowed = set(type(self).model_fields) - OF_THE_STUDY
        for name in fields:
            if name not in allowed:
                what = "is set by the study's recipe, not by a network" if name in OF_THE_STUDY else "is no such field"
                raise SpecError(f"{name} {what}; {nearest(str(name), allowed)}", path=f"train.{name}")
        return Recipe.load(self.model_dump() | dict(fields), path="train")


def _spec_error(error: pydantic.ValidationError, path: str) -> SpecError:
    """The first of pydantic's complaints, in our words and with the place in the tree."""
    first = error.errors()[0]
    where = ".".join([path, *(str(part) for part in first["loc"])])
    message = first["msg"].removeprefix("Value error, ")
    found = "" if first["type"] == "value_error" else f", but got {first['input']!r}"
    return SpecError(f"{message[0].lower()}{message[1:]}{found}", path=where)
