"""The output range of layers in a row: where their numbers lie, from what activations and layers declare."""

from __future__ import annotations

from bpframe.network.network import LabelledLayers
from bpframe.protocols import RangeAfter
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import activation_of, acts_in_training_only, range_of


def output_range(layers: LabelledLayers, inputs: str | None = None) -> str | None:
    """Where the last layer's outputs lie, an interval or "simplex", if those of the first layer's inputs do so.

    None: not known. A layer that ends in an activation gives what that gives.
    """
    known = inputs
    for _, layer in layers:
        if implements(layer, RangeAfter):
            known = layer.range_after(known)
        else:
            known = range_of(layer) or range_of(activation_of(layer))
    return known


def predicting_layers(layers: LabelledLayers) -> LabelledLayers:
    """The layers but for the last ones that act in training only, so that those before them make the predictions."""
    while len(layers) > 1 and acts_in_training_only(layers[-1][1]):
        layers = layers[:-1]
    return layers
