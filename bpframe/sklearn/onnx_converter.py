"""ONNX converter of the estimators for skl2onnx: pipelines of scikit-learn leave with them as one graph.

Shapes: probabilities (N, C), labels (N,) or (N, C) zeros and ones, predictions (N, M).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.errors import ConfigError
from bpframe.registry import build
from bpframe.sklearn import estimator_losses, estimator_trainer
from bpframe.sklearn.classifier import MLPClassifier
from bpframe.sklearn.regressor import MLPRegressor

Scope = Any  # of skl2onnx, which has no types; so are the next two
Operator = Any
Container = Any
OPSET = 21  # that of the operators below


def register_onnx() -> None:
    """Have skl2onnx convert MLPClassifier and MLPRegressor: `to_onnx(pipeline, X, target_opset=21)` then does.

    The same numbers as `predict` and `predict_proba`, in core operators.
    """
    from skl2onnx import update_registered_converter  # an optional package, which only this needs

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}
    update_registered_converter(
        MLPClassifier, "BpframeMLPClassifier", _classifier_types, _convert_classifier, options=options
    )
    update_registered_converter(MLPRegressor, "BpframeMLPRegressor", _regressor_types, _convert_regressor)


def _types(model: Any) -> tuple[Any, Any]:
    """Types of tensors of the model's numbers, and of its labels."""
    from skl2onnx.common import data_types

    numbers = {"float32": data_types.FloatTensorType, "float64": data_types.DoubleTensorType}[model._trainer.dtype]
    text = hasattr(model, "classes_") and np.asarray(model.classes_).dtype.kind in "OU"
    return numbers, data_types.StringTensorType if text else data_types.Int64TensorType


def _classifier_types(operator: Operator) -> None:
    model = operator.raw_operator
    numbers, label = _types(model)
    rows = operator.inputs[0].get_first_dimension()
    classes = len(model.classes_)
    operator.outputs[0].type = label([rows, classes] if model._multilabel else [rows])
    operator.outputs[1].type = numbers([rows, classes])


def _regressor_types(operator: Operator) -> None:
    model = operator.raw_operator
    operator.outputs[0].type = _types(model)[0]([operator.inputs[0].get_first_dimension(), model.n_outputs_])


def _convert_classifier(scope: Scope, operator: Operator, container: Container) -> None:
    """Probabilities as `predict_proba` makes them of the model's predictions; labels of its class numbers."""
    model = operator.raw_operator
    graph = _Graph(scope, operator, container)
    p = graph.outputs["predictions"]
    one = graph.constant(np.ones(1, model._trainer.dtype))
    if len(model.classes_) == 2 and graph.widths["predictions"] == 1:
        p = graph.add("Concat", [graph.add("Sub", [one, p]), p], axis=1)
    elif estimator_losses.scores_are_independent(model._trainer.loss) and not model._multilabel:
        p = graph.add("Div", [p, graph.add("ReduceSum", [p, graph.constant(np.array([1]))], keepdims=1)])
    graph.add("Identity", [p], operator.outputs[1].full_name)
    numbers = graph.add("Cast", [graph.outputs["labels"]], to=7)  # int64
    if model._multilabel:
        graph.add("Identity", [numbers], operator.outputs[0].full_name)
        return
    known = np.asarray(model.classes_)
    table = graph.constant(known if known.dtype.kind in "OU" else known.astype(np.int64))
    graph.add("Gather", [table, numbers], operator.outputs[0].full_name)


def _convert_regressor(scope: Scope, operator: Operator, container: Container) -> None:
    graph = _Graph(scope, operator, container)
    graph.add("Identity", [graph.outputs["predictions"]], operator.outputs[0].full_name)


class _Graph:
    """The nodes of a model in the container of a conversion, under names that nobody else has."""

    def __init__(self, scope: Scope, operator: Operator, container: Container) -> None:
        import onnx

        if container.target_opset < OPSET:
            raise ConfigError(f"bpframe's estimators need target_opset={OPSET} or newer, got {container.target_opset}.")
        self._scope, self._container, self._names = scope, container, dict[str, str]()
        model = operator.raw_operator
        estimator_trainer.push_parameters(model)
        graph = onnx.load_from_string(build("exporter", "onnx").content(model._trainer, {})).graph
        self._names["x"] = self.add(
            "Cast", [operator.inputs[0].full_name], to=graph.input[0].type.tensor_type.elem_type
        )
        for tensor in graph.initializer:
            self._names[tensor.name] = self.constant(onnx.numpy_helper.to_array(tensor))
        for node in graph.node:
            settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            made = [self._name(output) for output in node.output]
            self._add(node.op_type, [self._names[name] for name in node.input], made, **settings)
            self._names.update(zip(node.output, made, strict=True))
        self.outputs = {output.name: self._names[output.name] for output in graph.output}
        self.widths = {o.name: o.type.tensor_type.shape.dim[-1].dim_value for o in graph.output}

    def add(self, op: str, inputs: list[str], output: str | None = None, **settings: Any) -> str:
        """A node of one result; its name."""
        name = output or self._name(op)
        self._add(op, inputs, [name], **settings)
        return name

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        import onnx

        name, array = self._name("constant"), np.asarray(value)
        if array.dtype.kind in "OU":
            kind, numbers = onnx.TensorProto.STRING, [str(text).encode() for text in array.ravel()]
        else:
            kind, numbers = onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.ravel().tolist()
        self._container.add_initializer(name, kind, list(array.shape), numbers)
        return name

    def _add(self, op: str, inputs: list[str], outputs: list[str], **settings: Any) -> None:
        own = self._scope.get_unique_operator_name(f"bpframe_{op}")
        self._container.add_node(op, inputs, outputs, op_domain="", op_version=OPSET, name=own, **settings)

    def _name(self, stem: str) -> str:
        return str(self._scope.get_unique_variable_name(f"bpframe_{stem}"))
