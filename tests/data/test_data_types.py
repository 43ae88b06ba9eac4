"""Every type of number that NumPy has, as x, y, sample_weight, labels and validation, on the way in and in predictions.

Sizes: 12 rows of 3 numbers, 0 to 6. Warnings are errors in this suite, so whatever passes here has given none.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import DataError

WHOLE = np.arange(36).reshape(12, 3) % 7
LABELS = np.arange(12) % 2
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
NUMBERS = ["?", *"bBhHiIlLqQ", *"efdg", *(f">{code}" for code in "hiqHIQefdg")]
RANGE = pytest.mark.skipif(np.finfo("g").max <= np.finfo("d").max, reason="longdouble is float64 on this platform")


def quantities(dtype: str) -> Any:
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(3)], inputs=3)
    return bp.Trainer(network, "mse", "adam", dtype=dtype)


def classes(dtype: str, loss: str = "softmax_cross_entropy") -> Any:
    network = bp.Network([bp.layers.dense(2 if loss == "softmax_cross_entropy" else 1)], inputs=3)
    return bp.Trainer(network, loss, "adam", dtype=dtype)


def bits(made: Any) -> dict[str, bytes]:
    return {name: p.tobytes() for name, p in made.parameters.items()}


def test_the_list_has_every_number_that_numpy_has_but_complex_ones():
    known = set(np.typecodes["AllInteger"] + np.typecodes["Float"] + "?") - {*"pPnN"}  # l and L, or q and Q, once more
    assert known == {code for code in NUMBERS if len(code) == 1}


# --------------------------------------------------------------------------------------------------- what is converted


@BOTH
@pytest.mark.parametrize("code", NUMBERS)
def test_numbers_of_any_type_train_measure_and_predict_as_the_same_numbers_in_float64(code, dtype):
    given = WHOLE.astype(code)
    plain, odd = quantities(dtype), quantities(dtype)
    for made, x in ((plain, given.astype(np.float64)), (odd, given)):
        made.fit(x, x, epochs=3, batch_size=5, sample_weight=x[:, 1], validation=(x, x))
    x = given.astype(np.float64)
    assert bits(odd) == bits(plain)
    assert odd.history.validation == plain.history.validation
    assert odd.predict(given).tobytes() == plain.predict(x).tobytes()
    assert odd.evaluate(given, given, sample_weight=given[:, 1]) == plain.evaluate(x, x, sample_weight=x[:, 1])
    assert odd.trace(given, given).loss == plain.trace(x, x).loss
    assert odd.predict(given).dtype == dtype


OBJECTS: dict[str, Any] = {
    "int": WHOLE.astype(object),
    "float": WHOLE.astype(float).astype(object),
    "bool and float": np.where(np.arange(3) > 0, WHOLE.astype(object), WHOLE > 3),
    "Decimal": np.vectorize(Decimal, otypes=[object])(WHOLE),
    "Fraction": np.vectorize(Fraction, otypes=[object])(WHOLE),
    "float32": np.array([[np.float32(value) for value in row] for row in WHOLE], dtype=object),
}


@pytest.mark.parametrize("what", OBJECTS)
def test_numbers_held_as_objects_train_measure_and_predict_as_the_same_numbers_in_float64(what):
    plain, odd = quantities("float32"), quantities("float32")
    for made, x in ((plain, OBJECTS[what].astype(np.float64)), (odd, OBJECTS[what])):
        made.fit(x, x, epochs=3, batch_size=5, sample_weight=x[:, 1], validation=(x, x))
    assert bits(odd) == bits(plain)
    assert odd.history.validation == plain.history.validation
    labelled, known = classes("float32"), classes("float32")
    labelled.fit(WHOLE, OBJECTS["int"][:, 0] % 2, epochs=2)
    known.fit(WHOLE, WHOLE[:, 0] % 2, epochs=2)
    assert bits(labelled) == bits(known)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4"])
def test_narrow_types_of_ml_dtypes_are_the_same_numbers(name):
    narrow = WHOLE.astype(pytest.importorskip("ml_dtypes").__dict__[name])
    plain, odd = quantities("float32"), quantities("float32")
    for made, x in ((plain, narrow.astype(np.float32)), (odd, narrow)):
        made.fit(x, x, epochs=3, batch_size=5, sample_weight=x[:, 1])
    assert bits(odd) == bits(plain)
    assert odd.predict(narrow).tobytes() == plain.predict(narrow.astype(np.float32)).tobytes()
    labelled, known = classes("float32"), classes("float32")
    labelled.fit(WHOLE, (WHOLE[:, 0] % 2).astype(narrow.dtype), epochs=2)
    known.fit(WHOLE, WHOLE[:, 0] % 2, epochs=2)
    assert bits(labelled) == bits(known)


class OnlyDlpack:
    """An array that NumPy can read by DLPack alone."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_an_array_with_dlpack_alone_is_read():
    plain, odd = quantities("float32"), quantities("float32")
    x = WHOLE.astype(np.float32)
    plain.fit(x, x, epochs=2, sample_weight=x[:, 1])
    odd.fit(OnlyDlpack(x), OnlyDlpack(x), epochs=2, sample_weight=OnlyDlpack(x[:, 1].copy()))
    assert bits(odd) == bits(plain)


