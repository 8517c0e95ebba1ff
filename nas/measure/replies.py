"""What goes back from a process that measures, as plain JSON: what a call gave, or the error that it raised."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from nas.errors import DeviceError, InvalidArchitecture, NasError


def reply_of(call: Callable[[], Any]) -> dict[str, Any]:
    """{"ok": ...} with what the call gives, or {"error": ...}; never raises an `Exception`."""
    try:
        return {"ok": call()}
    except InvalidArchitecture as error:
        return {"error": {"kind": "architecture", "message": error.reason, "path": error.path}}
    except NasError as error:
        return {"error": {"kind": "device", "message": str(error)}}
    except Exception as error:  # told to who asked, which raises it
        where = traceback.format_exc(limit=-3)
        return {"error": {"kind": "device", "message": f"{type(error).__name__}: {error}\n{where}"}}


def result_of(reply: Mapping[str, Any]) -> Any:
    """What the call gave; raises `InvalidArchitecture` or `DeviceError` as it did."""
    if error := reply.get("error"):
        if error["kind"] == "architecture":
            raise InvalidArchitecture(error["message"], path=error["path"])
        raise DeviceError(error["message"])
    return reply["ok"]
