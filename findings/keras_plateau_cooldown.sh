#!/usr/bin/env bash
# Keras 3.15.1: ReduceLROnPlateau with cooldown=1 does what it does with cooldown=0.
#
# Behaviour: after a cut, a cooldown of c epochs lets c - 1 epochs rest. The counter falls at the start of an epoch, and
# the epoch in which it reaches 0 already counts towards patience. So 0 and 1 are the same, and 5 rests 4 epochs.
#
# Most expect: "number of epochs to wait before resuming normal operation after the learning rate has been reduced", as
# the documents have it, and as the callback's namesake in PyTorch does: c epochs that do not count.
#
# Output seen (2026-11-30, Python 3.11), epochs after which the rate is cut while the loss stands still, patience=2:
#
#     cooldown=0: 3 5 7 9 11
#     cooldown=1: 3 5 7 9 11
#     cooldown=2: 3 6 9 12
#     cooldown=5: 3 9
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

KERAS_BACKEND=jax "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import keras
import numpy as np

rows = np.zeros((4, 1))
for cooldown in (0, 1, 2, 5):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])  # predicts 0 for 0: the loss is 0, always
    model.compile(keras.optimizers.SGD(1.0), "mse")
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=cooldown)
    rates = []
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate))
    )
    model.fit(rows, rows, epochs=12, verbose=0, callbacks=[plateau, record])
    cuts = [epoch + 2 for epoch, (before, after) in enumerate(zip(rates, rates[1:])) if after < before]
    print(f"cooldown={cooldown}:", *cuts)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
cooldown=0: 3 5 7 9 11
cooldown=1: 3 5 7 9 11
cooldown=2: 3 6 9 12
cooldown=5: 3 9
EXPECTED
