"""Other words of the field: what PyTorch, Keras and scikit-learn call a component, a setting or an argument.

One table for every "did you mean": of names of components, of arguments of constructors and config files, of arguments
of the Trainer. A word stands in lower case and without underscores; a sentence ends in a full stop.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
NO_CONVOLUTION = "bpframe has no convolutions over three axes: a plugin may bring them."
SHAPE = "The shape of a row is an argument of the network: bp.Network([...], inputs=...)."
SCORES = "A loss says itself what it takes: softmax_cross_entropy scores, cross_entropy probabilities."
RULE = "It belongs to the optimizer: optimizer=bp.optimizers.adam(lr=...)."
FIT = "It belongs to fit: trainer.fit(x, y, epochs=..., batch_size=...)."
SCHEDULE = "A schedule stands in the place of the number: bp.optimizers.adam(lr=bp.schedules.cosine(...))."
CLIPPING = "Clipping is a gradient step: gradient_steps=[bp.gradient_steps.clip_global_norm(...)]."
SPLIT = "Give the rows themselves: validation=(x, y)."
DEVICE = "A device is an engine's: engine={'name': 'jax', 'device': ...}."

COMPONENTS: Mapping[str, Mapping[str, str]] = {  # by kind
    "layer": {
        **dict.fromkeys(("linear", "lazylinear", "fullyconnected", "fc", "affine"), "dense"),
        **dict.fromkeys(("batchnorm1d", "batchnormalization", "bn"), "batch_norm"),
        **dict.fromkeys(("layernormalization", "ln"), "layer_norm"),
        **dict.fromkeys(("concat", "concatenate", "add", "multihead"), "parallel"),
        **dict.fromkeys(("standardscaler", "normalization", "normalize", "scaler"), "standardize"),
        **dict.fromkeys(("input", "inputlayer", "inputs"), SHAPE),
        **dict.fromkeys(("conv", "convolution", "convolution2d"), "conv2d"),
        **dict.fromkeys(("conv3d", "convolution3d", "maxpool3d"), NO_CONVOLUTION),
        **dict.fromkeys(("maxpooling2d", "maxpool"), "max_pool2d"),
        **dict.fromkeys(("averagepooling2d", "averagepool2d"), "avg_pool2d"),
        **dict.fromkeys(("simplernn", "elman", "recurrent"), "rnn"),
        "noise": "gaussian_noise",
        "skip": "residual",
        "view": "reshape",
    },
    "activation": {
        **dict.fromkeys(("swish", "sigmoidlinearunit"), "silu"),
        **dict.fromkeys(("linear", "none"), "identity"),
        **dict.fromkeys(("exp",), "exponential"),
        **dict.fromkeys(("atan",), "arctan"),
        "logistic": "sigmoid",
        "leaky": "leaky_relu",
        "gelunew": "gelu",
    },
    "loss": {
        **dict.fromkeys(
            ("crossentropyloss", "categoricalcrossentropy", "sparsecategoricalcrossentropy", "nll", "nllloss"),
            "softmax_cross_entropy",
        ),
        **dict.fromkeys(("logloss", "softmaxloss", "softmaxcrossentropywithlogits"), "softmax_cross_entropy"),
        **dict.fromkeys(
            ("bcewithlogitsloss", "bcewithlogits", "sigmoidcrossentropywithlogits", "multilabelsoftmarginloss"),
            "sigmoid_cross_entropy",
        ),
        **dict.fromkeys(("bce", "bceloss"), "binary_cross_entropy"),
        **dict.fromkeys(("mseloss", "meansquarederror", "squarederror", "l2", "l2loss"), "mse"),
        **dict.fromkeys(("l1", "l1loss", "meanabsoluteerror", "absoluteerror"), "mae"),
        **dict.fromkeys(("smoothl1", "smoothl1loss", "huberloss"), "huber"),
        **dict.fromkeys(("kl", "kld", "kldivloss", "kldiv", "kullbackleiblerdivergence"), "kl_divergence"),
        **dict.fromkeys(("cosinesimilarity", "cosineembeddingloss", "cosinedistance"), "cosine"),
        **dict.fromkeys(("categoricalhinge", "multimarginloss"), "crammer_singer"),
        **dict.fromkeys(("pinball", "pinballloss", "quantileloss"), "quantile"),
        "hingeloss": "hinge",
        "poissonnllloss": "poisson",
        "gaussiannllloss": "gaussian_nll",
        "meansquaredlogarithmicerror": "msle",
        "meanabsolutepercentageerror": "mape",
        "focalloss": "focal",
        "binaryfocalcrossentropy": "binary_focal",
        "categoricalfocalcrossentropy": "focal",
        "diceloss": "dice",
    },
    "optimizer": {
        **dict.fromkeys(("nag", "nesterovmomentum"), "nesterov"),
        **dict.fromkeys(("gd",), "gradient_descent"),
        **dict.fromkeys(("asgd", "averaging"), "ema"),
    },
    "initializer": {
        **dict.fromkeys(("xavier", "xavieruniform", "glorot"), "glorot_uniform"),
        **dict.fromkeys(("kaiming", "kaiminguniform", "he"), "he_uniform"),
        **dict.fromkeys(("randomnormal", "gaussian"), "normal"),
        "xaviernormal": "glorot_normal",
        "kaimingnormal": "he_normal",
        "randomuniform": "uniform",
        "truncnormal": "truncated_normal",
        "zero": "zeros",
        "one": "ones",
    },
    "schedule": {
        **dict.fromkeys(("cosineannealing", "cosineannealinglr", "cosinedecay"), "cosine"),
        **dict.fromkeys(("cosineannealingwarmrestarts", "cosinedecayrestarts", "sgdr"), "cosine_restarts"),
        **dict.fromkeys(("multisteplr", "piecewiseconstant", "piecewiseconstantdecay"), "piecewise"),
        "steplr": "step",
        "linearlr": "linear",
        "exponentiallr": "exponential",
        "exponentialdecay": "exponential",
        "polynomiallr": "polynomial",
        "polynomialdecay": "polynomial",
        "inversetimedecay": "inverse_time",
        "onecyclelr": "one_cycle",
        "reducelronplateau": "reduce_on_plateau",
        "cycliclr": "triangular",
        "sequentiallr": "sequence",
    },
    "metric": {
        **dict.fromkeys(("acc", "accuracyscore", "binaryaccuracy"), "accuracy"),
        **dict.fromkeys(("categoricalaccuracy", "sparsecategoricalaccuracy"), "accuracy"),
        **dict.fromkeys(("auc", "auroc", "rocaucscore"), "roc_auc"),
        **dict.fromkeys(("topkaccuracy", "topkcategoricalaccuracy", "topkaccuracyscore"), "top_k"),
        "f1score": "f1",
        "r2score": "r2",
        "meansquarederror": "mse",
        "meanabsoluteerror": "mae",
        "rootmeansquarederror": "rmse",
        "confusionmatrix": "confusion",
        "brierscore": "brier",
        "crossentropy": "log_loss",
    },
    "regularizer": {"l1l2": "elastic_net", "weightdecay": "l2", "ridge": "l2", "lasso": "l1"},
    "gradient_step": {
        **dict.fromkeys(("clipgradnorm", "clipbyglobalnorm", "gradclip", "gradientclipping"), "clip_global_norm"),
        **dict.fromkeys(("clipgradvalue", "clipbyvalue"), "clip_value"),
        **dict.fromkeys(("gradientaccumulation", "accumulategradients"), "accumulate"),
        "clipbynorm": "clip_norm",
    },
    "constraint": {"maxnormconstraint": "max_norm", "nonneg": "non_negative", "unitnormconstraint": "unit_norm"},
    "callback": {"modelcheckpoint": "checkpoint", "reducelronplateau": SCHEDULE},
    "engine": {"torch": "numpy", "cpu": "numpy", "gpu": DEVICE, "cuda": DEVICE},
}
ARGUMENTS: Mapping[str, tuple[str, ...]] = {  # the first that is one of the arguments there are, or a sentence
    **dict.fromkeys(("learningrate", "stepsize", "eta", "eta0", "learningrateinit"), ("lr", RULE)),
    **dict.fromkeys(("lr", "momentum", "optimizerparams"), (RULE,)),
    **{name: (word, FIT) for name, word in (("epochs", "epochs"), ("batchsize", "batch_size"), ("shuffle", "shuffle"))},
    **dict.fromkeys(("outfeatures", "features", "neurons", "numunits", "hiddensize", "width"), ("units",)),
    **dict.fromkeys(("inputdim", "vocabsize", "inputsize", "numtokens"), ("num_embeddings", SHAPE)),
    **dict.fromkeys(("infeatures", "inputshape", "batchinputshape"), (SHAPE,)),
    **dict.fromkeys(("outputdim", "embeddingsize", "embedsize", "dim"), ("embedding_dim", "units")),
    **dict.fromkeys(("numclasses", "nclasses"), ("units",)),
    **dict.fromkeys(("p", "prob", "dropprob", "dropout"), ("rate",)),
    **dict.fromkeys(("alpha", "slope"), ("negative_slope", "lr")),
    **dict.fromkeys(("fromlogits", "reduction", "sizeaverage"), (SCORES,)),
    **dict.fromkeys(("betas", "beta", "b1"), ("beta1", RULE)),
    **dict.fromkeys(("scheduler", "lrscheduler", "schedule", "decay"), (SCHEDULE,)),
    **dict.fromkeys(("clipnorm", "gradclip", "maxgradnorm", "clipvalue", "gradientclipval"), (CLIPPING,)),
    **dict.fromkeys(("nepochs", "nbepoch", "numepochs", "maxepochs", "maxiter", "iterations"), ("epochs",)),
    **dict.fromkeys(("criterion", "lossfn", "lossfunction", "objective"), ("loss",)),
    **dict.fromkeys(("optim", "opt", "solver", "rule"), ("optimizer",)),
    **dict.fromkeys(("model", "net", "layers", "architecture"), ("network",)),
    **dict.fromkeys(("randomstate", "randomseed"), ("seed",)),
    **dict.fromkeys(("device", "accelerator", "gpus"), ("device", DEVICE)),
    **dict.fromkeys(("validationdata", "valdata", "evalset", "validationset"), ("validation",)),
    **dict.fromkeys(("validationsplit", "validationfraction"), ("validation", SPLIT)),
    **dict.fromkeys(("x", "inputs", "data"), ("x",)),
    **dict.fromkeys(("target", "targets", "labels"), ("y",)),
    "usebias": ("bias",),
    "kernelinitializer": ("weight_initializer",),
    "epsilon": ("eps",),
    "rho": ("beta2", "decay"),
    "weightdecay": ("weight_decay", "Decay is a gradient step, weight_decay, or the optimizer adamw."),
    "kernelregularizer": ("regularizers", "Penalties are the trainer's: regularizers=[bp.regularizers.l2(...)]."),
    "kernelconstraint": ("constraints", "Constraints are the trainer's: constraints=[...]."),
    "gamma": ("scale", "factor"),
    "sampleweights": ("sample_weight",),
    "classweights": ("class_weight", "class_weights"),
    "minibatchsize": ("batch_size",),
    "callback": ("callbacks",),
    "precision": ("dtype",),
}
PUBLIC: Mapping[str, str] = {  # names that people look for in the package itself
    **dict.fromkeys(("sequential", "model", "module", "mlp"), "Network"),
    **dict.fromkeys(("nn", "dense", "linear"), "layers"),
    **dict.fromkeys(("optim", "adam", "sgd"), "optimizers"),
    "functional": "activations",
    "loadmodel": "load",
    "learner": "Trainer",
}


def did_you_mean(name: str, known: Iterable[str], others: Mapping[str, str] | None = None) -> str:
    """ " Did you mean 'dense'?" for a known name that is spelt alike or is another word for it; otherwise no text."""
    known, word = list(known), _word(name)
    alike = next((each for each in known if _word(each) == word), None)
    other = (others or {}).get(word)
    if other and other.endswith("."):
        return f" {other}"
    import difflib  # by errors alone

    close = [alike or other] if alike or other in known else difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def component_suggestion(kind: str, name: str, known: Iterable[str]) -> str:
    """What `did_you_mean` says of a component's name."""
    return did_you_mean(name, known, COMPONENTS.get(kind))


