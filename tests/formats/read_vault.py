"""Reads a vault with nothing but docs/formats: no line of Safehold runs here.

python read_vault.py VAULT KEY_FILE                    lists points
python read_vault.py VAULT KEY_FILE POINT_ID FOLDER    extracts one into a new folder
KEY_FILE is a root key file, or what read_kit.py makes of a recovery kit.
"""

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HEADER = struct.Struct(">8sHBxI32s")
TYPES = {"packs": 1, "trees": 2, "points": 3, "amendments": 4, "index": 5, "cold": 8}
DATA, PAGES, RECORD = 0, 1, 2
unpack = msgspec.msgpack.decode


def derive(key, salt, info):
    return HKDF(SHA256(), length=32, salt=salt, info=info).derive(key)


def decode(encoded):
    if encoded[:1] == b"\0":
        return encoded[1:]
    assert encoded[:1] == b"\1", "unknown frame encoding"
    return zstandard.ZstdDecompressor().decompress(encoded[1:])


class SealedObject:
    def __init__(self, vault, name):
        self.name = name
        self.data = Path(vault.folder, name).read_bytes()
        magic, version, kind, epoch, salt = HEADER.unpack(self.data[: HEADER.size])
        assert (magic, version, kind) == (b"SAFEHOLD", 1, TYPES[name.split("/")[0]]), f"{name}: header"
        self.cipher = AESGCM(derive(vault.keys["epochs"][epoch], salt, b"safehold/1/%d" % kind))
        self.binding = self.data[:16] + vault.id + name.encode()
        start, length = struct.unpack(">QI", self.open(0xFFFFFFFF, self.data[-28:]))
        version, frames = unpack(decode(self.open(0xFFFFFFFE, self.data[start : start + length])))[:2]
        assert version == 1, f"{name}: directory"
        self.frames, position = [], HEADER.size
        for kind, sealed_bytes, lengths, ids in (frame[:4] for frame in frames):
            self.frames.append((kind, position, sealed_bytes, lengths, ids))
            position += sealed_bytes

    def open(self, number, sealed):
        bound = self.binding + number.to_bytes(4, "big")
        return self.cipher.decrypt(number.to_bytes(12, "big"), sealed, bound)

    def plain(self, number):
        _, start, length, _, _ = self.frames[number]
        return decode(self.open(number, self.data[start : start + length]))

    def record(self):
        return unpack(self.plain(max(n for n, frame in enumerate(self.frames) if frame[0] == RECORD)))


class Vault:
    def __init__(self, folder, key_file):
        self.folder = folder
        key, *secret = [bytes.fromhex(word) for word in Path(key_file).read_text().split()]
        self.id, self.keys = (key, unpack(secret[0])) if secret else self.unwrap(key)
        self.places, self.kept = {}, (None, b"")  # chunk id -> object, frame, offset, length; last frame
        for name in [name for f in ("cold", "packs", "trees", "points") for name in self.names(f)]:
            for number, (kind, _, _, lengths, ids) in enumerate(SealedObject(self, name).frames):
                offset = 0
                for position, length in enumerate(lengths if kind in (DATA, PAGES) else ()):
                    self.places[ids[position * 32 : position * 32 + 32]] = name, number, offset, length
                    offset += length

    def unwrap(self, root_key):
        cipher = AESGCM(derive(root_key, None, b"safehold/wrap vault keys"))
        for number in sorted(os.listdir(Path(self.folder, "keys")), key=int, reverse=True):
            stored = unpack(Path(self.folder, "keys", number).read_bytes())
            wrapped, context = stored["wrapped"], b"safehold/vault-keys/" + stored["vault_id"]
            with suppress(InvalidTag):  # then somebody else wrapped these
                return stored["vault_id"], unpack(cipher.decrypt(wrapped[:12], wrapped[12:], context))
        sys.exit("this root key opens none of the vault's keys")

    def names(self, folder):
        found = (path for path in Path(self.folder, folder).rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.folder)) for path in found)

    def chunk(self, identity):
        name, number, offset, length = self.places[identity]
        if self.kept[0] != (name, number):
            self.kept = (name, number), SealedObject(self, name).plain(number)
        data = self.kept[1][offset : offset + length]
        assert blake3(data, key=self.keys["chunk_id_key"]).digest() == identity
        return data

    def points(self):
        for name in self.names("points"):
            record = SealedObject(self, name).record()
            changes = self.names(f"amendments/{record['point_id']}")
            yield record, [SealedObject(self, change).record() for change in changes]

    def items(self, page_id):
        level, entries = unpack(self.chunk(page_id)) if page_id else (0, [])
        for entry in entries:
            yield from [entry] if level == 0 else self.items(entry[1])

    def parts(self, content, size):
        if len(content) == 32:
            content = b"\1" + content + size.to_bytes(8, "big")
        for identity, length in struct.iter_unpack(">32sQ", content[1:]):
            yield from [(identity, length)] if content[0] == 1 else self.parts(self.chunk(identity), length)

    def extract(self, page_id, folder, links):
        os.mkdir(folder)
        for name, kind, size, facts, content, *_ in self.items(page_id):
            path = os.path.join(folder, name)
            if kind == 2:
                self.extract(content, path, links)
            elif kind == 3:
                os.symlink(facts["l"], path)
            elif kind == 4:
                links.append((facts["link_to"], path))
            elif kind in (1, 9, 10):
                with open(path, "xb") as file:
                    for identity, length in self.parts(content, size):
                        file.seek(length, 1) if identity == bytes(32) else file.write(self.chunk(identity))
                    file.truncate(size)
            else:
                print(f"left out, kind {kind}: {os.fsdecode(path)}", file=sys.stderr)


def main(folder, key_file, point_id=None, target=None):
    vault = Vault(folder, key_file)
    for record, changes in vault.points():
        if point_id is None:
            facts = record["point_id"], record["resource_arn"], record["taken_at"]
            print(*facts, ",".join(change["kind"] for change in changes), sep="\t")
        elif record["point_id"] == point_id:
            vault.extract(record["root"][4], os.fsencode(target), links := [])
            for first, path in links:  # what they link to may come later in the tree
                os.link(os.path.join(os.fsencode(target), first), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
