"""What callers pass (arrays, tensors, images, figures) as what the native module takes.

Nothing here imports numpy, torch, PIL or matplotlib: their objects are known by what they can do.
"""

from __future__ import annotations

import datetime
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any

# runlog_element of runlog.h, by the formats of `struct` as buffers have them. long is 64 bits here.
_ELEMENTS = {"d": 1, "f": 2, "q": 3, "l": 3, "n": 3, "i": 4, "h": 5, "b": 6, "Q": 7, "L": 7,
             "N": 7, "I": 8, "H": 9, "B": 10, "?": 11}
_DEPTH_MAX = 100  # of dicts in dicts


def on_host(values: Any) -> Any:
    """A tensor as an array in this process's memory; waits for its device. Others as they are."""
    if not hasattr(values, "detach"):
        return values
    values = values.detach()
    if hasattr(values, "cpu"):
        values = values.cpu()
    try:
        return values.numpy()
    except (AttributeError, RuntimeError, TypeError):  # no numpy, or a type that it lacks
        return values.tolist()


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def array(values: Any) -> Any:
    """A pair (element, bytes) where `values` is a buffer of numbers, else a list of numbers."""
    values = on_host(values)
    if isinstance(values, (list, tuple)):
        return list(_flat(values))
    if isinstance(values, (str, Mapping)):
        raise TypeError(f"values must be numbers, not {type(values)}")
    if hasattr(values, "to_numpy"):  # a column of pandas or polars
        values = values.to_numpy()
    try:
        view = memoryview(values)
    except TypeError:
        return list(_flat(values))
    element = _ELEMENTS.get(view.format.lstrip("@=<"))
    if element is not None:
        return (element, view.tobytes())
    return list(_flat(values.tolist() if hasattr(values, "tolist") else values))


def columns(table: Any) -> list[tuple[str, Any]]:
    """Columns of a mapping or a data frame."""
    names = list(table.keys()) if hasattr(table, "keys") else [name for name, _ in table]
    values = dict(table) if not hasattr(table, "keys") else table
    return [(str(name), array(values[name])) for name in names]


def flattened(mapping: Mapping[Any, Any], prefix: str = "", depth: int = 0
              ) -> Iterator[tuple[str, Any]]:
    """Names and values of a mapping; a mapping in it has its names behind "its name/"."""
    if depth > _DEPTH_MAX:
        raise ValueError(f"more than {_DEPTH_MAX} dicts in each other")
    for key, value in list(mapping.items()):
        name = prefix + str(key)
        if isinstance(value, Mapping):
            yield from flattened(value, name + "/", depth + 1)
        else:
            yield name, value


def mapping(config: Any) -> Mapping[Any, Any]:
    """A mapping as it is, or the attributes of an object: of a namespace or data class."""
    if config is None:
        return {}
    if hasattr(config, "items"):
        return dict(config.items())
    if hasattr(config, "__dict__"):
        return dict(vars(config))
    raise TypeError(f"config must be a mapping or have attributes, not {type(config)}")


def tags(given: Any) -> dict[str, Any]:
    """Tags of a mapping, of names, or of one name."""
    if isinstance(given, (str, bytes)):
        given = [given]
    return dict(given) if isinstance(given, Mapping) else dict.fromkeys(given or (), "")


def histogram(values: Any, bins: int) -> tuple[list[float], list[int]]:
    """Edges and counts of `bins` bins of one width. NaN and infinities are left out."""
    if bins < 1:
        raise ValueError("bins must be 1 or more")
    values = on_host(values)
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (int, float)):
        values = [values]
    numbers = [float(value) for value in _flat(values)]
    numbers = [value for value in numbers if value - value == 0.0]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, high + 0.5
        if not low < high:
            raise ValueError("the values are too large for bins")
    width = high / bins - low / bins
    edges = [low + width * i for i in range(bins)] + [high]
    counts = [0] * bins
    for value in numbers:
        place = int((value / 2 - low / 2) / (width / 2))  # a difference might be too large
        counts[min(bins - 1, max(0, place))] += 1
    return edges, counts


