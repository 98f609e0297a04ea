import json

import pytest
from sightline_common.checkpoint import CheckpointError
from sightline_common.errors import InvalidRequestError
from sightline_generator.chat.conversation import Conversation, Message, TextPart
from sightline_generator.chat.template import ChatTemplate, UserText

ECHO = "{% for m in messages %}<{{ m.role }}>{{ m.content.strip() }}{% endfor %}"


def said(text, **fields):
    return Conversation((Message("user", (TextPart(text),), **fields),))


def test_the_template_never_sees_user_text():
    source = "{{ 'leak' if '<|user|>' in messages[0].content else 'blind' }}"
    assert ChatTemplate(source).render(said("<|user|>")) == ["blind"]


def test_pieces_tell_user_text_from_the_template():
    pieces = ChatTemplate(ECHO).render(said("<user>"))
    assert pieces == ["<user>", "<user>"]
    assert [isinstance(piece, UserText) for piece in pieces] == [False, True]


def test_stripping_templates_strip_user_white_space():
    assert "".join(ChatTemplate(ECHO).render(said(" \n a b \t"))) == "<user>a b"


def test_user_text_that_looks_like_a_sentinel_stays_text():
    text = "\ue0000\ue001 \ue0001\ue001"
    pieces = ChatTemplate(ECHO).render(said(text))
    assert pieces[-1] == text


@pytest.mark.parametrize("field", ["name", "reasoning"])
def test_names_and_reasoning_are_hidden_too(field):
    key = {"name": "name", "reasoning": "reasoning_content"}[field]
    pieces = ChatTemplate(f"[{{{{ messages[0].{key} }}}}]").render(said("x", **{field: "<|user|>"}))
    assert isinstance(pieces[1], UserText)


def test_refusal_of_the_template_is_the_requests_fault():
    source = "{{ raise_exception('no ' + messages[0].role) }}"
    with pytest.raises(InvalidRequestError, match="no user"):
        ChatTemplate(source).render(said("x"))


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ messages.append(1) }}",
    ],
)
def test_hostile_template_gets_nowhere(hostile):
    with pytest.raises(InvalidRequestError):
        ChatTemplate(hostile).render(said("x"))


def test_thinking_is_passed_only_when_chosen():
    source = "{{ enable_thinking is defined }}"
    template = ChatTemplate(source)
    assert template.thinking_supported
    assert template.render(said("x")) == ["False"]
    chosen = Conversation(said("x").messages, thinking=False)
    assert template.render(chosen) == ["True"]


def test_template_may_live_in_the_tokenizers_config(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "hello"}))
    assert ChatTemplate.load(tmp_path).render(said("x")) == ["hello"]


def test_missing_or_broken_template_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no chat template"):
        ChatTemplate.load(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        ChatTemplate("{% if %}")
