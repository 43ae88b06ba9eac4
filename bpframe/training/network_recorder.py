"""A recorder of the network picture: a callback that shows it while a network trains, and writes an animation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

from bpframe import checks
from bpframe.training.activation_maps import activation_maps
from bpframe.training.hook_marker import hookimpl
from bpframe.training.open_session import network_of
from bpframe.training.run_state import RunState

if TYPE_CHECKING:
    from bpframe.plot.live_picture import LivePicture
    from bpframe.plot.network_maps import NetworkMaps
    from bpframe.plot.theme import ThemeName


@final
class NetworkRecorder:
    """Takes a picture of the network before the first and after every so manieth epoch of a fit, and after the last.

    `x` (N, n) and `y` (N,): the rows around which units are drawn, with delta where y is given. `every`: epochs from
    one picture to the next. `file`: a .gif or an .mp4 that is written when the fit ends, `fps` pictures a second; one
    that is there is replaced. `live`: draw each picture at once, in a window or a notebook. `inputs`, `units`,
    `resolution`: as in `Trainer.plot_network`. `frames` holds the pictures.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        every: int = 1,
        file: str | os.PathLike[str] | None = None,
        live: bool = False,
        fps: int = 10,
        inputs: Sequence[int | str] = (0, 1),
        units: int = 8,
        resolution: int = 40,
        theme: ThemeName | None = None,
    ) -> None:
        self.every = checks.whole("NetworkRecorder", 1, every=every)
        self.frames: list[NetworkMaps] = []
        self._rows, self._file, self._live, self._fps, self._theme = (x, y), file, live, fps, theme
        self._look: dict[str, Any] = {"inputs": inputs, "units": units, "resolution": resolution}
        self._picture: LivePicture | None = None
        self._taken: int | None = None  # the epoch of the latest picture
        if file is not None:
            from bpframe.plot.network_animation import animation_writer

            animation_writer(file, fps)  # what it needs is missing now rather than after the fit

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """The picture before the first step of this fit."""
        if not self.frames:
            self._take(state)

    @hookimpl
    def bpframe_epochs_ahead(self, state: RunState) -> float:
        """Up to the next picture nobody needs to stop."""
        return self.every - len(state.history) % self.every

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """The picture of an epoch whose turn it is."""
        if len(state.history) % self.every == 0:
            self._take(state)

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """The last picture, and the file."""
        self._take(state)
        self._write()

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """The file of what there is."""
        self._write()

    def _take(self, state: RunState) -> None:
        epoch = len(state.history)
        if epoch == self._taken:
            return
        trainer, self._taken = state.trainer, epoch
        loss = f", loss {state.history.train['loss'][-1]:.4g}" if epoch else ""
        network, title = network_of(trainer.network, trainer.task), f"epoch {epoch}{loss}"
        params = network.params(trainer.session.parameters)
        maps = activation_maps(network, params, trainer.task, *self._rows, title=title, **self._look)
        self.frames.append(maps)
        if self._live:
            self._show(maps)

    def _show(self, maps: NetworkMaps) -> None:
        from bpframe.plot.live_picture import LivePicture

        self._picture = self._picture or LivePicture(self._theme)
        self._picture.show(maps)

    def _write(self) -> None:
        if self._file is not None and self.frames:
            from bpframe.plot.network_animation import animate_network

            animate_network(self.frames, self._file, fps=self._fps, theme=self._theme)
