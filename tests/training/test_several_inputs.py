"""Several inputs by name: mappings and tables in Trainer, beside networks of one array, on both engines."""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import bpframe as bp
from bpframe.errors import ColumnWarning, ConfigError, DataError, ShapeError

RNG = np.random.default_rng(7)
N = 40
A, IDS = RNG.normal(size=(N, 3)), RNG.integers(0, 5, (N, 2)).astype(float)
X = {"a": A, "b": IDS}
Y = (A[:, 0] + IDS[:, 0] > 2).astype(int)
layers = bp.layers


def branches():
    numbers = layers.sequential(
        [layers.select("a"), layers.standardize(), layers.dense(4, "tanh"), layers.dropout(0.2)]
    )
    ids = layers.sequential([layers.select("b"), layers.embedding(5, 3), layers.flatten(), layers.batch_norm()])
    return [layers.parallel([numbers, ids]), layers.dense(2)]


def trainer(net=None, loss="softmax_cross_entropy", inputs=None, **parts):
    network = bp.Network(branches() if net is None else net, inputs=inputs)
    return bp.Trainer(network, loss, bp.optimizers.adam(0.02), dtype="float64", seed=2, **parts)


def same(one, other, tolerance=0.0):
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


@dataclass(frozen=True)
class Bilinear:
    """y = a w b: what no selection can give, since it needs two inputs at once."""

    units: int = 2

    def init(self, rng, in_shape):
        (n,), (m,) = in_shape["a"], in_shape["b"]
        return {"weight": rng.normal(size=(self.units, n, m))}, (self.units,)

    def forward(self, params, x, context):
        xp = x["a"].__array_namespace__()
        aw = xp.tensordot(x["a"], params["weight"], axes=((1,), (1,)))  # (B, units, m)
        return xp.sum(aw * x["b"][:, None, :], axis=-1), dict(x)

    def backward(self, params, cache, dy, context):
        a, c = cache["a"], cache["b"]
        xp = a.__array_namespace__()
        outer = a[:, :, None] * c[:, None, :]
        dw = xp.tensordot(dy, outer, axes=((0,), (0,)))
        if not context.need_dx:
            return None, {"weight": dw}
        dyw = xp.tensordot(dy, params["weight"], axes=((1,), (0,)))  # (B, n, m)
        return {"a": xp.sum(dyw * c[:, None, :], axis=2), "b": xp.sum(dyw * a[:, :, None], axis=1)}, {"weight": dw}

    def example_input(self, rng):
        return {"a": rng.normal(size=(4, 3)), "unused": rng.normal(size=(4, 2, 2)), "b": rng.normal(size=(4, 2))}


def test_a_layer_of_two_inputs_keeps_the_laws():
    assert "gradient of x" in bp.testing.check_layer(Bilinear()).run


def test_a_wrong_slope_of_one_input_is_found():
    class Wrong(Bilinear):
        def backward(self, params, cache, dy, context):
            dx, gradients = super().backward(params, cache, dy, context)
            return (None if dx is None else {**dx, "b": 1.01 * dx["b"]}), gradients

    with pytest.raises(bp.errors.CheckFailed, match="gradient of x"):
        bp.testing.check_layer(Wrong())


def test_inputs_by_name_train_as_the_columns_of_one_array_do():
    one = trainer([layers.parallel([layers.select(columns=[0, 1, 2]), layers.select(columns=[4, 3])]), layers.dense(2)])
    one.fit(np.hstack([A, IDS[:, ::-1]]), Y, epochs=3, batch_size=8)
    other = trainer([layers.parallel([layers.select("a"), layers.select("b")]), layers.dense(2)])
    other.fit(X, Y, epochs=3, batch_size=8)
    same(one.parameters, other.parameters)
    np.testing.assert_array_equal(one.predict(np.hstack([A, IDS[:, ::-1]])), other.predict(X))


def test_engines_agree_and_validation_takes_the_same_mapping():
    made = []
    for engine in ("numpy", "jax"):
        net = [layers.parallel([*branches()[0].branches, Bilinear()]), layers.dense(2)]
        one = trainer(net, engine=engine)
        one.fit(X, Y, epochs=3, batch_size=8, validation=({"b": IDS, "a": A}, Y), sample_weight=np.arange(N) % 3)
        made.append(one)
    same(made[0].parameters, made[1].parameters, 1e-10)
    assert made[0].history.validation["loss"] == pytest.approx(made[1].history.validation["loss"], rel=1e-10)


