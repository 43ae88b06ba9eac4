"""Plots of training, predictions and parameters: functions of data that anybody can hand in.

    import bpframe as bp

    ax = bp.plot.training_curves(history)                        # a History, or {"train.loss": [...]}
    bp.plot.decision_regions(trainer.predict, x, y, ax=ax)       # any function of rows
    bp.plot.confusion_matrix(y, trainer.predict_labels(x), theme="dark")

Each draws on the axes of matplotlib that it is given as `ax`, or on new ones, and hands them back. New ones have the
`theme` "light" or "dark"; on given ones the colours follow the background. It needs `pip install "bpframe[plot]"`.
"""

from __future__ import annotations

from bpframe.plot.confusion_matrix import confusion_counts, confusion_matrix
from bpframe.plot.decision_regions import decision_regions
from bpframe.plot.image_grid import feature_maps, kernels
from bpframe.plot.lr_range_curve import lr_range_curve
from bpframe.plot.network_animation import animate_network
from bpframe.plot.network_maps import NetworkMaps, UnitMaps
from bpframe.plot.network_picture import network
from bpframe.plot.regression_fit import regression_fit
from bpframe.plot.reliability_diagram import calibration, reliability_diagram
from bpframe.plot.residual_plot import residual_plot
from bpframe.plot.roc_curve import roc_curve, roc_points
from bpframe.plot.training_curves import training_curves, training_panels
from bpframe.plot.weight_distributions import update_distributions, weight_distributions, weight_panels

__all__ = [
    "NetworkMaps",
    "UnitMaps",
    "animate_network",
    "calibration",
    "confusion_counts",
    "confusion_matrix",
    "decision_regions",
    "feature_maps",
    "kernels",
    "lr_range_curve",
    "network",
    "regression_fit",
    "reliability_diagram",
    "residual_plot",
    "roc_curve",
    "roc_points",
    "training_curves",
    "training_panels",
    "update_distributions",
    "weight_distributions",
    "weight_panels",
]