def argument_suggestion(name: str, known: Iterable[str]) -> str:
    """What `did_you_mean` says of an argument's name."""
    known, word = list(known), _word(name)
    candidates = ARGUMENTS.get(word, ())
    sentences = [each for each in candidates if each.endswith(".") and (each != RULE or "optimizer" in known)]
    fitting = next((each for each in candidates if each in known or each in sentences), None)
    return did_you_mean(name, known, {word: fitting} if fitting else None)


def hide_other(method: Callable[P, R]) -> Callable[P, R]:
    """The method itself, in whose signature its `**other`, there to be refused, is not shown."""
    signature = inspect.signature(method)
    shown = [p for p in signature.parameters.values() if p.kind != p.VAR_KEYWORD]
    method.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]  # as any function may
    return method


def refuse_other(method: Callable[..., Any], other: Iterable[str]) -> None:
    """TypeError, as Python's own, for arguments that a method does not have, with what may be meant."""
    known = _arguments(method) if other else ()
    for name in other:
        if name in known:
            continue
        owner, hint = method.__qualname__, argument_suggestion(name, known)
        raise TypeError(f"{owner}() got an unexpected keyword argument '{name}'.{hint} Arguments: {', '.join(known)}.")


@functools.lru_cache(maxsize=64)
def _arguments(method: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(method).parameters)[1:]


def _word(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
