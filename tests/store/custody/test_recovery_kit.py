from __future__ import annotations

import random

import pytest

from safehold.core.errors import KitError
from safehold.store.custody.recovery_kit import decode_lines, encode_lines, make_kit, parse_kit
from safehold.store.sealed.keys import new_vault_keys, with_new_epoch

KEYS = {bytes([number] * 16): new_vault_keys() for number in range(3)}

pytestmark = pytest.mark.slow  # a passphrase is made costly to guess, and so to test
PASSPHRASE = "correct horse battery stäple"


@pytest.fixture(scope="module")
def protected() -> list[str]:
    return make_kit(KEYS, passphrase=PASSPHRASE)


def test_a_kit_gives_the_keys_of_its_vaults_back(protected: list[str]) -> None:
    kit = parse_kit("\n".join(protected))
    assert kit.is_protected
    assert kit.vault_ids() == list(KEYS)
    assert kit.open(PASSPHRASE) == KEYS


def test_a_plain_kit_needs_no_passphrase() -> None:
    kit = parse_kit("\n".join(make_kit(KEYS, passphrase=None)))
    assert not kit.is_protected
    assert kit.open(None) == KEYS


def test_a_kit_holds_every_epoch() -> None:
    keys = {bytes(16): with_new_epoch(with_new_epoch(new_vault_keys()))}
    assert parse_kit("\n".join(make_kit(keys, passphrase=None))).open(None) == keys


def test_no_secret_shows_in_a_protected_kit(protected: list[str]) -> None:
    data = decode_lines(protected)
    for keys in KEYS.values():
        hidden = (keys.chunk_id_key, keys.page_key, *keys.epochs.values())
        assert [secret for secret in hidden if secret in data] == []


@pytest.mark.parametrize("passphrase", [None, "", "Correct horse battery stäple"])
def test_another_passphrase_opens_nothing(protected: list[str], passphrase: str | None) -> None:
    with pytest.raises(KitError, match="passphrase"):
        parse_kit("\n".join(protected)).open(passphrase)


def test_a_passphrase_is_the_same_however_its_accents_are_written(protected: list[str]) -> None:
    assert parse_kit("\n".join(protected)).open(PASSPHRASE.replace("ä", "a\u0308")) == KEYS


def test_two_kits_of_the_same_keys_share_nothing(protected: list[str]) -> None:
    again = decode_lines(make_kit(KEYS, passphrase=PASSPHRASE))
    assert again[-40:] != decode_lines(protected)[-40:]


def test_what_stands_around_the_digits_does_not_matter(protected: list[str]) -> None:
    page = ["SAFEHOLD RECOVERY KIT", "made 2026-11-24", "", *protected, "", "page 1 of 1"]
    assert parse_kit("\r\n".join(page)).open(PASSPHRASE) == KEYS


def test_a_page_typed_by_hand_may_look_otherwise(protected: list[str]) -> None:
    numbers = [line[:3] for line in protected[:-1]]
    digits = ["".join(line[3:].split()) for line in protected[:-1]]
    typed = [f"   {number}: {line}" for number, line in zip(numbers, digits, strict=True)]
    typed = [line.replace("a", "A").replace("0000", "oOoO") for line in typed]
    assert parse_kit("\n".join([*reversed(typed), protected[-1].upper()])).open(PASSPHRASE) == KEYS


def test_every_mistyped_digit_is_found_in_its_line(protected: list[str]) -> None:
    chance = random.Random(3)
    for _ in range(300):
        at = chance.randrange(len(protected) - 1)
        line = protected[at]
        place = chance.choice([spot for spot in range(5, len(line)) if line[spot] != " "])
        digit = chance.choice([other for other in "0123456789abcdef" if other != line[place]])
        typed = [*protected[:at], line[:place] + digit + line[place + 1 :], *protected[at + 1 :]]
        with pytest.raises(KitError, match=rf"mistyped: line {at + 1:03}$") as refused:
            parse_kit("\n".join(typed))
        assert "Compare" in refused.value.hint


def test_lines_left_out_swapped_or_cut_off_are_named(protected: list[str]) -> None:
    with pytest.raises(KitError, match=r"missing: line 002, 005$"):
        parse_kit("\n".join([protected[0], *protected[2:4], *protected[5:]]))
    swapped = [protected[0][:3] + protected[1][3:], protected[1][:3] + protected[0][3:], *protected[2:]]
    with pytest.raises(KitError, match=r"mistyped: line 001, 002$"):
        parse_kit("\n".join(swapped))
    with pytest.raises(KitError, match=r"mistyped: line 003; missing: line 004$"):
        parse_kit("\n".join([*protected[:2], protected[2][:20], *protected[4:]]))
    with pytest.raises(KitError, match="its last line is missing"):
        parse_kit("\n".join(protected[:-1]))
    with pytest.raises(KitError, match="look at the last line"):
        parse_kit("\n".join([*protected[:-1], "end " + protected[-1][4:7] + " 01234567"]))


@pytest.mark.parametrize("text", ["", "a page about something else", "001 zz", "end 000 e3b0c442"])
def test_what_is_no_kit_is_refused(text: str) -> None:
    with pytest.raises(KitError):
        parse_kit(text)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 4096])
def test_lines_of_any_data_read_back(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert decode_lines(encode_lines(data)) == data


def test_a_kit_that_asks_for_endless_work_is_refused() -> None:
    import msgspec

    payload = msgspec.msgpack.encode([1, [bytes(16), 1 << 30, 8, 1], [[bytes(16), bytes(100)]]])
    with pytest.raises(KitError, match="more work"):
        parse_kit("\n".join(encode_lines(payload))).open("x")
