"""What a calibration holds for, and the refusal of one that no longer does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.errors import DeviceError

# What an environment also tells, and a latency does not depend on.
FLEETING = frozenset({"environment.date", "environment.load_1min"})


class StaleCalibration(DeviceError):
    """A predictor was calibrated for something else; `changed` names what, with the values then and now."""

    def __init__(self, changed: Mapping[str, tuple[Any, Any]]) -> None:
        self.changed = dict(changed)
        what = "; ".join(f"{name} was {then!r}, now is {now!r}" for name, (then, now) in changed.items())
        super().__init__(
            f"the calibration must be of the same space, device, environment and protocol, but {what}; calibrate anew"
        )


@dataclass(frozen=True)
class Key:
    """What times depend on besides the network, as plain JSON values.

    `space` identifies the space (its name, or a hash of its text), `device` is `Device.key`, `environment` what
    `nas.measure.environment` tells, `protocol` the fields of the `Protocol`.
    """

    space: str = ""
    device: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)

    def changed(self, now: Key) -> dict[str, tuple[Any, Any]]:
        """What differs from `now`, by name, with both values; None for what one of them does not tell."""
        before, after = self.lasting(), now.lasting()
        names = [name for name in before | after if before.get(name) != after.get(name)]
        return {name: (before.get(name), after.get(name)) for name in names}

    def lasting(self) -> dict[str, Any]:
        """Every entry by its dotted name, without those that change from minute to minute."""
        return {name: value for name, value in _entries(self) if name not in FLEETING}

    def check(self, now: Key) -> None:
        """Raises `StaleCalibration` that says what changed."""
        if changed := self.changed(now):
            raise StaleCalibration(changed)

    def to_json(self) -> dict[str, Any]:
        return {
            "space": self.space,
            "device": self.device,
            "environment": _plain(self.environment),
            "protocol": _plain(self.protocol),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Key:
        return cls(data["space"], data["device"], data["environment"], data["protocol"])


def _plain(value: Any) -> Any:
    """The value as JSON would give it back, so that keys written and read compare equal."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _entries(key: Key) -> Iterator[tuple[str, Any]]:
    for name, value in key.to_json().items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items())
        else:
            yield name, value
