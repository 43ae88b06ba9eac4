#!/usr/bin/env bash
# Keras 3.15.1, backend jax: gradient accumulation changes the decay of the average of the weights.
#
# Behaviour: with use_ema and gradient_accumulation_steps=k the average is moved after every batch, also after the k - 1
# of k that change no weight. Each value of the weights so enters k times, and the average forgets by ema_momentum ** k
# an update: 0.99 with 64 batches an update is 0.53. Only while optimizer.iterations is 0 it is a plain copy.
#
# Most expect: accumulation of k batches is one update on a batch of k times as many rows, the average included. The
# documents say of gradient_accumulation_steps that the frequency of the average looks at the accumulated iterations;
# that is so for ema_overwrite_frequency alone.
#
# Output seen (2026-11-30, Python 3.11): a weight that rises by 1 an update, its average with ema_momentum 0.5
#
#     accumulating 1: weight 1 2 3 4, average 1.0000 1.5000 2.2500 3.1250
#     accumulating 4: weight 1 2 3 4, average 1.0000 1.5000 2.4688 3.4668
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

KERAS_BACKEND=jax "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import keras
import numpy as np


class Rising(keras.Model):
    """A weight whose loss has the slope -1, and its average after each update."""

    def __init__(self, **options):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="zeros")
        self.compile(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, **options), lambda y, p: -p)

    def call(self, x):
        return x * self.weight


def report(k):
    weights, averages = [], []
    for updates in range(1, 5):
        model = Rising(gradient_accumulation_steps=k if k > 1 else None)
        last = []
        record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: last.append(float(model.weight)))
        rows = np.ones((k * updates, 1))
        model.fit(rows, rows, batch_size=1, shuffle=False, verbose=0, callbacks=[record])
        weights.append(last[0])
        averages.append(float(model.weight))  # fit ends by putting the average in the place of the weight
    print(f"accumulating {k}: weight", *(f"{w:.0f}" for w in weights), end="")
    print(", average", *(f"{a:.4f}" for a in averages))


report(1)
report(4)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
accumulating 1: weight 1 2 3 4, average 1.0000 1.5000 2.2500 3.1250
accumulating 4: weight 1 2 3 4, average 1.0000 1.5000 2.4688 3.4668
EXPECTED
