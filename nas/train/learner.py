"""What learns: a network with its optimiser and average, and one pass of it over the training images."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.threads import threads
from nas.train import augment
from nas.train.batches import Batches, Normaliser, even_steps
from nas.train.ema import Ema
from nas.train.failure import TrainingFailed, memory_guard
from nas.train.learning_rate import lr_factor
from nas.train.loss import Target, soft_loss, training_loss
from nas.train.optimizer import make_optimizer
from nas.train.precision import Precision, autocast
from nas.train.recipe import Recipe
from nas.train.regularise import set_rates
from nas.train.teacher import Teacher
from nas.train.turns import Pause, Turns

# Steps between looks at the loss on CUDA, where each look waits for the device; a CPU looks after every step.
CUDA_CHECK = 32


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the training images: mean loss, speed without waiting, learning rate of the last step."""

    loss: float
    images_per_s: float
    lr: float


class Learner:
    """`network`, moved and laid out for `device`, with the optimiser and the average that `recipe` asks for.

    With a `teacher`, on that device too, it learns from its soft targets as the recipe says.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        normalise: Normaliser,
        teacher: Teacher | None = None,
    ) -> None:
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.recipe = recipe
        self.device = device
        self.network = network.to(device, memory_format=layout)  # type: ignore[call-overload]
        set_rates(self.network, recipe.dropout, recipe.drop_path)
        self.optimizer = make_optimizer(self.network, recipe)
        self.ema = Ema(self.network, recipe.ema) if recipe.ema else None
        self.normalise = normalise
        self.teacher = teacher
        self.precision: Precision | None = None if recipe.precision == "auto" else recipe.precision

    @property
    def evaluated(self) -> nn.Module:
        """The network in evaluation mode: the average where there is one."""
        return self.ema.network if self.ema else self.network.eval()

    def learn(self, images: Batches, epoch: int, seed: int, pause: Pause) -> Pass:
        """One pass, the `epoch`-th (from 0); `TrainingFailed` when the loss is not finite or memory runs out.

        All that is random is drawn from `seed` and `epoch`, so that nothing of it needs saving.
        """
        dice = random.Random(f"{seed}/{epoch}")
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(dice.getrandbits(63)))
        generator = torch.Generator(self.device).manual_seed(dice.getrandbits(63))
        steps = even_steps(order, self.recipe.batch_size)
        every = 1 if self.device.type == "cpu" else CUDA_CHECK
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        first, waited, lr = epoch * len(steps), 0.0, 0.0
        start = time.perf_counter()
        self.network.train()
        devices = [self.device] if self.device.type == "cuda" else []
        hint = f"a batch of {len(steps[0])} images does not fit this device; take a smaller batch_size"
        forked = torch.random.fork_rng(devices)
        with forked, threads(self.recipe.threads), memory_guard(hint), Turns(pause, self.device) as turns:
            torch.manual_seed(dice.getrandbits(63))
            for number, index in enumerate(steps):
                waited += turns.step()
                lr = self._set_lr(first + number, len(steps))
                total += self._step(images, index, first + number, generator, dice) * len(index)
                if (number + 1) % every == 0 or number + 1 == len(steps):
                    _check(total, epoch, number)
        if self.ema:
            self.ema.copy_buffers()
        mean = float(total) / len(order)
        return Pass(mean, len(order) / (time.perf_counter() - start - waited), lr)

    def _step(
        self, source: Batches, index: Tensor, step: int, generator: torch.Generator, dice: random.Random
    ) -> Tensor:
        """One step of the optimiser on the images at `index`; the loss, still on the device."""
        recipe = self.recipe
        images, labels = source.gather(index)
        images = augment.shift_and_flip(images, recipe.crop_padding, recipe.flip, generator)
        target = Target(labels)
        cut = recipe.cutmix > 0 and (recipe.mixup == 0 or dice.random() < 0.5)
        if cut:
            images, target = augment.cutmix(images, labels, recipe.cutmix, dice)
        x = self.normalise(images)
        mixed = recipe.mixup > 0 and not cut
        if mixed:
            x, target = augment.mixup(x, labels, recipe.mixup, dice)
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.precision or "float32"):
            logits = self.network(x)
            soft = self.teacher.logits(images, target.weight if mixed else 1.0) if self.teacher else None
        loss = training_loss(logits, target, recipe.label_smoothing)
        if recipe.distill is not None and soft is not None:
            share = recipe.distill.weight
            loss = (1 - share) * loss + share * soft_loss(logits, soft, recipe.distill.temperature)
        torch.autograd.backward(loss)
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm, foreach=True)
        self.optimizer.step()
        if self.ema:
            self.ema.update(step)
        return loss.detach()

    def _set_lr(self, step: int, steps_per_epoch: int) -> float:
        recipe = self.recipe
        warmup = recipe.warmup_epochs * steps_per_epoch
        lr = recipe.lr * lr_factor(step, recipe.epochs * steps_per_epoch, warmup, recipe.final_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr


def _check(total: Tensor, epoch: int, step: int) -> None:
    if not torch.isfinite(total):
        advice = "a smaller lr, a longer warm-up or clip_norm may help"
        raise TrainingFailed("nan", f"the training loss is {float(total)}; {advice}", epoch + 1, step)