def test_a_model_of_several_inputs_is_saved_resumed_restored_and_copied(tmp_path):
    class Cut:
        @bp.hookimpl
        def bpframe_batch_end(self, state):
            if state.step == 7:
                state.trainer.checkpoint(tmp_path / "c")
                state.stop("cut")

    whole = trainer()
    whole.fit(X, Y, epochs=3, batch_size=8)
    trainer(callbacks=[Cut()]).fit(X, Y, epochs=3, batch_size=8)
    resumed, restored = bp.Trainer.resume(tmp_path / "c", callbacks=[]), trainer()
    restored.restore(tmp_path / "c")
    for one in (resumed, restored):
        one.fit(X, Y, epochs=3, batch_size=8)
        same(whole.parameters, one.parameters)
    whole.save(tmp_path / "m")
    for again in (bp.Trainer.load(tmp_path / "m"), copy.deepcopy(whole)):
        assert np.array_equal(again.predict(X), whole.predict(X))
    assert "inputs" not in whole.network.labels


def test_a_trace_shows_the_layers_of_the_network():
    one = trainer()
    one.fit(X, Y, epochs=1)
    seen = one.trace(X, Y)
    assert [layer.name for layer in seen.layers] == ["parallel_1", "dense_1"]
    assert seen.loss == pytest.approx(one.evaluate(X, Y)["loss"], rel=1e-12)


def test_shapes_may_be_given_before_the_first_fit():
    one = trainer(inputs={"a": 3, "b": (2,)})
    assert one.predict(X).shape == (N, 2)
    assert "65" in str(bp.Network(branches()).summary(inputs={"a": 3, "b": 2}))
    with pytest.raises(ShapeError, match=r"x\['a'\] needs rows of shape \(3,\)"):
        one.predict({"a": A[:, :2], "b": IDS})
    with pytest.raises(ConfigError, match="the width or the shape of each input by name"):
        bp.Network(branches(), inputs={"a": None})


def test_images_and_vectors_of_one_number_are_inputs_too():
    images, age = RNG.normal(size=(N, 4, 4)), RNG.normal(size=N)
    net = [
        layers.parallel(
            [layers.sequential([layers.select("image"), "flatten", layers.dense(3)]), layers.select("age")]
        ),
        layers.dense(1),
    ]
    one = trainer(net, "mse")
    one.fit({"image": images, "age": age}, age, epochs=1)
    assert one.parameters["dense_1/weight"].shape == (4, 1)


def test_a_table_gives_its_columns_by_name_in_any_order():
    table = pd.DataFrame({"age": A[:, 0], "kind": IDS[:, 0], "income": A[:, 1]})
    net = [
        layers.parallel(
            [
                layers.sequential([layers.select(columns=["income", "age"]), layers.dense(3, "tanh")]),
                layers.sequential([layers.select(columns=["kind"]), layers.embedding(5, 2), layers.flatten()]),
            ]
        ),
        layers.dense(2),
    ]
    one = trainer(net)
    one.fit(table, Y, epochs=2)
    other = trainer(net)
    other.fit({name: table[name].to_numpy() for name in table}, Y, epochs=2)
    same(one.parameters, other.parameters)
    assert np.array_equal(one.predict(table[["kind", "income", "age"]]), one.predict(table))
    assert np.array_equal(other.predict(table), one.predict(table))
    with pytest.raises(DataError, match="kind"):
        one.predict(table[["age", "income"]])


