"""The corpus of bad and unusual pictures: every case, and the tests that it has.

Cases are those that peers of this service got wrong. The first table has all of them in
the order of the corpus; the second the peers' advisories that concern pictures. A test is
named with the parameter that stands for the case, where it has parameters: one that is taken
out is missed here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES, SUITE = "encoder/test_corpus_files.py", "suite/test_corpus.py"
GOLDEN, DECODED = "encoder/test_image_golden.py", "encoder/test_image.py"
REFUSED, POOL = "encoder/test_image_refusals.py", "encoder/test_worker_pool.py"
SERVED, TWINS = "encoder/test_servicer.py", "encoder/test_servicer_twins.py"
KEYS, RECEIVED = "encoder/test_feature_key.py", "generator/test_feature_receiver.py"
BLOCKS, STORED = "generator/engine/test_block_hash.py", "encoder/test_shared_store.py"
CUT, WEB = "encoder/test_preprocess.py", "web/openai/test_bad_input.py"
BACK, REMOVED = "web/chat/test_served_back.py", "web/metadata/test_removal.py"
ROUTES, REST = "web/openai/test_routes.py", "web/openai/test_request.py"


def accepted(number: int, *more: str) -> tuple[str, ...]:
    """Pixels in the decoder, and an answer through REST."""
    return (
        f"{FILES}::test_accepted_picture_has_the_pixels_that_a_person_sees[{number}]",
        f"{SUITE}::test_accepted_picture_is_answered[{number}]",
        *more,
    )


def refused(number: int, *more: str) -> tuple[str, ...]:
    """The reason in the decoder, and through REST with a good picture behind it."""
    return (
        f"{FILES}::test_refused_picture_is_refused_for_its_reason[{number}]",
        f"{SUITE}::test_refused_picture_is_named_and_the_next_good_one_is_answered[{number}]",
        *more,
    )


def bad_url(*names: str) -> tuple[str, ...]:
    return tuple(f"{WEB}::test_bad_value_is_refused_by_name[{name}]" for name in names)


CASES: Mapping[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "CMYK JPEG",
        accepted(1, f"{GOLDEN}::test_cmyk_is_read_as_adobe_writes_it_marker_or_not"),
    ),
    2: ("grayscale", accepted(2, f"{GOLDEN}::test_gray_fills_the_range_at_every_depth")),
    3: ("gray with alpha over white", accepted(3)),
    4: ("RGBA over white", accepted(4, f"{GOLDEN}::test_every_alpha_lies_over_white")),
    5: ("palette", accepted(5, f"{GOLDEN}::test_palette_without_transparency_at_every_depth")),
    6: (
        "palette with tRNS",
        accepted(6, f"{GOLDEN}::test_every_alpha_of_a_palette_lies_over_white"),
    ),
    7: ("RGB with tRNS", accepted(7)),
    8: ("1 bit", accepted(8)),
    9: ("16-bit gray", accepted(9)),
    10: ("16-bit RGB", accepted(10)),
    11: ("EXIF orientations 1 to 8", accepted(11)),
    12: ("corrupt EXIF", accepted(12)),
    13: ("ICC profile", accepted(13)),
    14: ("invalid ICC profile", accepted(14)),
    15: ("progressive JPEG", accepted(15)),
    16: ("interlaced PNG", accepted(16)),
    17: ("animated GIF", accepted(17)),
    18: ("animated WebP", accepted(18)),
    19: (
        "APNG",
        accepted(19, f"{GOLDEN}::test_default_picture_of_an_apng_counts_and_not_its_animation"),
    ),
    20: (
        "trailing bytes, ZIP polyglot",
        accepted(
            20,
            f"{BACK}::test_no_reader_gets_metadata[of_link]",
            f"{REMOVED}::test_no_secret_stays_and_no_pixel_changes[JPEG]",
        ),
    ),
    21: (
        "wrong MIME type",
        (
            f"{WEB}::test_unusual_but_fine_request_is_answered[wrong type, real picture]",
            f"{WEB}::test_type_that_the_bytes_contradict_is_logged",
            f"{SUITE}::test_bytes_and_not_the_stated_type_decide",
        ),
    ),
    22: (
        "1 x 1",
        accepted(22, f"{CUT}::test_patches_and_grid_equal_the_checkpoints_processor"),
    ),
    23: (
        "same pixels, other bytes",
        (f"{TWINS}::test_same_pixels_in_other_bytes_have_their_own_key_and_equal_features",),
    ),
    24: (
        "data URL with parameters",
        (f"{WEB}::test_unusual_but_fine_request_is_answered[data URL with parameter]",),
    ),
    25: ("0 bytes", refused(25)),
    26: ("one byte", refused(26)),
    27: ("truncated header", refused(27)),
    28: ("truncated JPEG", refused(28, f"{REFUSED}::test_truncated_file_is_refused")),
    29: ("JPEG without end marker", refused(29)),
    30: ("bad IDAT", refused(30)),
    31: ("width 0", refused(31)),
    32: (
        "900 megapixels in 68 bytes",
        refused(32, f"{REFUSED}::test_900_megapixel_header_is_refused_without_memory"),
    ),
    33: ("144 megapixels", refused(33)),
    34: ("ratio above 200, and of 200", (*refused(34), *accepted(34))),
    35: ("zTXt bomb", refused(35)),
    36: ("GIF of 10,000 frames", refused(36, f"{REFUSED}::test_frame_limit_holds_exactly")),
    37: ("SVG", refused(37)),
    38: ("HEIC", refused(38)),
    39: ("AVIF, JPEG 2000", refused(39)),
    40: ("TIFF of several pages", refused(40)),
    41: ("PSD, FITS, EPS, PDF", refused(41)),
    42: ("HTML named .png", refused(42)),
    43: ("malformed base64", bad_url("sloppy base64", "Chinese", "null byte url")),
    44: ("base64url alphabet", bad_url("base64url")),
    45: ("missing padding", bad_url("no padding")),
    46: ("data URL without comma, text/plain", bad_url("no comma", "not base64", "text/plain")),
    47: ("file, ftp, http URLs", bad_url("file", "ftp", "http", "https")),
    48: (
        "too many pictures",
        (f"{SUITE}::test_one_picture_more_than_allowed_is_refused_before_any_is_looked_at",),
    ),
    49: (
        "bytes over the limit",
        (
            f"{SUITE}::test_file_over_the_limit_is_413_and_one_of_the_limit_is_not",
            f"{REFUSED}::test_byte_limit_holds_exactly",
            *bad_url("large"),
        ),
    ),
}

ADVISORIES: Mapping[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "picture's hash without mode, size, palette",
        tuple(
            f"{TWINS}::test_twins_never_share_features[{twins}]"
            for twins in ("width and height", "palettes", "16 and 8 bit of the same bytes")
        ),
    ),
    2: (
        "ids cut short",
        (
            f"{KEYS}::test_a_hundred_thousand_pictures_have_whole_keys_of_their_own",
            f"{BLOCKS}::test_a_hundred_thousand_pictures_share_no_block",
            f"{BLOCKS}::test_every_hash_is_whole_and_follows_from_content_and_salt",
        ),
    ),
    3: (
        "built-in hash in keys",
        (
            f"{KEYS}::test_keys_do_not_depend_on_the_process",
            f"{BLOCKS}::test_hashes_do_not_depend_on_the_process[4242]",
            "encoder/test_servicer_tiers.py::test_after_a_restart_the_disk_answers_with_the_same_bytes",
        ),
    ),
    4: (
        "timing between tenants",
        (
            "generator/test_tenants.py"
            "::test_tenants_share_no_prefix_blocks_and_one_tenant_shares_its_own[picture]",
            f"{SERVED}::test_salts_and_budgets_do_not_share_features",
        ),
    ),
    5: (
        "pickle on the wire",
        (
            "common/test_no_pickle.py::test_no_service_unpickles",
            "suite/test_grpc.py::test_pickles_sent_to_any_port_run_nothing",
        ),
    ),
    6: (
        "tensors larger than they are",
        (f"{RECEIVED}::test_absurd_sizes_are_refused_before_anything_comes",),
    ),
    7: (
        "features of another shape",
        (
            "generator/test_encoder_client.py"
            "::test_corrupt_answer_is_tried_twice_and_never_used[width]",
        ),
    ),
    8: (
        "file shorter than it says",
        ("encoder/test_disk_store.py::test_entry_of_any_other_length_is_a_miss_and_removed",),
    ),
    9: (
        "receiver that has forgotten",
        (
            "generator/test_reference_hints.py"
            "::test_whatever_is_forgotten_in_between_every_answer_is_the_cold_one",
        ),
    ),
    10: ("pixels counted after decoding", refused(32)),
    11: (
        "rare decoders",
        (
            f"{POOL}::test_too_much_memory_is_refused_by_a_real_limit",
            f"{REFUSED}::test_decoder_is_allowed_only_the_format_of_the_magic_number",
        ),
    ),
    13: (
        "1 x 1 read as channels first",
        (f"{CUT}::test_channels_are_last_however_thin_the_picture",),
    ),
    14: (
        "decoder's words leak",
        (
            f"{SERVED}::test_nothing_of_the_decoder_leaks_into_a_refusal",
            f"{SUITE}::test_refused_picture_is_named_and_the_next_good_one_is_answered",
            f"{ROUTES}::test_unexpected_failure_tells_no_details",
            f"{ROUTES}::test_error_after_start_is_an_event_and_no_done_follows",
        ),
    ),
    15: ("orientation, tRNS ignored", (*accepted(11), *accepted(6), *accepted(7))),
    16: (
        "frames without bound",
        (
            f"{REST}::test_what_is_no_video_is_refused_at_its_place",
            f"{REFUSED}::test_frame_limit_holds_for_other_animations[WEBP]",
            f"{REFUSED}::test_frame_limit_holds_for_other_animations[PNG]",
            "encoder/test_video_refusals.py::test_other_containers_never_reach_ffmpeg",
        ),
    ),
    17: ("fetched URL", bad_url("http", "https")),
    18: ("URL read differently", bad_url("http", "file")),
    19: ("redirected URL", bad_url("http")),
    21: (
        "egress of services",
        ("deploy/test_kubernetes.py::test_everything_that_runs_is_under_a_policy_of_its_own",),
    ),
    22: (
        "special tokens in text",
        ("generator/chat/test_prompt.py::test_special_tokens_in_any_user_text_stay_text",),
    ),
    29: (
        "caches without bound",
        ("encoder/test_feature_cache.py::test_ten_thousand_entries_stay_inside_the_bound",),
    ),
    40: (
        "uploads that run, or tell more than their pixels",
        (
            "web/chat/test_uploads.py::test_picture_is_served_with_its_real_type_and_no_rights",
            f"{BACK}::test_no_reader_gets_metadata[of_owner]",
            f"{BACK}::test_no_reader_gets_metadata[of_html]",
            f"{REMOVED}::test_orientation_is_the_only_thing_that_stays_of_exif",
        ),
    ),
    43: (
        "answer of a cancelled command",
        (f"{STORED}::test_cancelled_reads_leave_no_answer_for_the_next_reader",),
    ),
}

NO_PICTURES = {
    12: "hash-locked dependencies: constraints.txt and the images' scans",
    20: "Markdown: web renders it, and nothing fetches",
    **dict.fromkeys(range(23, 29), "templates, parameters and tools: the generator's requests"),
    **dict.fromkeys(range(30, 40), "grammars, accounts and HTTP: web's"),
    41: "browsers' origins: web's",
    42: "logs: common",
    **dict.fromkeys(range(44, 48), "gRPC, HTTP/2 and parsers: common and web"),
}
"""Advisories that no picture brings about, and where they are looked after."""


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((TESTS / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def parameter_ids(path: str, name: str) -> set[str]:
    """Returns what pytest writes behind a test's name, as far as ids are texts and numbers."""
    module = import_module(f"tests.{path.removesuffix('.py').replace('/', '.')}")
    marks = getattr(getattr(module, name), "pytestmark", [])
    lists = [list(_ids(mark)) for mark in marks if mark.name == "parametrize"]
    return {"-".join(parts) for parts in product(*reversed(lists))}


def _ids(mark: pytest.Mark) -> Iterator[str]:
    ids = mark.kwargs.get("ids")
    for value in mark.args[1] if ids is None or callable(ids) else ids:
        yield str(getattr(value, "__name__", value))


def listed() -> Iterator[tuple[str, str]]:
    for table, letter in ((CASES, "C"), (ADVISORIES, "A")):
        for number, (_name, tests) in table.items():
            for test in tests:
                yield f"{letter}{number}", test


@pytest.mark.parametrize(("number", "test"), list(listed()))
def test_case_has_a_test(number: str, test: str) -> None:
    path, _, name = test.partition("::")
    name, _, parameter = name.partition("[")

    assert name in functions_in(path)
    if parameter:
        assert parameter.removesuffix("]") in parameter_ids(path, name)


def test_no_case_is_left_out_or_without_a_test() -> None:
    assert list(CASES) == list(range(1, 50))
    assert all(tests for _name, tests in (*CASES.values(), *ADVISORIES.values()))


def test_no_advisory_is_left_out() -> None:
    assert sorted([*ADVISORIES, *NO_PICTURES]) == list(range(1, 48))
