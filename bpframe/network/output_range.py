"""The output range of layers in a row: where their numbers lie, from what activations and layers declare."""

from __future__ import annotations

from bpframe.network.network import LabelledLayers
from bpframe.protocols import Activation, Layer, RangeAfter
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import activation_of, acts_in_training_only, ending_activation_of, range_of

ODD = "[-0.40625, 0.28125]"  # a range that no layer gives out but one that hands on what it is given


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
    """The layers but for the last ones that change no number of a prediction, so that the last left makes them."""
    while len(layers) > 1 and _hands_on(layers[-1][1]):
        layers = layers[:-1]
    return layers


def ending_activation(layers: LabelledLayers) -> Activation | Layer | None:
    """The activation from which the predictions of layers in a row come; None: from none."""
    return ending_activation_of(predicting_layers(layers)[-1][1])


def _hands_on(layer: Layer) -> bool:
    """Whether a layer gives out in evaluation the numbers that it is given, in another shape perhaps."""
    return acts_in_training_only(layer) or (implements(layer, RangeAfter) and layer.range_after(ODD) == ODD)
