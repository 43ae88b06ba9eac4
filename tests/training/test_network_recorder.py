"""The recorder of network pictures: which epochs it takes, what it shows and writes, and that training is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

import bpframe as bp
from bpframe.plot import live_picture
from tests.conftest import fresh_python
from tests.executables import executable

matplotlib.use("Agg")
X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def no_figures() -> Any:
    yield
    pyplot.close("all")


def trainer_of(*callbacks: Any, **parts: Any) -> bp.Trainer:
    layers = [bp.layers.dense(3, activation="tanh"), bp.layers.dropout(0.2), bp.layers.dense(2)]
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", callbacks=callbacks, seed=3, **parts)


def titles(recorder: bp.NetworkRecorder) -> list[str]:
    return [frame.title.partition(",")[0] for frame in recorder.frames]


@pytest.mark.parametrize(
    ("every", "epochs", "taken"), [(1, 3, [0, 1, 2, 3]), (2, 5, [0, 2, 4, 5]), (2, 4, [0, 2, 4]), (9, 2, [0, 2])]
)
def test_pictures_are_taken_before_the_first_epoch_every_so_many_and_after_the_last(
    every: int, epochs: int, taken: list[int]
) -> None:
    recorder = bp.NetworkRecorder(X, Y, every=every, resolution=4)
    trainer = trainer_of(recorder)
    trainer.fit(X, Y, epochs=epochs, verbose=0)
    assert titles(recorder) == [f"epoch {number}" for number in taken]
    last = recorder.frames[-1]
    assert last.title == f"epoch {epochs}, loss {trainer.history['loss'][-1]:.4g}"
    np.testing.assert_array_equal(last.layers[1].weight, trainer.parameters["dense_1/weight"])


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_a_picture_now_and_then_is_that_of_its_epoch(engine: str) -> None:
    often, seldom = (bp.NetworkRecorder(X, Y, every=every, resolution=4) for every in (1, 3))
    for recorder in (often, seldom):
        trainer_of(recorder, engine=engine, metrics=[]).fit(X, Y, epochs=7, verbose=0)
    assert titles(seldom) == ["epoch 0", "epoch 3", "epoch 6", "epoch 7"]
    for frame in seldom.frames:
        same = next(each for each in often.frames if each.title == frame.title)
        np.testing.assert_array_equal(frame.layers[1].weight, same.layers[1].weight)


def test_a_second_fit_goes_on_where_the_first_ended() -> None:
    recorder = bp.NetworkRecorder(X, Y, resolution=4)
    trainer = trainer_of(recorder)
    for _ in range(2):
        trainer.fit(X, Y, epochs=1, verbose=0)
    assert titles(recorder) == ["epoch 0", "epoch 1", "epoch 2"]


def test_training_has_the_same_bits_with_a_recorder() -> None:
    plain, watched = trainer_of(), trainer_of(bp.NetworkRecorder(X, Y, resolution=4))
    for trainer in (plain, watched):
        trainer.fit(X, Y, epochs=4, verbose=0)
    for name, array in plain.parameters.items():
        np.testing.assert_array_equal(watched.parameters[name], array)
    assert plain.history.train == watched.history.train


def test_a_gif_has_a_frame_for_each_picture_and_stays_on_the_last(tmp_path: Path) -> None:
    file = tmp_path / "net.gif"
    recorder = bp.NetworkRecorder(X, Y, file=file, fps=4, resolution=4)
    trainer_of(recorder).fit(X, Y, epochs=3, verbose=0)
    with Image.open(file) as image:
        seconds, pictures = [], []
        for number in range(image.n_frames):
            image.seek(number)
            seconds.append(image.info["duration"] / 1000)
            pictures.append(np.asarray(image.convert("RGB"), dtype=float))
        assert image.info["loop"] == 0
    assert sum(seconds) == pytest.approx(len(recorder.frames) / 4 + 1.5, abs=0.3)
    assert np.abs(pictures[0] - pictures[2]).mean() > 0.05
    assert pictures[0].std() > 20
    assert not pyplot.get_fignums()


@pytest.mark.slow
def test_an_mp4_is_one_that_players_take(tmp_path: Path) -> None:
    file = tmp_path / "net.mp4"
    probe = [executable("ffprobe"), "-v", "error", "-of", "csv=p=0", "-show_entries"]
    recorder = bp.NetworkRecorder(X, Y, file=file, fps=4, resolution=4)
    trainer_of(recorder).fit(X, Y, epochs=3, verbose=0)
    shown = [*probe, "stream=codec_name,width,height,pix_fmt,r_frame_rate,nb_frames", str(file)]
    codec, width, height, colours, rate, frames = subprocess.check_output(shown, text=True).strip().split(",")
    assert (codec, colours, rate, int(frames)) == ("h264", "yuv420p", "4/1", len(recorder.frames) + 6)
    assert int(width) % 2 == int(height) % 2 == 0


def test_a_fit_that_ends_by_an_exception_leaves_the_pictures_so_far(tmp_path: Path) -> None:
    class Stop:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            if len(state.history) == 2:
                raise KeyboardInterrupt

    recorder = bp.NetworkRecorder(X, Y, file=tmp_path / "net.gif", resolution=4)
    with pytest.raises(KeyboardInterrupt):
        trainer_of(recorder, Stop()).fit(X, Y, epochs=5, verbose=0)
    assert titles(recorder) == ["epoch 0", "epoch 1", "epoch 2"]
    assert (tmp_path / "net.gif").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"file": "net.png"}, r"needs a file that ends in \.gif or \.mp4, got 'net\.png'"),
        ({"file": "net.gif", "fps": 0}, "fps"),
        ({"every": 0}, "every"),
        ({"theme": "blue", "live": True}, "needs a theme of light or dark, got 'blue'"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(bp.errors.ConfigError, match=told):
        trainer_of(bp.NetworkRecorder(X, Y, **given)).fit(X, Y, epochs=1, verbose=0)


def test_without_ffmpeg_an_mp4_is_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bp.errors.ConfigError, match=r"\.mp4 needs ffmpeg on the PATH"):
        bp.NetworkRecorder(X, Y, file="net.mp4")


def test_no_frames_are_no_animation() -> None:
    with pytest.raises(bp.errors.ConfigError, match="one frame at least"):
        bp.plot.animate_network([], "net.gif")


def test_a_live_window_is_one_figure_that_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(pyplot, "show", lambda block: opened.append(block))
    seen: list[tuple[str, HashedImage]] = []
    recorder = bp.NetworkRecorder(X, Y, live=True, resolution=4)
    monkeypatch.setattr(live_picture.LivePicture, "show", spied(live_picture.LivePicture.show, seen))
    trainer_of(recorder).fit(X, Y, epochs=2, verbose=0)
    assert opened == [False]
    assert len(pyplot.get_fignums()) == 1
    assert [title.partition(",")[0] for title, _ in seen] == ["epoch 0", "epoch 1", "epoch 2"]
    assert len({image for _, image in seen}) == 3


HashedImage = bytes


def spied(show: Any, seen: list[tuple[str, HashedImage]]) -> Any:
    def spy(self: Any, maps: Any) -> None:
        show(self, maps)
        ax = self._artists.ax
        seen.append((ax.get_title(loc="left"), np.asarray(ax.images[2].get_array()).tobytes()))

    return spy


def test_in_a_notebook_one_display_is_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, Any]] = []
    handle = SimpleNamespace(update=lambda figure: shown.append(("update", figure)))

    def display(figure: Any, display_id: bool) -> Any:
        assert display_id
        shown.append(("display", figure))
        return handle

    python, notebook = ModuleType("IPython"), ModuleType("IPython.display")
    vars(python).update(get_ipython=lambda: SimpleNamespace(kernel=object()))
    vars(notebook).update(display=display)
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    trainer_of(bp.NetworkRecorder(X, Y, live=True, resolution=4)).fit(X, Y, epochs=2, verbose=0)
    assert [what for what, _ in shown] == ["display", "update", "update"]
    assert len({id(figure) for _, figure in shown}) == 1
    assert not pyplot.get_fignums()  # so that the end of the cell shows no second one


def test_a_checkpoint_is_written_and_read_beside_a_recorder(tmp_path: Path) -> None:
    recorder = bp.NetworkRecorder(X, Y, resolution=4)
    trainer = trainer_of(recorder)
    trainer.fit(X, Y, epochs=2, verbose=0)
    trainer.checkpoint(tmp_path / "state.safetensors")
    other = trainer_of(bp.NetworkRecorder(X, Y, resolution=4))
    other.restore(tmp_path / "state.safetensors")
    for each in (trainer, other):
        each.fit(X, Y, epochs=1, verbose=0)
    for name, array in trainer.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], array)


def test_who_looks_at_nothing_imports_nothing_of_pictures_and_derivations() -> None:
    program = (
        "import sys, bpframe as bp, numpy as np\n"
        "t = bp.Trainer(bp.Network([bp.layers.dense(1)]), 'mse')\n"
        "t.fit(np.ones((4, 2)), np.ones(4), epochs=1, verbose=0)\n"
        "print([m for m in sys.modules if m.startswith(('matplotlib', 'bpframe.plot', 'bpframe.network.derivation',\n"
        "    'bpframe.training.activation_maps', 'bpframe.training.row_', 'bpframe.training.network_recorder'))])"
    )
    done = fresh_python(["-c", program], Path())
    assert done.stdout == "[]\n", done.stdout + done.stderr
