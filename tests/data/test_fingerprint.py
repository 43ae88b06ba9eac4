"""A fingerprint knows the same data again, however they are handed over, and names what differs."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from bpframe.data.fingerprint import Fingerprint, LazyFingerprint, fingerprint
from bpframe.protocols import Data

X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0]]
W = np.linspace(0.5, 1, 7, dtype=np.float32)


def of(x=X, y=Y, w=None, validation=None, **columns):
    return fingerprint({"training": Data(x, y, w), "validation": validation}, **columns)


def test_a_digest_is_that_of_type_shape_and_bytes():
    wanted = hashlib.sha256(b"<f4 (7, 3)" + X.tobytes()).hexdigest()
    assert of().parts["training"]["x"] == f"sha256:{wanted}"
    assert of().parts["training"]["rows"] == 7


def test_memory_order_and_views_are_the_same_data():
    strided = np.repeat(X, 2, axis=0)[::2]
    assert of(x=np.asfortranarray(X)) == of(x=strided) == of()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"x": X[:, [1, 0, 2]]}, ["x of training: sha256:"]),
        ({"x": X.reshape(7, 3, 1)}, ["x of training: sha256:"]),
        ({"x": X[::-1], "y": Y[::-1]}, ["x of training: sha256:", "y of training: sha256:"]),
        ({"w": W}, ["weights of training: none then, sha256:"]),
        ({"x": X[:6], "y": Y[:6]}, ["rows of training: 7 then, 6 now"]),
        ({"validation": Data(X, Y)}, ["validation data: none then, 7 rows now"]),
    ],
)
def test_what_differs_is_named(other, words):
    found = of().differences(of(**other))
    assert [text.startswith(word) for text, word in zip(found, words, strict=True)] == [True] * len(words)
    assert of(**other).differences(of(**other)) == []
    assert str(of(**other)) != str(of())


def test_one_bit_of_one_number_changes_the_digest():
    x = X.copy()
    x.view(np.uint8)[3, 5] ^= 1
    assert of(x=x).differences(of())


def test_columns_are_compared_where_both_are_known():
    named = of(columns=("a", "b", "c"), kinds=("float", "float", "int"))
    assert named.differences(of(columns=("b", "a", "c"))) == ["columns: [a, b, c] then, [b, a, c] now"]
    assert named.differences(of()) == of().differences(named) == []


def test_kinds_of_columns_explain_other_numbers_and_are_no_difference_of_their_own():
    whole, real = of(kinds=("int", "int", "int")), of(kinds=("float", "int", "int"))
    assert whole.differences(real) == []
    other = of(x=X + 1, kinds=("float", "int", "int"))
    assert whole.differences(other)[0] == "kinds: [int, int, int] then, [float, int, int] now"


def test_tables_and_back():
    for one in (of(), of(w=W, validation=Data(X, Y), columns=("a", "b", "c"), kinds=("float",) * 3)):
        assert Fingerprint.of(one.tables()) == one
        assert str(Fingerprint.of(one.tables())) == str(one)


def test_a_lazy_one_lets_go_of_the_data_once_it_is_taken():
    lazy = LazyFingerprint({"training": Data(X, Y)})
    assert lazy.taken is None
    assert lazy.value == of()
    assert (lazy.taken, lazy.given) == (of(), {})
