"""How an answer is to be: sampling, length, form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from google.protobuf import json_format, struct_pb2
from sightline.generator.v1 import generator_pb2


class Options(TypedDict, total=False):
    """Keyword arguments of `ask`. What is left out takes the model's own default."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    seed: int
    logit_bias: Mapping[int, float]
    max_tokens: int
    """Bounds the answer, reasoning included."""
    min_tokens: int
    stop: Sequence[str]
    """Ends the answer before any of these strings."""
    ignore_eos: bool
    """Goes on after the model's own end tokens."""
    thinking: bool
    """Asks the model to think before it answers."""
    tools: Sequence[Mapping[str, Any]]
    """Functions that the model may call: name, description, parameters (a JSON schema)."""
    json_object: bool
    """Asks for a JSON object."""
    json_schema: Mapping[str, Any]
    """Asks for JSON that follows a schema."""
    model: str
    adapter: str
    priority: int


_SAMPLING = {field.name for field in generator_pb2.SamplingOptions.DESCRIPTOR.fields}
_STOP = {
    "max_tokens": "max_token_count",
    "min_tokens": "min_token_count",
    "stop": "strings",
    "ignore_eos": "end_ignored",
}
_PLAIN = {"thinking", "model", "adapter", "priority"}
_OWN = {"tools", "json_object", "json_schema"}


def apply(options: Options, request: generator_pb2.GenerateTextRequest) -> None:
    """Writes options into a request; raises TypeError for names and values that do not fit."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    unknown = given.keys() - _SAMPLING - _STOP.keys() - _PLAIN - _OWN
    if unknown:
        raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
    if isinstance(given.get("stop"), str):
        raise TypeError("stop takes a list of strings")
    asked = generator_pb2.GenerateTextRequest(
        sampling={name: given[name] for name in given.keys() & _SAMPLING},
        stop={_STOP[name]: given[name] for name in given.keys() & _STOP.keys()},
        tools=[_tool(tool) for tool in given.get("tools", ())],
        response_format=_form(given),
        **{name: given[name] for name in given.keys() & _PLAIN},
    )
    request.MergeFrom(asked)


def _tool(tool: Mapping[str, Any]) -> generator_pb2.Tool:
    return generator_pb2.Tool(
        name=tool["name"],
        description=tool.get("description", ""),
        parameters=_struct(tool.get("parameters", {})),
    )


def _form(given: Mapping[str, Any]) -> generator_pb2.ResponseFormat | None:
    if "json_schema" in given:
        return generator_pb2.ResponseFormat(
            form=generator_pb2.RESPONSE_FORM_JSON_SCHEMA, schema=_struct(given["json_schema"])
        )
    if given.get("json_object"):
        return generator_pb2.ResponseFormat(form=generator_pb2.RESPONSE_FORM_JSON_OBJECT)
    return None


def _struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(value), struct_pb2.Struct())
