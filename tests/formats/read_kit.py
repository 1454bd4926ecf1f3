"""Opens a recovery kit with nothing but docs/formats: no line of Safehold runs here.

python read_kit.py KIT VAULT_ID > KEY_FILE    the passphrase is read from standard input when the kit has one

KEY_FILE is for read_vault.py and as secret as a root key: it holds the vault's id and its keys, in hex.
"""

import hashlib
import re
import sys
import unicodedata
import uuid

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def lines_of(text):
    end = re.search(r"^end (\d+) ([0-9a-f]{8})$", text, re.M)
    for found in re.finditer(r"^(\d{3,}) ([0-9a-f ]+)$", text, re.M):
        line = bytes.fromhex(found[2])
        part, check = line[:-2], line[-2:]
        assert hashlib.sha256(found[1].encode() + part).digest()[:2] == check, f"line {found[1]}"
        yield part
    assert int(end[1]) == len(re.findall(r"^\d{3,} ", text, re.M)), "a line is missing"


def main(kit, vault_id):
    with open(kit, encoding="utf-8") as file:
        data = b"".join(lines_of(file.read()))
    version, scrypted, vaults = msgspec.msgpack.decode(data)[:3]
    assert version == 1, "a later version"
    wanted = uuid.UUID(vault_id).bytes
    (secret,) = (entry[1] for entry in vaults if entry[0] == wanted)
    if scrypted:
        salt, n, r, p = scrypted[:4]
        passphrase = unicodedata.normalize("NFKC", sys.stdin.readline().rstrip("\r\n")).encode()
        key = hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, maxmem=1 << 30, dklen=32)
        secret = AESGCM(key).decrypt(secret[:12], secret[12:], b"safehold/recovery-kit/" + wanted)
    print(wanted.hex(), secret.hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