class OnDevice:
    """An array that refuses to be read, as those of other devices do."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy.")


@pytest.mark.parametrize("place", ["x", "y", "sample_weight"])
def test_an_array_that_cannot_be_read_is_a_data_error_with_its_own_reason(place):
    with pytest.raises(DataError, match=rf"^{place} needs an array that NumPy can read, got tests.OnDevice.*cuda:0"):
        PLACES[place](quantities("float32"), *[OnDevice()] * 2)


@pytest.mark.parametrize("given", [np.array(["a", "b"] * 6, dtype="T"), np.array(["a", "b"] * 6, dtype=object)])
def test_labels_of_varying_length_are_text(given):
    made, plain = classes("float32"), classes("float32")
    made.fit(WHOLE, given, epochs=2)
    plain.fit(WHOLE, ["a", "b"] * 6, epochs=2)
    assert bits(made) == bits(plain)
    assert made.predict_labels(WHOLE).tolist() == plain.predict_labels(WHOLE).tolist()


@BOTH
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("code", NUMBERS)
def test_labels_of_any_type_are_the_same_whole_numbers(code, loss, dtype):
    labels = LABELS.astype(code)
    plain, odd = classes(dtype, loss), classes(dtype, loss)
    plain.fit(WHOLE, labels.astype(np.int64), epochs=3)
    odd.fit(WHOLE, labels, epochs=3)
    assert bits(odd) == bits(plain)
    assert odd.evaluate(WHOLE, labels) == plain.evaluate(WHOLE, labels.astype(np.int64))
    assert odd.predict_labels(WHOLE).tolist() == plain.predict_labels(WHOLE).tolist()


@BOTH
def test_half_precision_is_computed_with_in_the_runs_own(dtype):
    largest = np.full((12, 3), np.finfo(np.float16).max)
    made = quantities(dtype)
    made.fit(largest, largest, epochs=1)  # whose squares no float16 holds
    assert made.history.train["loss"][0] > 1e9


@BOTH
def test_numbers_are_rounded_to_the_nearest_and_the_smallest_to_zero_whatever_numpy_is_told_to_raise(dtype):
    tiny = np.ldexp(np.ones((12, 3), "g"), np.finfo("g").minexp)
    third = np.ones((12, 3), "g") / 3
    made = quantities(dtype)
    with np.errstate(all="raise"):
        found = [made.predict(x).tobytes() for x in (tiny, third)]
    assert found == [made.predict(x).tobytes() for x in (np.zeros((12, 3)), np.full((12, 3), 1 / 3))]


# ------------------------------------------------------------------------------------------------------ what is refused

REMEDY: dict[str, tuple[Any, str]] = {
    "bytes": (np.array([b"a", b"b"] * 6), "numpy.char.decode"),
    "bytes as objects": (np.array([b"a", b"b"] * 6, dtype=object), "numpy.char.decode"),
    "a missing text": (np.array(["a", None] * 6, dtype=np.dtypes.StringDType(na_object=None)), "None at row 1"),
    "a missing number": (np.array([1, None] * 6, dtype=object), "Fill it in or drop the row"),
    "NaN": (np.array([1, np.nan] * 6), "nan at row 1"),
    "dates": (np.zeros(12, "M8[D]"), "Take text or numbers of it"),
}


@pytest.mark.parametrize("what", REMEDY)
def test_labels_that_cannot_be_taken_are_an_error_with_a_remedy(what):
    with pytest.raises(DataError, match=f"^y needs .*{REMEDY[what][1]}"):
        classes("float32").fit(WHOLE, REMEDY[what][0], epochs=1)


def test_records_are_a_table_of_targets():
    table = np.zeros(12, [("a", "f4"), ("b", "i4"), ("c", "?")])
    table["a"], table["b"], table["c"] = WHOLE[:, 0] / 3, WHOLE[:, 1], WHOLE[:, 2] > 2
    columns = np.stack([table[name] for name in "abc"], axis=1)
    made, want = quantities("float64"), quantities("float64")
    made.fit(WHOLE, table, epochs=2)
    want.fit(WHOLE, columns, epochs=2)
    assert bits(made) == bits(want)
    with pytest.raises(DataError, match=r"y needs numbers in each of its columns, got <U1 .* in 'b'"):
        quantities("float64").fit(WHOLE, table.astype([("a", "f4"), ("b", "U1"), ("c", "?")]), epochs=1)


def test_a_number_too_large_for_float64_is_a_data_error():
    with pytest.raises(DataError, match="x needs numbers that float64 holds"):
        quantities("float64").predict([[10**400, 1, 2]] * 12)


PLACES: dict[str, Callable[[Any, Any, Any], Any]] = {  # a trainer, values (12, 3), their first column
    "x": lambda made, values, column: made.fit(values, WHOLE, epochs=1),
    "y": lambda made, values, column: made.fit(WHOLE, values, epochs=1),
    "sample_weight": lambda made, values, column: made.fit(WHOLE, WHOLE, epochs=1, sample_weight=column),
    "validation x": lambda made, values, column: made.fit(WHOLE, WHOLE, epochs=1, validation=(values, WHOLE)),
    "validation y": lambda made, values, column: made.fit(WHOLE, WHOLE, epochs=1, validation=(WHOLE, values)),
    **{
        f"x of {method}": lambda made, values, column, method=method: getattr(made, method)(values)
        for method in ("scores", "predict")
    },
    **{
        f"{name} of {method}": lambda made, values, column, method=method, name=name: getattr(made, method)(
            *((values, WHOLE) if name == "x" else (WHOLE, values))
        )
        for method in ("evaluate", "trace")
        for name in ("x", "y")
    },
    "sample_weight of evaluate": lambda made, values, column: made.evaluate(WHOLE, WHOLE, sample_weight=column),
}
HELD = np.array([[{1}, Decimal(1), None]] * 12)
REFUSED: dict[str, tuple[Any, str]] = {  # values, and what the message calls them
    **{code: (WHOLE.astype(code), np.dtype(code).name) for code in np.typecodes["Complex"]},
    "objects": (HELD, "object"),
    "a list with a gap": ([[None, 1.0, 2.0]] * 12, "object"),
    "text": (WHOLE.astype(str), "<U"),
    "bytes": (WHOLE.astype(bytes), r"\|S"),
    "dates": (WHOLE.astype("M8[D]"), r"datetime64\[D\]"),
    "times": (WHOLE.astype("m8[s]"), r"timedelta64\[s\]"),
    "raw bytes": (np.zeros((12, 3), "V4"), r"\|V4"),
    "records": (np.zeros((12, 3), [("a", "f4"), ("b", "i4")]), r"\[\('a', '<f4'\), \('b', '<i4'\)\]"),
}


def column(values: Any) -> Any:
    return values[:, 0] if isinstance(values, np.ndarray) else [row[0] for row in values]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_number_is_refused_by_place_and_type_and_changes_nothing(what, place):
    (values, kind), made = REFUSED[what], quantities("float32")
    before = bits(made)
    with pytest.raises(DataError, match=rf"^{place.partition(' of ')[0]} needs numbers.*, got {kind}"):
        PLACES[place](made, values, column(values))
    assert bits(made) == before
    assert len(made.history) == 0


LABELLED = [code for code in REFUSED if code not in ("text", "records")]  # records are columns


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("what", LABELLED)
def test_what_is_no_label_is_refused_by_its_type(what, loss):
    values = column(REFUSED[what][0])
    with pytest.raises(DataError, match=rf"^y needs labels that are whole numbers, .*, got {REFUSED[what][1]}"):
        classes("float32", loss).fit(WHOLE, values, epochs=1)


@RANGE
@BOTH
@pytest.mark.parametrize("place", PLACES)
def test_a_longdouble_that_does_not_fit_is_refused_with_the_number_and_its_place(place, dtype):
    values, made = WHOLE.astype("g"), quantities(dtype)
    values[7, 0] = -np.longdouble("1e4000") if "weight" not in place else np.longdouble("1e4000")
    name = place.partition(" of ")[0]
    where = "row 7" if name == "sample_weight" else "row 7, column 0"
    held = "float64" if name == "sample_weight" else dtype
    message = rf"^{name} needs numbers of at most \S+ in {held}, got -?1e\+4000 at {where}\. Scale it\.$"
    with pytest.raises(DataError, match=message):
        PLACES[place](made, values, column(values))


def test_a_longdouble_that_float64_holds_is_sent_there():
    values = np.full((12, 3), np.longdouble("1e100"))
    with pytest.raises(DataError, match=r"got 1e\+100 at row 0, column 0\. Scale it, or use dtype='float64'\."):
        quantities("float32").predict(values)
    quantities("float64").predict(values)


@BOTH
@pytest.mark.parametrize("code", "efdg")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", PLACES)
def test_a_number_that_is_not_finite_is_refused_in_every_type(place, value, code, dtype):
    values = WHOLE.astype(code)
    values[7, 0] = value
    with pytest.raises(DataError, match=rf"^{place.partition(' of ')[0]} needs finite numbers, got {value} at row 7"):
        PLACES[place](quantities(dtype), values, column(values))
