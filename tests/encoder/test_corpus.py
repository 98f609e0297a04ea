"""The corpus of bad and unusual pictures: every case, and the test that it has.

Cases are those that peers of this service got wrong. The first table has all of them in
the order of the corpus; the second the peers' advisories that concern pictures.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ACCEPTED, GOLDEN = "encoder/test_image.py", "encoder/test_image_golden.py"
REFUSED, POOL = "encoder/test_image_refusals.py", "encoder/test_worker_pool.py"
SERVED, TWINS = "encoder/test_servicer.py", "encoder/test_servicer_twins.py"
KEYS, RECEIVED = "encoder/test_feature_key.py", "generator/test_feature_receiver.py"
CUT, WEB = "encoder/test_preprocess.py", "web/openai/test_bad_input.py"
NO_PICTURE = (REFUSED, "test_what_is_no_picture_is_refused")
OTHER_FORMAT = (REFUSED, "test_other_picture_formats_are_refused")
BAD_URL = (WEB, "test_bad_value_is_refused_by_name")

CASES = {
    1: ("CMYK JPEG", GOLDEN, "test_cmyk_is_read_as_adobe_writes_it_marker_or_not"),
    2: ("grayscale", GOLDEN, "test_gray_fills_the_range_at_every_depth"),
    3: ("gray with alpha over white", ACCEPTED, "test_gray_with_alpha_lies_over_white"),
    4: ("RGBA over white", GOLDEN, "test_every_alpha_lies_over_white"),
    5: ("palette", GOLDEN, "test_palette_without_transparency_at_every_depth"),
    6: ("palette with tRNS", GOLDEN, "test_every_alpha_of_a_palette_lies_over_white"),
    7: ("RGB with tRNS", ACCEPTED, "test_transparent_colour_of_rgb_becomes_white"),
    8: ("1 bit", ACCEPTED, "test_one_bit_becomes_black_and_white"),
    9: ("16-bit gray", ACCEPTED, "test_16_bit_gray_is_rescaled_instead_of_saturated"),
    10: ("16-bit RGB", ACCEPTED, "test_16_bit_rgb_keeps_the_upper_byte"),
    11: ("EXIF orientations 1 to 8", ACCEPTED, "test_exif_orientation_is_undone"),
    12: ("corrupt EXIF", ACCEPTED, "test_corrupt_exif_counts_as_none"),
    13: ("ICC profile", ACCEPTED, "test_colour_profiles_are_ignored_valid_or_not"),
    14: ("invalid ICC profile", ACCEPTED, "test_colour_profiles_are_ignored_valid_or_not"),
    15: ("progressive JPEG", ACCEPTED, "test_progressive_jpeg_equals_baseline"),
    16: ("interlaced PNG", GOLDEN, "test_all_passes_of_an_interlaced_png_are_read"),
    17: ("animated GIF", ACCEPTED, "test_animation_gives_its_first_frame"),
    18: ("animated WebP", ACCEPTED, "test_animation_gives_its_first_frame"),
    19: ("APNG", GOLDEN, "test_default_picture_of_an_apng_counts_and_not_its_animation"),
    20: ("trailing bytes, ZIP polyglot", ACCEPTED, "test_trailing_bytes_change_nothing"),
    21: ("wrong MIME type", SERVED, "test_pixels_and_not_names_decide"),
    22: ("1 x 1", CUT, "test_patches_and_grid_equal_the_checkpoints_processor"),
    23: (
        "same pixels, other bytes",
        TWINS,
        "test_same_pixels_in_other_bytes_have_their_own_key_and_equal_features",
    ),
    24: ("data URL with parameters", WEB, "test_unusual_but_fine_request_is_answered"),
    25: ("0 bytes", *NO_PICTURE),
    26: ("one byte", *NO_PICTURE),
    27: ("truncated header", *NO_PICTURE),
    28: ("truncated JPEG", REFUSED, "test_truncated_file_is_refused"),
    29: ("JPEG without end marker", REFUSED, "test_jpeg_without_end_marker_is_refused"),
    30: ("bad IDAT", REFUSED, "test_damaged_pixels_are_refused"),
    31: ("width 0", REFUSED, "test_zero_width_is_refused"),
    32: (
        "900 megapixels in 68 bytes",
        REFUSED,
        "test_900_megapixel_header_is_refused_without_memory",
    ),
    33: (
        "144 megapixels",
        REFUSED,
        "test_144_megapixels_are_refused_inside_the_decoders_own_guard",
    ),
    34: ("ratio above 200", REFUSED, "test_ratio_above_200_is_refused"),
    35: ("zTXt bomb", REFUSED, "test_compressed_text_bomb_is_refused"),
    36: ("GIF of 10,000 frames", REFUSED, "test_frame_limit_holds_exactly"),
    37: ("SVG", *NO_PICTURE),
    38: ("HEIC", *NO_PICTURE),
    39: ("AVIF, JPEG 2000", *OTHER_FORMAT),
    40: ("TIFF of several pages", REFUSED, "test_tiff_of_several_pages_is_refused"),
    41: ("PSD, FITS, EPS, PDF", *NO_PICTURE),
    42: ("HTML named .png", *NO_PICTURE),
    43: ("malformed base64", *BAD_URL),
    44: ("base64url alphabet", *BAD_URL),
    45: ("missing padding", *BAD_URL),
    46: ("data URL without comma, text/plain", *BAD_URL),
    47: ("file, ftp, http URLs", *BAD_URL),
    48: ("too many pictures", "generator/test_validation.py", "test_refused_by_name"),
    49: ("bytes over the limit", REFUSED, "test_byte_limit_holds_exactly"),
}

ADVISORIES = {
    1: ("picture's hash without mode, size, palette", TWINS, "test_twins_never_share_features"),
    10: (
        "pixels counted after decoding",
        REFUSED,
        "test_900_megapixel_header_is_refused_without_memory",
    ),
    11: ("rare decoders", POOL, "test_too_much_memory_is_refused_by_a_real_limit"),
    13: ("1 x 1 read as channels first", CUT, "test_channels_are_last_however_thin_the_picture"),
    14: ("decoder's words leak", SERVED, "test_nothing_of_the_decoder_leaks_into_a_refusal"),
    15: ("orientation, tRNS ignored", ACCEPTED, "test_exif_orientation_is_undone"),
    16: ("frames without bound", REFUSED, "test_frame_limit_holds_for_other_animations"),
    17: ("fetched URL", *BAD_URL),
    18: ("URL read differently", *BAD_URL),
    19: ("redirected URL", *BAD_URL),
    2: ("ids cut short", KEYS, "test_a_hundred_thousand_pictures_have_whole_keys_of_their_own"),
    3: ("built-in hash in keys", KEYS, "test_keys_do_not_depend_on_the_process"),
    4: (
        "timing between tenants",
        "generator/test_tenants.py",
        "test_tenants_share_no_prefix_blocks_and_one_tenant_shares_its_own",
    ),
    5: ("pickle on the wire", "common/test_no_pickle.py", "test_no_service_unpickles"),
    6: (
        "tensors larger than they are",
        RECEIVED,
        "test_absurd_sizes_are_refused_before_memory_is_taken",
    ),
    7: (
        "features of another shape",
        "generator/test_encoder_client.py",
        "test_corrupt_answer_is_tried_twice_and_never_used",
    ),
    8: (
        "file shorter than it says",
        "encoder/test_disk_store.py",
        "test_entry_of_any_other_length_is_a_miss_and_removed",
    ),
    9: (
        "receiver that has forgotten",
        "generator/test_prefix_cache.py",
        "test_evicted_picture_is_fetched_again",
    ),
    21: (
        "egress of services",
        "deploy/test_kubernetes.py",
        "test_everything_that_runs_is_under_a_policy_of_its_own",
    ),
    22: (
        "special tokens in text",
        "generator/chat/test_prompt.py",
        "test_special_tokens_in_any_user_text_stay_text",
    ),
    29: (
        "caches without bound",
        "encoder/test_feature_cache.py",
        "test_ten_thousand_entries_stay_inside_the_bound",
    ),
    40: (
        "uploads that run",
        "web/chat/test_uploads.py",
        "test_picture_is_served_with_its_real_type_and_no_rights",
    ),
    43: (
        "answer of a cancelled command",
        "encoder/test_shared_store.py",
        "test_cancelled_reads_leave_no_answer_for_the_next_reader",
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
def functions_in(path):
    tree = ast.parse((TESTS / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


@pytest.mark.parametrize("case", [*CASES.values(), *ADVISORIES.values()], ids=lambda case: case[0])
def test_case_has_a_test(case):
    _, path, name = case

    assert name in functions_in(path)


def test_no_case_is_left_out():
    assert list(CASES) == list(range(1, 50))


def test_no_advisory_is_left_out():
    assert sorted([*ADVISORIES, *NO_PICTURES]) == list(range(1, 48))
