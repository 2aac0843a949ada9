"""Turns names of devices and sensors into numbers of models, column by column: a join would cost most."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shared.anomaly_detection.one_class_svm import PackedModels


@dataclass(frozen=True, slots=True)
class SeriesNumbers:
    """Which model is whose; a pair of names has the code device x sensors + sensor."""

    devices: pl.Enum
    sensors: pl.Enum
    codes: NDArray[np.int64]  # ascending
    models: NDArray[np.int64]  # the model of each code

    @classmethod
    def of(cls, models: PackedModels) -> "SeriesNumbers":
        """The numbers of models of one sensor each."""
        pairs = [(device, sensors[0]) for device, sensors in models.names]
        devices = pl.Enum(sorted({device for device, _ in pairs}))
        sensors = pl.Enum(sorted({sensor for _, sensor in pairs}))
        codes = _codes(
            pl.Series([device for device, _ in pairs], dtype=pl.String),
            pl.Series([sensor for _, sensor in pairs], dtype=pl.String),
            devices,
            sensors,
        )
        order = np.argsort(codes, kind="stable")
        return cls(devices, sensors, codes[order], order)

    def find(self, devices: pl.Series, sensors: pl.Series) -> NDArray[np.int64]:
        """The model of each row, i64[rows], -1 where there is none."""
        if not len(self.codes):
            return np.full(len(devices), -1)
        codes = _codes(devices, sensors, self.devices, self.sensors)
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self.models[at], -1)


def _codes(devices: pl.Series, sensors: pl.Series, of_device: pl.Enum, of_sensor: pl.Enum) -> NDArray[np.int64]:
    """The code of each pair of names, below 0 for one that the bundle does not have."""
    device, sensor = (
        names.cast(kind, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        for names, kind in ((devices, of_device), (sensors, of_sensor))
    )
    count = len(of_sensor.categories)
    return np.where((device < 0) | (sensor < 0), -1, device * count + sensor)
