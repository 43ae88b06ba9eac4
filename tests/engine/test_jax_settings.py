"""Settings of JAX that a program has made do not reach the engine's block, and hold again behind it."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import NumericalError
from tests.conftest import fresh_python

X = np.random.default_rng(0).normal(size=(33, 4)).astype(np.float32)
Y = np.arange(33) % 3
SETTINGS = {
    "transfers disallowed": lambda: jax.transfer_guard("disallow"),
    "explicit transfers disallowed": lambda: jax.transfer_guard("disallow_explicit"),
    "no rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "strict types": lambda: jax.numpy_dtype_promotion("strict"),
    "NaN looked for": lambda: jax.debug_nans(True),
    "infinities looked for": lambda: jax.debug_infs(True),
    "products in bfloat16": lambda: jax.default_matmul_precision("bfloat16"),
    "x64 on": lambda: jax.enable_x64(True),
}


def trained() -> bp.Trainer:
    layers = [bp.layers.dropout(0.3), bp.layers.dense(3)]
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "momentum", engine="jax", metrics=[])
    trainer.fit(X, Y, epochs=2, batch_size=11)
    trainer.predict(X)
    return trainer


@pytest.fixture(scope="module")
def plain() -> bp.Trainer:
    return trained()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_program_changes_no_bit(plain: bp.Trainer, setting: str):
    with SETTINGS[setting]():
        other = trained()
    for name, array in plain.session.snapshot().items():
        assert other.session.snapshot()[name].tobytes() == array.tobytes(), name


def test_steps_are_the_same_where_nothing_is_compiled():
    parts = {"gradient_steps": [bp.gradient_steps.accumulate(2)], "engine": "jax", "dtype": "float64", "metrics": []}
    weights = []
    for disabled in (False, True):
        trainer = bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", "adam", **parts)
        with jax.disable_jit(disabled):
            trainer.fit(X, Y, epochs=2, batch_size=11, verbose=0)
        weights.append(trainer.parameters["dense_1/weight"])
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-12)


def test_a_divergent_run_is_named_where_the_program_looks_for_nan():
    steep = {"name": "sgd", "lr": 1e30}
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", steep, engine="jax", metrics=[])
    with jax.debug_nans(True), pytest.raises(NumericalError):
        trainer.fit(X, Y, epochs=9)


def test_settings_hold_again_behind_the_block():
    with jax.numpy_rank_promotion("raise"):
        trained()
        with pytest.raises(ValueError, match="rank_promotion"):
            jax.numpy.ones((2, 3)) + jax.numpy.ones(3)


TWO_DEVICES = """
import jax
from bpframe.engine.jax.device import Device
from tests.engine.test_jax_settings import trained
plain = trained().session.snapshot()
with jax.set_mesh(jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Explicit,))):
    session = trained().session
    assert session.device == "cpu:0"
    assert dict(jax.sharding.get_abstract_mesh().shape) == {"x": 2}
    assert all(plain[name].tobytes() == array.tobytes() for name, array in session.snapshot().items())
with jax.default_device(jax.devices()[1]):
    assert str(Device(None, "highest", "float32")) == "cpu:1"
print(len(jax.devices()))
"""


def test_a_mesh_of_two_devices_around_a_fit_leaves_it_on_its_one_device_and_the_default_one_is_taken(tmp_path: Path):
    words = ["-c", TWO_DEVICES]
    flags = "--xla_force_host_platform_device_count=2"
    done = fresh_python(words, tmp_path, Path(__file__).parents[2], XLA_FLAGS=flags, JAX_PLATFORMS="cpu")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["2"]


def test_draws_of_a_program_from_numpys_global_generator_are_as_without_the_engine(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np, bpframe as bp
np.random.seed(0)
assert "jax" not in sys.modules
trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", engine="jax")
trainer.fit(np.ones((4, 2)), np.ones(4), epochs=1, verbose=0)
print("jax" in sys.modules, np.random.rand())
"""
    done = fresh_python(["-c", code], tmp_path)
    wanted = np.random.RandomState(0).rand()
    assert (done.returncode, done.stdout) == (0, f"True {wanted}\n"), done.stderr
