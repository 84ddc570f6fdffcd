"""A graph made ready: its nodes as functions, its weights in the form that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from .arithmetic import Floats
from .attention import AttentionOptions, RowCache, attend
from .graph_reader import ExactGraph, GraphNode
from .operators import Operation, Value, as_exact, operation

_ATTENTION: Final = "GroupQueryAttention"


class _Step(NamedTuple):
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Operation | AttentionOptions


class ExactProgram:
    """Computes a graph from its first node to its last."""

    def __init__(self, graph: ExactGraph) -> None:
        self._steps = [_step(node, graph) for node in graph.nodes]
        tables = {node.inputs[0] for node in graph.nodes if node.operator == "Gather"}
        used = {name for step in self._steps for name in step.inputs if name}
        self._constants: dict[str, Value] = {
            name: values if name in tables else as_exact(values)
            for name, values in graph.constants.items()
            if name in used
        }
        self._output = graph.outputs[0]

    @property
    def output(self) -> str:
        """The name of its first output."""
        return self._output

    def run(
        self, feeds: Mapping[str, Value], caches: Sequence[tuple[RowCache, RowCache]], start: int
    ) -> Floats:
        """Its output for these inputs; `caches`: keys and values of each layer before `start`."""
        values: dict[str, Any] = {"": None, **self._constants, **feeds}
        layers = iter(caches)
        for step in self._steps:
            inputs = [values[name] for name in step.inputs]
            if isinstance(step.run, AttentionOptions):
                out = attend(step.run, (inputs[0], inputs[1], inputs[2]), *next(layers), start)
            else:
                out = step.run(*inputs)
            values.update(zip(step.outputs, out if isinstance(out, list) else [out], strict=False))
        result: Floats = values[self._output]
        return result


def _step(node: GraphNode, graph: ExactGraph) -> _Step:
    if node.operator == _ATTENTION:
        options = AttentionOptions.of(node, graph.constants)
        return _Step(node.inputs[:3], node.outputs[:1], options)
    inputs, run = operation(node, graph.constants)
    return _Step(inputs, node.outputs, run)