# ---- Images ----

def _png(width: int, height: int, channels: int, pixels: bytes) -> bytes:
    """A PNG file of rows of 8-bit samples."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    stride = width * channels
    rows = b"".join(b"\0" + pixels[i * stride:(i + 1) * stride] for i in range(height))
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
            chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


def _samples(pixels: Any) -> bytes:
    """8-bit samples: integers and bools as they are, floats from 0 to 1 as 0 to 255."""
    view = memoryview(pixels)
    if view.format == "B":
        return view.tobytes()
    kind = getattr(getattr(pixels, "dtype", None), "kind", "")
    if kind == "b":
        return bytes(255 if value else 0 for value in view.tobytes())
    if kind == "f":
        scaled = (pixels * 255).round().clip(0, 255)
        return bytes(scaled.astype("uint8").tobytes())
    if kind in {"i", "u"}:
        return bytes(pixels.clip(0, 255).astype("uint8").tobytes())
    raise TypeError("pixels must be integers from 0 to 255, or floats from 0 to 1")


def image(picture: Any) -> bytes:
    """An encoded image of bytes, a figure, a PIL image, or an array of pixels."""
    if isinstance(picture, (bytes, bytearray)) or (
            isinstance(picture, memoryview) and picture.ndim == 1):
        return bytes(picture)
    target = BytesIO()
    if hasattr(picture, "savefig"):  # matplotlib
        picture.savefig(target, format="png")
        return target.getvalue()
    if hasattr(picture, "save") and hasattr(picture, "mode"):  # PIL
        if picture.mode not in {"1", "L", "LA", "I", "P", "RGB", "RGBA"}:
            picture = picture.convert("RGB")
        picture.save(target, format="PNG")
        return target.getvalue()
    pixels = on_host(picture)
    if not hasattr(pixels, "shape"):
        raise TypeError(f"an image must be bytes, a path, a PIL image, a figure or an array of "
                        f"pixels, not {type(picture)}")
    shape = tuple(pixels.shape)
    if len(shape) == 3 and shape[0] in {1, 3, 4} and shape[2] not in {1, 2, 3, 4}:
        pixels = pixels.transpose(1, 2, 0)  # channels first, as torch has them
        shape = tuple(pixels.shape)
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in {1, 2, 3, 4} or 0 in shape:
        raise ValueError(f"pixels must have the shape (height, width[, channels]), not {shape}")
    return _png(shape[1], shape[0], shape[2], _samples(pixels))


# ---- Settings ----

def setting(value: Any) -> bytes:
    """An option's value as the text that its RUNLOG_* variable would hold."""
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, bytes):
        return value
    if isinstance(value, os.PathLike):
        return os.fsencode(value)
    if isinstance(value, datetime.timedelta):
        text = f"{value.total_seconds():.9f}s"
    elif isinstance(value, (list, tuple)):
        text = ",".join(str(one) for one in value)
    else:
        text = str(value)
    try:
        return text.encode("utf-8", "surrogateescape")  # a path may be no text
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def settings(options: Iterable[tuple[str, Any]]) -> list[tuple[str, bytes]]:
    """Settings of runlog.h; None is left out."""
    return [(name, setting(value)) for name, value in options if value is not None]


def with_whole_store(settings: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """With a store that is a directory as a whole path, as a process that joins the run may be in
    another directory."""
    store = dict(settings).get("store", os.environb.get(b"RUNLOG_STORE"))
    if not store or b"://" in store:
        return settings
    return [*(one for one in settings if one[0] != "store"), ("store", os.path.abspath(store))]


def _is_on(name: str, options: dict[str, Any], values: set[str]) -> bool:
    value = options.get(name)
    return str(value if value is not None else os.environ.get("RUNLOG_" + name.upper())) in values


def may_wait(options: dict[str, Any]) -> bool:
    """Whether each record may wait for the disk."""
    return (_is_on("sync", options, {"each_record"}) or _is_on("overflow", options, {"block"}))
