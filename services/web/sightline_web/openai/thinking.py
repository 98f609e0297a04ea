"""Whether the model is to think, in the three ways that clients ask."""

from __future__ import annotations

from sightline_web.openai.errors import ApiError, unsupported
from sightline_web.openai.fields import Fields

_EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}


def thinking_wanted(fields: Fields) -> bool | None:
    """Returns the first answer of: template argument, `thinking`, `reasoning_effort`.

    None leaves the choice to the model. All three are checked. Raises ApiError.
    """
    choices = (_template_choice(fields), _type_choice(fields), _effort_choice(fields))
    return next((choice for choice in choices if choice is not None), None)


def _template_choice(fields: Fields) -> bool | None:
    arguments = fields.object("chat_template_kwargs")
    if arguments is None:
        return None
    for key in arguments.members:
        if key != "enable_thinking":
            raise unsupported(arguments.name(key), "Only enable_thinking can be given here.")
    return arguments.boolean("enable_thinking")


def _type_choice(fields: Fields) -> bool | None:
    thinking = fields.object("thinking")
    if thinking is None:
        return None
    kind = thinking.text("type")
    if kind not in ("enabled", "disabled"):
        raise ApiError("thinking.type must be enabled or disabled.", param=thinking.name("type"))
    return kind == "enabled"


def _effort_choice(fields: Fields) -> bool | None:
    effort = fields.text("reasoning_effort")
    if effort is not None and effort not in _EFFORTS:
        raise ApiError(
            f"reasoning_effort must be one of {', '.join(sorted(_EFFORTS))}.",
            param="reasoning_effort",
        )
    return None if effort is None else effort != "none"
