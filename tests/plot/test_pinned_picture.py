"""The one picture that is compared as a whole; all others are looked at by their structure and numbers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bpframe.types import HostArray
from tests.golden import make_network_picture
from tests.golden.make_network_picture import HOME, PARAMETERS, network_picture

SAME = 4.0  # root mean square of differences, of 255: edges of shapes may be smoothed in another way


def difference(picture: HostArray) -> float:
    pinned = np.asarray(Image.open(HOME).convert("RGB"))
    assert picture.shape == pinned.shape
    return float(np.sqrt(np.mean((picture.astype(float) - pinned) ** 2)))


def test_the_network_picture_is_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert difference(network_picture()) < SAME
    other = {**PARAMETERS, "dense_1/weight": [[2.0, 1.0, 0.5], [0.3, 1.5, -2.0]]}  # one weight has another sign
    monkeypatch.setattr(make_network_picture, "PARAMETERS", other)
    assert difference(network_picture()) > 2 * SAME
