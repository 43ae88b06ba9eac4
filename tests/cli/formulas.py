"""Formulas for modules that `bpframe new-plugin` writes: by kind and method what stands in place of its gap."""

from __future__ import annotations

import re

FORMULAS: dict[str, dict[str, str]] = {
    "activation": {
        "value": "return u.__array_namespace__().tanh(u)",
        "derivative": "return (1 - v) * (1 + v)",
    },
    "layer": {
        "forward": 'return x * params["scale"], x',
        "backward": 'return dy * params["scale"], {"scale": ops.sum_rows(dy * cache)}',
    },
    "loss": {
        "value_and_delta": """
            r = scores - target
            xp = r.__array_namespace__()
            t = (r / self.scale) ** 2
            return xp.sum(self.scale**2 / 2 * xp.log1p(t), axis=-1), r / (1 + t)""",
    },
    "optimizer": {
        "update": "return p - h.lr * g, {}",
        "reference": "\n".join(["for g in gradients:", "    p += g * -self.lr", "    yield p"]),
    },
    "gradient_step": {
        "transform": "return g.__array_namespace__().clip(g, -h.limit, h.limit), {}",
        "golden": 'return [({"limit": 0.5}, [0.0, 0.0], [[-2.0, 0.25]], [[-0.5, 0.25]])]',
    },
    "schedule": {"value": "return self.initial * 0.5 ** (step / self.every)"},
    "initializer": {
        "sample": "return rng.normal(0.0, self.gain / max(fan_in, 1) ** 0.5, shape)",
        "variance": "return self.gain**2 / fan_in",
    },
    "regularizer": {
        "value_and_gradient": "return 0.5 * h.strength * ops.inner(p, p), h.strength * p",
    },
    "constraint": {"project": "return p.__array_namespace__().clip(p, -h.limit, h.limit)"},
    "augmentation": {"augment": "return x + h.strength * key.normal(x), target, weight"},
    "sampler": {"order": "return permutation(rng, len(target))"},
    "metric": {"value": "return float(np.average(np.abs(prediction - target).mean(axis=1), weights=weight))"},
    "callback": {"bpframe_epoch_end": "assert state.epoch >= 0"},
    "source": {
        "read": """
            names, *rows = (line.split() for line in file.read().decode().splitlines())
            return dict(zip(names, np.array(rows, dtype=float).T))""",
        "example": 'return b"a b\\n1 2\\n3 4\\n", {"a": np.array([1.0, 3.0]), "b": np.array([2.0, 4.0])}',
    },
    "exporter": {
        "content": 'return b"".join(name.encode() + value.tobytes() for name, value in trainer.parameters.items())',
    },
    "engine": {
        "session": 'return bp.build("engine", "numpy").session(network, cost, groups, parameters, dtype, seed)',
    },
}
IMPORTS = {
    "layer": "from bpframe.plugin import ops",
    "regularizer": "from bpframe.plugin import ops",
    "sampler": "from bpframe.plugin import permutation",
    "metric": "import numpy as np",
    "source": "import numpy as np",
    "engine": "import bpframe as bp",
}
GAP = re.compile(r"    def (\w+)\((?:(?!\n    def ).)*?\n( +)raise NotImplementedError\(.*?\)\n", re.DOTALL)


def completed(module: str, kind: str) -> str:
    """The text of a module with the formulas in; KeyError where one is not known."""

    def filled(gap: re.Match[str]) -> str:
        lines = FORMULAS[kind][gap[1]].strip("\n").splitlines()
        margin = min(len(line) - len(line.lstrip()) for line in lines)
        body = "".join(f"{gap[2]}{line[margin:]}\n" for line in lines)
        return gap[0].partition(f"{gap[2]}raise NotImplementedError")[0] + body

    text = GAP.sub(filled, module)
    imports = IMPORTS.get(kind)
    return text.replace("\nfrom dataclasses", f"\n{imports}\nfrom dataclasses", 1) if imports else text
