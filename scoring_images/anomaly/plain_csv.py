"""Blocks of plain CSV lines as arrays and back, several times as fast as with a reader that knows all of CSV."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.anomaly_detection.compiled import Routine, load
from shared.anomaly_detection.one_class_svm import PackedModels, starts

MODULE = "scoring_images.anomaly.plain_lines"
INDEX = Routine(MODULE, "index", "binin")
SCAN = Routine(MODULE, "scan", "bnbiinfifi")
APPEND = Routine(MODULE, "append", "binbb")
POWERS_OF_TEN = 10.0 ** np.arange(16)

type Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """Lines TS,Device,Tag,Value; every one has a model and a number."""

    data: bytes
    series: Integers  # the model of each
    values: NDArray[np.float64]
    ends: Integers  # where each ends in `data`

    def flagged(self, flags: NDArray[np.bool_]) -> memoryview:
        """The lines, each followed by its prediction, 1 where flagged."""
        out = np.empty(len(self.data) + 3 * len(flags), np.uint8)
        size = load(APPEND)(self.data, self.ends.ctypes.data, len(flags), flags.ctypes.data, out.ctypes.data)
        return out[:size].data


@dataclass(frozen=True, slots=True)
class PlainReader:
    """Knows the names of series as they stand in a file: a hash table of "device,sensor"."""

    keys: bytes
    bounds: Integers  # [keys + 1], where each begins
    models: Integers  # the model of each key
    table: Integers

    @classmethod
    def of(cls, models: PackedModels) -> Self:
        """A reader for the series that have a model of their own and a name that needs no quotes."""
        names = [(device, sensors[0]) for device, sensors in models.names]
        plain = [n for n, name in enumerate(names) if all(name) and not set('",\n\r') & set("".join(name))]
        keys = [",".join(names[n]).encode() for n in plain]
        bounds = starts(np.array([len(key) for key in keys], np.int64))
        table = np.full(1 << (2 * len(keys)).bit_length(), -1)
        joined = b"".join(keys)
        load(INDEX)(joined, bounds.ctypes.data, len(keys), table.ctypes.data, len(table) - 1)
        return cls(joined, bounds, np.array(plain, np.int64), table)

    def read(self, data: bytes) -> PlainBlock | None:
        """The lines, or None where one is not plain or of no series that this reader knows."""
        most = data.count(b"\n") + 1
        keys, values, ends = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
        known = (self.keys, self.bounds.ctypes.data, self.table.ctypes.data, len(self.table) - 1)
        filled = (keys.ctypes.data, values.ctypes.data, ends.ctypes.data)
        lines = load(SCAN)(data, len(data), *known, POWERS_OF_TEN.ctypes.data, *filled)
        if lines < 0:
            return None
        return PlainBlock(data, self.models[keys[:lines]], values[:lines], ends[:lines])


if __name__ == "__main__":
    for routine in (INDEX, SCAN, APPEND):
        load(routine)
