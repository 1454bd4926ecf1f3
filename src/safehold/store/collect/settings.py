"""How careful collection is. Times are by the collector's clock; nothing is safe because of them alone."""

from __future__ import annotations

from dataclasses import dataclass

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """grace_seconds     between naming an object in a tombstone and taking it out of sight; as long, a point
                        that was deleted can still be read by a restore that had begun
    trash_seconds     between that and the end; so long it can be undeleted
    silence_seconds   a writer that did not renew its intent for so long is revoked
    most_dead_percent of all bytes that may go in one run without somebody saying so
    skew_seconds      how far ahead of us another clock may be
    repack_percent    of a pack that must be dead before what lives in it is written anew
    repack_bytes      most that one run writes anew; and never more than a tenth of the vault, or one pack; 0:
                      nothing is written anew
    """

    grace_seconds: float = 86_400.0
    trash_seconds: float = 7 * 86_400.0
    silence_seconds: float = 86_400.0
    most_dead_percent: float = 50.0
    skew_seconds: float = 300.0
    repack_percent: float = 25.0
    repack_bytes: int = 1 << 30
