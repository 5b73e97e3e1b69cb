import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.clients.codes import codes_of_address, codes_of_base32, codes_of_text

NOON = 1770465600
KEY, BASE32 = "12345678901234567890", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")])
def test_codes_are_those_of_the_standard(at, code):
    """RFC 6238, appendix B, of which six digits are used."""
    assert codes_of_text(KEY).at(at) == codes_of_base32(BASE32).at(at) == code
    assert codes_of_address(f"otpauth://totp/Nikki:club?secret={BASE32}").at(at) == code


def test_an_address_says_how_codes_are_made():
    codes = codes_of_address(f"otpauth://totp/Nikki:club?secret={BASE32}&digits=8&period=60")

    assert (codes.at(118), codes.interval) == ("94287082", 60)


def test_a_short_key_makes_codes():
    assert codes_of_base32("JBSWY3DP").at(0) == codes_of_text("Hello").at(0)


@given(key=st.text(st.characters(codec="ascii"), min_size=1, max_size=13))
def test_a_key_that_is_filled_up_makes_the_same_codes(key):
    digest = hmac.new(key.encode(), struct.pack(">Q", NOON // 30), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    assert codes_of_text(key).at(NOON) == f"{number % 10**6:06}"


@pytest.mark.parametrize("address", ["otpauth://hotp/N?secret=JBSWY3DP&counter=1", "otpauth://totp/N?secret=JBSWY3DP&digits=99"])
def test_an_address_that_makes_no_codes_is_refused(address):
    with pytest.raises(ValueError, match=r"."):
        codes_of_address(address)
