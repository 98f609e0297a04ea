from sightline_common.digest import combined_digest, is_digest, sha256_digest


def test_digest_of_known_bytes_is_the_published_one():
    expected = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_digest(b"") == expected


def test_digest_has_the_form_that_is_checked():
    assert is_digest(sha256_digest(b"x"))
    assert not is_digest("sha256:" + "g" * 64)
    assert not is_digest("e3b0c442")


def test_parts_do_not_run_into_each_other():
    assert combined_digest(["ab", "c"]) != combined_digest(["a", "bc"])
    assert combined_digest(["a"]) != combined_digest(["a", ""])
