"""What this installation is, for whoever may sign a request to it."""

from __future__ import annotations

from collections.abc import Mapping

from safehold import __version__
from safehold.api.call import Call
from safehold.api.native import NativeRequest, endpoint


@endpoint("GET", "/status")
def status(call: Call, _: NativeRequest) -> Mapping[str, object]:
    """The version, who asks, of which site, what limits hold, and what keeps the catalog."""
    return {
        "version": __version__,
        "account_id": call.account_id,
        "site": call.site,
        "principal_arn": call.principal.arn,
        "aws_limits": call.config.aws_limits,
        "catalog": call.tx.dialect.name,
        "now": call.now,
    }
