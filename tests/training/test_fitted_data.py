"""The rest of a fit needs the data and the settings that it began with; a finished trainer may be fitted on others."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe.data import fingerprint
from bpframe.data.columns import NamedRows
from bpframe.errors import ConfigError
from bpframe.saving import tensor_file
from tests.training.test_resume import EPOCHS, Save, X, Y, fit, same, trainer

OTHER = {
    "a number of x": ({"x": np.where(np.arange(420).reshape(70, 6) == 99, 0.5, X)}, "x of training"),
    "permuted columns": ({"x": X[:, ::-1]}, "x of training"),
    "permuted rows": ({"x": X[::-1], "y": Y[::-1]}, "x of training"),
    "a label": ({"y": np.where(np.arange(70) == 3, 1 - Y, Y)}, "y of training"),
    "weights": ({"sample_weight": np.arange(1.0, 71)}, "weights of training: none then"),
    "class weights": ({"class_weight": {0: 1.0, 1: 2.0}}, "weights of training: none then"),
    "validation rows": ({"validation": (X[:19], Y[:19])}, "rows of validation: 20 then, 19 now"),
    "validation numbers": ({"validation": (X[1:21], Y[1:21])}, "x of validation"),
    "no validation": ({"validation": None}, "validation data: 20 rows then, none now"),
    "epochs": ({"epochs": EPOCHS + 1}, f"needs epochs {EPOCHS}, got {EPOCHS + 1}"),
}


KINDS = ("float", "int", "bool", "float", "float", "int")


def fit_on(made, x=X, y=Y, **settings):
    return made.fit(x, y, **({"epochs": EPOCHS, "batch_size": 16, "validation": (X[:20], Y[:20])} | settings))


@pytest.mark.parametrize(("other", "message"), OTHER.values(), ids=OTHER)
def test_the_rest_of_a_fit_is_refused_other_data_and_settings_and_then_goes_on(tmp_path, other, message):
    whole = trainer(more=[Save(tmp_path, every=7)])
    fit(whole)
    again = bp.Trainer.resume(tmp_path / "7.safetensors")
    before = again.session.snapshot()
    with pytest.raises(ConfigError, match=message):
        fit_on(again, **other)
    np.testing.assert_equal(again.session.snapshot(), before)
    fit(again)
    same(again, whole)


def test_the_same_numbers_in_another_form_are_the_same_data(tmp_path):
    whole = trainer(more=[Save(tmp_path, every=7)])
    fit(whole)
    again = bp.Trainer.resume(tmp_path / "7.safetensors")
    fit_on(again, x=X.astype(np.float32).tolist(), y=np.asfortranarray(Y.astype(np.int8)))
    same(again, whole)


def test_named_columns_in_another_order_are_the_same_data(tmp_path):
    def named(order):
        return NamedRows(X[:, order], tuple("abcdef"[i] for i in order), tuple(KINDS[i] for i in order))

    whole = trainer(callbacks=[], more=[Save(tmp_path, every=7)])
    fit_on(whole, x=named(range(6)), validation=None)
    known = tensor_file.read_tensors(tmp_path / "7.safetensors")[1]["data"]
    assert (known["columns"], known["kinds"]) == (list("abcdef"), list(KINDS))
    again = bp.Trainer.resume(tmp_path / "7.safetensors")
    fit_on(again, x=named([3, 1, 2, 0, 5, 4]), validation=None)
    whole.memories, again.memories = [{}], [{}]
    same(again, whole)


def test_the_rest_of_a_second_fit_needs_the_epochs_of_that_fit(tmp_path):
    whole = trainer(more=[Save(tmp_path, every=35)])
    fit_on(whole, epochs=3)
    fit_on(whole, epochs=6)
    again = bp.Trainer.resume(tmp_path / "35.safetensors")
    with pytest.raises(ConfigError, match="needs epochs 6, got 9"):
        fit_on(again, epochs=9)
    fit_on(again, epochs=6)
    same(again, whole)


def test_a_finished_trainer_may_be_fitted_on_other_data_and_its_history_says_so(tmp_path):
    made = trainer(callbacks=[])
    fit(made)
    made.checkpoint(tmp_path / "end")
    for each, other in ((bp.Trainer.resume(tmp_path / "end"), X), (bp.Trainer.resume(tmp_path / "end"), X + 1)):
        fit_on(each, x=other)
        assert len(each.history) == 2 * EPOCHS
        noted = [record["epoch"] for record in each.history.epochs() if "data" in record]
        assert noted == ([] if other is X else [EPOCHS + 1])
    each.checkpoint(tmp_path / "second")
    assert bp.Trainer.resume(tmp_path / "second").history == each.history


def test_a_file_says_which_data_were_fitted(tmp_path):
    made = trainer()
    fit(made)
    made.checkpoint(tmp_path / "state")
    made.save(tmp_path / "model")
    known = [tensor_file.read_tensors(tmp_path / name)[1]["data"] for name in ("state", "model")]
    assert known[0] == known[1]
    assert [known[0][part]["rows"] for part in ("training", "validation")] == [70, 20]
    bp.Trainer.load(tmp_path / "model").save(tmp_path / "again")
    assert tensor_file.read_tensors(tmp_path / "again")[1]["data"] == known[0]
    bp.Trainer(bp.Network([bp.layers.dense(2)], inputs=6), "mse").save(tmp_path / "fresh")
    assert "data" not in tensor_file.read_tensors(tmp_path / "fresh")[1]


def test_a_checkpoint_that_does_not_say_which_data_were_fitted_goes_on(tmp_path):
    whole = trainer(more=[Save(tmp_path, every=7)])
    fit(whole)
    tensors, manifest = tensor_file.read_tensors(tmp_path / "7.safetensors")
    del manifest["data"], manifest["fit"]["first"]
    tensor_file.write_tensors(tmp_path / "old", tensors, manifest)
    again = bp.Trainer.resume(tmp_path / "old")
    fit(again)
    same(again, whole)


def test_a_fit_that_writes_nothing_takes_no_fingerprint_and_one_that_writes_takes_one(tmp_path, monkeypatch):
    taken, digest = [], fingerprint.array_digest
    monkeypatch.setattr(fingerprint, "array_digest", lambda array: taken.append(array.shape) or digest(array))
    made = trainer()
    fit(made)
    fit(made)
    assert taken == []
    fit(trainer(more=[Save(tmp_path)]))
    assert taken == [(70, 6), (70, 2), (20, 6), (20, 2)]
