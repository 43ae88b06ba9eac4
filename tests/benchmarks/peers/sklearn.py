"""scikit-learn: `MLPClassifier.fit` of so many epochs, less a fit of one epoch.

With two classes (XS) it has one logistic output where the others have a softmax of two: a little less to do.
"""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from workload import Net, Run, data, timed

ENDLESS = {"tol": 0.0, "n_iter_no_change": 10**9, "early_stopping": False}


def prepare(net: Net) -> Run:
    """The difference of two fits: what a fit costs once, checks and initial weights, is in both of them."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is reached on purpose
    x, y = data(net)

    def train(epochs: int) -> None:
        settings = {"hidden_layer_sizes": net.sizes[1:-1], "batch_size": net.batch, "alpha": 0.0, **ENDLESS}
        solver = {"solver": "adam" if net.rule == "adam" else "sgd", "learning_rate_init": net.lr}
        how = {**solver, "momentum": net.momentum, "nesterovs_momentum": False, "activation": net.activation}
        MLPClassifier(max_iter=epochs, random_state=0, **settings, **how).fit(x, y)

    run = timed(train)
    return lambda epochs: run(1 + epochs) - run(1)
