"""The data that were fitted, compared with those of a next fit: the rest of a fit needs the same, a new one not."""

from __future__ import annotations

from collections.abc import Sequence

from bpframe.data.columns import NamedRows
from bpframe.data.fingerprint import LazyFingerprint
from bpframe.errors import ConfigError
from bpframe.protocols import Data
from bpframe.training.history import History


def fit_fingerprint(
    x: object, validation: object, columns: Sequence[str] | None, data: tuple[Data, Data | None]
) -> LazyFingerprint:
    """The fingerprint of (training, validation) data of a fit on rows x; `columns`: the names that the model knows.

    `validation`: what the fit was given as that, (x, y) or (x, y, sample_weight).
    """
    kinds = dict(zip(x.columns, x.kinds, strict=True)) if isinstance(x, NamedRows) else {}
    names = columns or ()
    known = [kinds[name] for name in names if name in kinds]
    rows = {"training": x, "validation": validation[0] if isinstance(validation, tuple) else None}
    return LazyFingerprint({"training": data[0], "validation": data[1]}, names, known, rows=rows)


def refuse_other_data(known: LazyFingerprint | None, given: LazyFingerprint) -> None:
    """ConfigError, which names what differs, unless the data are those that the interrupted fit was given.

    Files of an earlier bpframe do not say which those were; they go on as they did.
    """
    differences = _differences(known, given)
    if differences:
        raise ConfigError(
            f"The fit that this checkpoint was made in needs the same data, but there are differences: "
            f"{'; '.join(differences)}. Go on with the same data and settings, or train a new model."
        )


def note_other_data(history: History, known: LazyFingerprint | None, given: LazyFingerprint) -> None:
    """Have the history say that from the next epoch on other data are fitted, where that is known.

    It is known where the data before were written or read with a file; it is not asked for otherwise, which would cost
    every fit of a program that writes nothing.
    """
    history.note_data(str(given.value) if _differences(known, given) else None)


def _differences(known: LazyFingerprint | None, given: LazyFingerprint) -> list[str]:
    return [] if known is None or known.taken is None else known.taken.differences(given.value)
