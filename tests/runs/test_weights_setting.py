"""How a config says what weighted losses are divided by: below [train], in locks always, in texts where it is on."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.errors import ConfigError
from bpframe.runs import config
from bpframe.runs.lock import lock

TEXT = '[data]\nsource = "rows.npz"\n[model]\nlayers = [{{name = "dense", units = 3}}]\n[train]\nbatch_size = 1\n{}'
LOSS = '[loss]\nname = "softmax_cross_entropy"\n'


def test_a_config_sets_the_formula_and_keeps_it(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.eye(3), y=np.arange(3))
    for line, on in (("weights_by_batch = true\n", True), ("", False)):
        (tmp_path / "run.toml").write_text(TEXT.format(line) + LOSS)
        run = config.load(tmp_path / "run.toml")
        assert run.trainer().weights_by_batch is on
        assert ("weights_by_batch" in run.text()) is on
        (tmp_path / "again.toml").write_text(run.text())
        assert config.load(tmp_path / "again.toml").text() == run.text()
        assert lock.lock_tables(run)["settings"]["train.weights_by_batch"] is on
    (tmp_path / "run.toml").write_text(TEXT.format('weights_by_batch = "yes"\n') + LOSS)
    with pytest.raises(ConfigError, match=r"run.toml:\d+: train.weights_by_batch"):
        config.load(tmp_path / "run.toml")
