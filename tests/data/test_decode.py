from pathlib import Path

import pytest

from caviar.data.decode import decode
from caviar.errors import BadData

TEXT = "name,größe\nŁukasz,1\nZoë,2\n"


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte order mark"),
        ("utf-16", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("utf-16-le", "UTF-16 without a byte order mark"),
        ("utf-16-be", "UTF-16 without a byte order mark"),
    ],
)
def test_every_unicode_is_found(codec, encoding):
    assert decode(TEXT.encode(codec), Path("f.csv")) == (TEXT.encode(), encoding)


def test_other_bytes_are_windows_1252_and_said_with_a_word():
    text = "name,cost\nZoë,5€\n"
    data, encoding = decode(text.encode("cp1252"), Path("f.csv"))
    assert data.decode() == text
    assert encoding == "Windows-1252 (Latin-1), because it is not UTF-8 (it has 'Zoë')"
    assert decode(b"a,\xe9\x81\n", Path("f.csv"))[0].decode() == "a,é\x81\n"  # 0x81 is no cp1252


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b\n1,2\n3,\x004\n" + b"5,6\n" * 99, "line 3 has a NUL byte"),
        (bytes(range(256)) * 9, "control characters. Save the table as CSV"),
        (b"PK\x03\x04rest", "first bytes are those of a zip, Excel or npz file"),
        (b"\x1f\x8brest", "a gzip file"),
        ("a,b\n".encode("utf-16") + b"\x00", "begins as UTF-16, but byte"),
        (b"\xef\xbb\xbfa\xff", "save it again as UTF-8"),
    ],
)
def test_what_is_not_text_is_refused(data, words):
    with pytest.raises(BadData, match=words) as error:
        decode(data, Path("folder/f.csv"))
    assert "'f.csv'" in str(error.value)
    assert "\n" not in str(error.value)
