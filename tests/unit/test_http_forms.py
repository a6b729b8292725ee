"""How forms are read: as the original did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psd.errors import MalformedError, TooLargeError
from server.forms import FIELDS_MAX, read_form, read_upload

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=X"


def test_the_first_value_of_a_repeated_field_wins() -> None:
    assert read_form(URLENCODED, b"ids=1&ids=0&things=steps") == {"ids": "1", "things": "steps"}


def test_escapes_and_plus_signs_are_decoded() -> None:
    assert read_form(URLENCODED, b"ids=1%2C2+3&na%6De=") == {"ids": "1,2 3", "name": ""}


def test_parameters_and_case_of_the_content_type_do_not_matter() -> None:
    assert read_form("Application/X-WWW-Form-Urlencoded; charset=utf-8", b"a=b") == {"a": "b"}


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_another_content_type_is_no_form(content_type: str) -> None:
    assert read_form(content_type, b"ids=1") == {}


def test_a_pair_that_cannot_be_decoded_is_left_out() -> None:
    assert read_form(URLENCODED, b"ids=%zz&things=steps&a;b=1&&x") == {"things": "steps", "x": ""}


def test_more_fields_than_the_limit_are_refused() -> None:
    with pytest.raises(TooLargeError):
        read_form(URLENCODED, b"a=1&" * (FIELDS_MAX + 1))


def test_a_multipart_form_is_read() -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="ids"\r\n\r\n1,0\r\n'
        b"--X\r\ncontent-disposition: form-data; name=things\r\nX: y\r\n\r\nsteps\r\n--X--\r\n"
    )
    assert read_form(MULTIPART, body) == {"ids": "1,0", "things": "steps"}


def test_a_quoted_boundary_and_a_preamble_are_understood() -> None:
    body = b'before\r\n--a b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--a b--'
    assert read_form('multipart/form-data; boundary="a b"', body) == {"x": "1"}


def test_a_file_in_a_multipart_form_is_no_field() -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="ids"; filename="a.txt"\r\n\r\n9\r\n'
        b'--X\r\nContent-Disposition: form-data; name="ids"\r\n\r\n1\r\n--X--\r\n'
    )
    assert read_form(MULTIPART, body) == {"ids": "1"}
    found = read_upload(MULTIPART, body)
    assert (found.fields, found.files) == ({"ids": "1"}, {"ids": b"9"})


def test_a_file_is_read_as_it_is_and_one_that_was_not_chosen_is_none() -> None:
    body = (
        b'--X\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n\xff\r\n\r\n\0\r\n'
        b'--X\r\nContent-Disposition: form-data; name="g"; filename=""\r\n\r\n\r\n--X--'
    )
    found = read_upload(MULTIPART, body)
    assert (found.fields, found.files) == ({"g": ""}, {"f": b"\xff\r\n\r\n\0"})
    with pytest.raises(MalformedError):
        read_upload(MULTIPART, body[:-4])


def test_a_form_without_files_is_read_likewise() -> None:
    found = read_upload(URLENCODED, b"a=1")
    assert (found.fields, found.files) == ({"a": "1"}, {})


def test_more_parts_than_the_limit_are_refused() -> None:
    part = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    with pytest.raises(TooLargeError):
        read_form(MULTIPART, part * (FIELDS_MAX + 2))


def test_a_multipart_form_without_boundary_has_no_fields() -> None:
    assert read_form("multipart/form-data", b"--X\r\n") == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ids=1,2",
        b'--X\r\nContent-Disposition: form-data; name="ids"\r\n\r\n5,6,7',
        b'--X\r\nContent-Disposition: form-data; name="ids"\r\n\r\n5,6,7\r\n--X',
        b'--X\r\nContent-Disposition: form-data; name="ids"\r\n\r\n5,6,7\r\n--X-',
    ],
)
def test_a_multipart_form_that_is_cut_off_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError, match="closing boundary"):
        read_form(MULTIPART, body)


@given(st.sampled_from([URLENCODED, MULTIPART]), st.binary(max_size=200))
def test_no_body_breaks_the_reader(content_type: str, body: bytes) -> None:
    try:
        assert isinstance(read_form(content_type, body), dict)
    except MalformedError:
        assert content_type == MULTIPART
