import json

import pytest

from benchmarks.answer import AnswerError, Arrival, Recording, read_answer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
ROLE = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
HELLO = {"choices": [{"delta": {"content": "Hello"}}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}


def event(value):
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def recording(*pieces, start_s=10.0):
    """Returns an exchange whose pieces arrive one a second."""
    arrivals = [Arrival(start_s + 1 + i, piece) for i, piece in enumerate(pieces)]
    return Recording(start_s, arrivals, start_s + len(pieces))


def test_first_token_is_the_first_text_and_not_the_role():
    pieces = (HEAD, chunk(event(ROLE)), chunk(event(HELLO)), chunk(event(USAGE)))
    assert read_answer(recording(*pieces)).sample.time_to_first_token_s == 3.0


def test_total_lasts_to_the_end_of_the_connection():
    pieces = (HEAD, chunk(event(HELLO)), chunk(event(USAGE)), chunk(event(HELLO)))
    assert read_answer(recording(*pieces)).sample.total_s == 4.0


def test_token_counts_are_the_servers_own():
    answer = read_answer(recording(HEAD, chunk(event(HELLO) + event(USAGE))))
    assert (answer.prompt_token_count, answer.sample.token_count) == (7, 2)


def test_event_cut_in_two_counts_when_it_is_complete():
    whole = chunk(event(HELLO))
    pieces = (HEAD, whole[:20], whole[20:], chunk(event(USAGE)))
    assert read_answer(recording(*pieces)).sample.time_to_first_token_s == 3.0


def test_reasoning_is_text_too():
    thought = {"choices": [{"delta": {"reasoning_content": "Hm"}}]}
    pieces = (HEAD, chunk(event(thought)), chunk(event(HELLO)), chunk(event(USAGE)))
    assert read_answer(recording(*pieces)).sample.time_to_first_token_s == 2.0


def test_answer_without_visible_text_has_its_first_token_at_its_end():
    pieces = (HEAD, chunk(event(ROLE)), chunk(event(USAGE)))
    assert read_answer(recording(*pieces)).sample.time_to_first_token_s == 3.0


def test_comments_and_the_done_line_are_no_events():
    body = b": ping\n\n" + event(HELLO) + event(USAGE) + b"data: [DONE]\n\n"
    assert read_answer(recording(HEAD, chunk(body))).sample.token_count == 2


def test_refusal_is_an_error_with_its_text():
    refusal = b"HTTP/1.1 429 Too Many\r\nContent-Length: 4\r\n\r\nfull"
    with pytest.raises(AnswerError, match="HTTP 429: full"):
        read_answer(recording(refusal))


def test_error_inside_the_stream_is_an_error():
    with pytest.raises(AnswerError, match="out of memory"):
        read_answer(recording(HEAD, chunk(event({"error": "out of memory"}))))


def test_stream_that_breaks_off_is_an_error():
    with pytest.raises(AnswerError, match="without usage"):
        read_answer(recording(HEAD, chunk(event(HELLO))))