def test_ids_outside_of_a_table_are_refused_in_the_input_that_has_them():
    with pytest.raises(DataError, match="layer 'parallel_1': layer 'sequential_2': layer 'embedding_1': id 7"):
        trainer().fit({"a": A, "b": IDS + 3}, Y)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ((A, IDS), DataError, 'got a tuple of 2. Give them names: {"a": x\\[0\\], "b": x\\[1\\]}'),
        ({"a": A}, DataError, "needs the inputs 'b', as in the first fit, got 'a'"),
        (A, DataError, "needs a mapping of the inputs a, b, got ndarray"),
        ({"a": A, "b": IDS[:5]}, ShapeError, "as many rows in every input, got 40 in 'a', 5 in 'b'"),
        ({"a": np.where(A > 9, A, np.nan), "b": IDS}, DataError, r"x\['a'\] needs finite numbers, got nan at row 0"),
        ({"a": [["text"]], "b": IDS}, DataError, r"x\['a'\] needs"),
    ],
)
def test_what_is_no_mapping_of_the_inputs_is_refused(x, error, message):
    one = trainer(inputs={"a": 3, "b": 2})
    with pytest.raises(error, match=message):
        one.predict(x)


def test_a_first_fit_on_other_inputs_than_the_layers_name_is_refused_and_leaves_no_trace():
    one, fresh = trainer(), trainer()
    for x, message in (({"a": A}, "select needs 'b', but x has a"), (A, "select needs rows with names, for 'a'")):
        with pytest.raises(ShapeError, match=message):
            one.fit(x, Y)
    with pytest.raises(ShapeError, match="Begin the network with select"):
        trainer([layers.dense(2)]).fit(X, Y)
    with pytest.raises(ShapeError, match="select needs names, since x has the inputs a, b"):
        trainer([layers.select(columns=[1]), layers.dense(2)]).fit(X, Y)
    with pytest.raises(DataError, match="tuple of 2"):
        one.fit((A, IDS), Y)
    for each in (one, fresh):
        each.fit(X, Y, epochs=1)
    same(one.parameters, fresh.parameters)


def test_inputs_that_the_model_does_not_know_are_left_out_with_a_warning():
    one = trainer(inputs={"a": 3, "b": 2})
    with pytest.warns(ColumnWarning, match="x has inputs that the model does not know, and leaves out: 'c'"):
        assert np.array_equal(one.predict({**X, "c": A}), one.predict(X))


def test_an_array_model_refuses_a_mapping():
    one = trainer([layers.dense(2)])
    one.fit(A, Y, epochs=1)
    with pytest.raises(DataError, match="needs one array or table, as in the first fit, got a mapping"):
        one.predict({"a": A})


def test_a_tuple_of_rows_is_still_an_array():
    one = trainer([layers.dense(2)])
    one.fit(tuple(map(tuple, A)), Y, epochs=1)
    assert np.array_equal(one.predict(tuple(A)), one.predict(A))


def test_select_says_what_it_cannot_take():
    for arguments, message in (
        ({}, "an input or columns, got neither"),
        ({"columns": [1, 1]}, "different columns"),
        ({"input": "a", "columns": ["b"]}, "numbers as columns of an input"),
    ):
        with pytest.raises(ConfigError, match=message):
            layers.select(**arguments)
    with pytest.raises(ShapeError, match=r"different columns of rows of shape \(3,\), got \[3\]"):
        trainer([layers.select(columns=[3]), layers.dense(2)]).fit(A, Y)
    with pytest.raises(ShapeError, match=r"got \[0, -3\]"):
        trainer([layers.select(columns=[0, -3]), layers.dense(2)]).fit(A, Y)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_auxiliary_losses_of_branches_of_several_inputs_train_as_those_of_one_array(engine):
    x = np.random.default_rng(3).normal(size=(24, 4))
    halves = {"a": x[:, :2], "b": x[:, 2:]}

    def fitted(x, choices):
        latents = [bp.layers.sequential([choice, bp.layers.gaussian_latent(3)]) for choice in choices]
        network = bp.Network([bp.layers.parallel(latents), bp.layers.dense(1)])
        made = bp.Trainer(network, "mse", engine=engine, dtype="float64")
        made.fit(x, np.ones(24), epochs=2, batch_size=8, verbose=0)
        return made

    several = fitted(halves, [bp.layers.select("a"), bp.layers.select("b")])
    single = fitted(x, [bp.layers.select(columns=[0, 1]), bp.layers.select(columns=[2, 3])])
    assert several.history["train.objective"] == pytest.approx(single.history["train.objective"], rel=1e-12)
    assert several.history["train.objective"][0] > several.history["train.loss"][0]
