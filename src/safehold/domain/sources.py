"""Sources: the connections through which resources are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

TAGS_SETTING = "tags"


@dataclass(frozen=True, slots=True)
class Source:
    """A source as a person declared it.

    name             unique in its account and site
    kind             picks the connector: "files", ...
    resource_type    what its resources are to the API: "EFS", ...
    settings         the connector's own, and `tags` (see `declared_tags`)
    discovered_at    when it was last asked what it holds; None: never yet
    discovery_error  why the last asking failed; None: it did not
    """

    id: str
    account_id: str
    site: str
    name: str
    kind: str
    resource_type: str
    settings: Mapping[str, object]
    created_at: datetime
    discovered_at: datetime | None = None
    discovery_error: str | None = None

    @property
    def declared_tags(self) -> dict[str, str]:
        """Tags for every resource that this source finds."""
        declared = self.settings.get(TAGS_SETTING, {})
        if not isinstance(declared, Mapping):
            return {}
        return {str(key): str(value) for key, value in declared.items()}
