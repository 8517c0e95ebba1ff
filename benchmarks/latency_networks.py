"""Twenty small networks of mixed kind for the latency benchmarks, made from a seed."""

from __future__ import annotations

import random

import torch
from torch import nn


class Inverted(nn.Module):
    """An inverted residual."""

    def __init__(self, channels: int, out: int, kernel: int, expand: int, stride: int, act: type[nn.Module]) -> None:
        super().__init__()
        hidden = channels * expand
        self.body = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            act(),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.residual = channels == out and stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.residual else self.body(x)


class Conv(nn.Sequential):
    """A convolution with norm and activation; `expand` is not used."""

    def __init__(self, channels: int, out: int, kernel: int, expand: int, stride: int, act: type[nn.Module]) -> None:
        conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(out), act())


class Encoder(nn.Module):
    """A transformer block on the positions of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 16)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv, self.project = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        shape = (batch, height * width, 3, self.heads, channels // self.heads)
        q, k, v = self.qkv(self.norm1(tokens)).view(shape).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(tokens.shape)
        tokens = tokens + self.project(mixed)
        tokens = tokens + self.mlp(self.norm2(tokens))
        return tokens.transpose(1, 2).reshape(x.shape)


def network(index: int) -> tuple[nn.Module, tuple[int, int, int]]:
    """Network `index`, the same in every process, and the shape of an image for it."""
    rng = random.Random(f"latency network {index}")
    act = rng.choice([nn.ReLU, nn.Hardswish, nn.SiLU])
    size, channels = rng.choice([16, 24, 32, 48, 64]), rng.choice([16, 24, 32])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(index)
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 1 if size < 32 else 2, 1)]
        for _ in range(3):
            out, block = rng.choice([16, 32, 48, 64]), rng.choice([Inverted, Inverted, Conv])
            for i in range(rng.randint(1, 3)):
                kernel, expand = rng.choice([3, 5]), rng.choice([2, 3, 4])
                layers.append(block(channels, out, kernel, expand, 2 if i == 0 else 1, act))
                channels = out
        if rng.random() < 0.5:
            layers += [Encoder(channels) for _ in range(rng.randint(1, 2))]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers).eval(), (3, size, size)
