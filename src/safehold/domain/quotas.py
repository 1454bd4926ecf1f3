"""How many of each thing an account may have in a Region: AWS's published defaults, each of them a setting.

Source: AWS Backup Developer Guide, "AWS Backup quotas"; docs/parity/quotas.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from safehold.core.errors import ConfigError, LimitExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """0 is no limit. Names are those of the table `[quotas]` in `safehold.toml`."""

    vaults: int = 300
    plans: int = 300
    plan_versions: int = 2000
    selections_per_plan: int = 100
    points_per_vault: int = 1_000_000
    legal_holds: int = 50
    frameworks: int = 15
    controls: int = 50  # over all frameworks; one that is used twice counts twice
    report_plans: int = 20
    frameworks_per_report_plan: int = 1000
    restore_testing_plans: int = 100
    selections_per_restore_testing_plan: int = 30

    @staticmethod
    def of(given: Mapping[str, object]) -> Quotas:
        """AWS's own with these instead. Raises ConfigError for what is no quota."""
        names = [field.name for field in fields(Quotas)]
        for name, value in given.items():
            if name not in names:
                raise ConfigError(f"[quotas]: there is no quota {name!r}; there are {', '.join(names)}")
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ConfigError(f"[quotas]: {name} must be a whole number, 0 for no limit, not {value!r}")
        return Quotas(**given)  # type: ignore[arg-type]


AWS_QUOTAS = Quotas()


def check_room(quota: int, count: int, what: str, *, more: int = 1) -> None:
    """Raise LimitExceeded unless there is room for `more` beside the `count` that there are."""
    if quota and count + more > quota:
        raise LimitExceeded(f"An account has at most {quota} {what}; there are {count}")
