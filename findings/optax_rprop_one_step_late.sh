#!/usr/bin/env bash
# optax 0.2.8: rprop hands out each update one step late.
#
# Behaviour: the first update is 0 whatever the gradient, and every later one is the update that the gradient before it
# asked for. Sizes grow and shrink as they should, but what is applied belongs to the step before: below, the three
# gradients of 1 should give -0.1, -0.12 and -0.144, the three of -1 then 0, 0.072 and 0.0864.
#
# Most expect: the update of a gradient moves against that gradient, from the first step on, as in the paper that the
# documents cite and in every other rule of optax. Losses still fall, so nobody who looks at a curve sees it.
#
# Output seen (2026-11-30, Python 3.11), for learning_rate 0.1, of which the first three gradients are alike:
#
#     gradient  1.0  update  0.000
#     gradient  1.0  update -0.100
#     gradient  1.0  update -0.120
#     gradient -1.0  update  0.000
#     gradient -1.0  update  0.000
#     gradient -1.0  update  0.072
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax.numpy as jnp
import optax

rule = optax.rprop(0.1)
parameters = jnp.zeros(1)
state = rule.init(parameters)
for gradient in (1.0, 1.0, 1.0, -1.0, -1.0, -1.0):
    update, state = rule.update(jnp.array([gradient]), state, parameters)
    parameters = optax.apply_updates(parameters, update)
    print(f"gradient {gradient:4.1f}  update {float(update[0]) + 0.0:6.3f}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
gradient  1.0  update  0.000
gradient  1.0  update -0.100
gradient  1.0  update -0.120
gradient -1.0  update  0.000
gradient -1.0  update  0.000
gradient -1.0  update  0.072
EXPECTED
