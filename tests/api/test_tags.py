"""Tags of vaults, plans and recovery points through the API."""

from __future__ import annotations

import pytest

from safehold.core.errors import (
    AccessDenied,
    InvalidParameterValue,
    LimitExceeded,
    ResourceNotFound,
    SafeholdError,
)
from safehold.domain import arns
from safehold.records import amendments, recovery_points
from tests.api.job_world import ACCOUNT, POINT, SHARE, SITE, TREE, VAULT_ARN, World, a_point

NATIVE_POINT = f"arn:aws:fsx:{SITE}:{ACCOUNT}:backup/backup-1"


def tags_of(world: World, arn: str) -> dict[str, str]:
    return dict(world.client().call("ListTags", ResourceArn=arn)["Tags"])


@pytest.mark.parametrize("arn", [VAULT_ARN, POINT], ids=["vault", "recovery point"])
def test_tags_are_merged_and_taken_away(world: World, arn: str) -> None:
    client = world.client()
    client.call("TagResource", ResourceArn=arn, Tags={"env": "test", "owner": "me"})
    client.call("TagResource", ResourceArn=arn, Tags={"env": "prod", "blank": ""})
    assert tags_of(world, arn) == {"blank": "", "env": "prod", "owner": "me"}
    client.call("UntagResource", ResourceArn=arn, TagKeyList=["env", "never there"])
    assert tags_of(world, arn) == {"blank": "", "owner": "me"}


def test_a_points_tags_are_told_to_its_vault(world: World) -> None:
    world.client().call("TagResource", ResourceArn=POINT, Tags={"a": "1", "b": "2"})
    world.client().call("UntagResource", ResourceArn=POINT, TagKeyList=["a"])
    world.client().call("TagResource", ResourceArn=VAULT_ARN, Tags={"a": "1"})
    with world.catalog.read() as tx:
        told = [(fact.recovery_point_id, fact.body) for fact in amendments.pending(tx, limit=9)]
    assert told == [("p-1", {"tags": {"a": "1", "b": "2"}}), ("p-1", {"tags": {"b": "2"}})]


def test_a_point_with_another_services_arn_has_its_tags_here(world: World) -> None:
    with world.catalog.begin() as tx:
        point = a_point(id="p-2", arn=NATIVE_POINT, resource_arn=SHARE, resource_type="FSx")
        recovery_points.insert_if_new(tx, point)
    world.client().call("TagResource", ResourceArn=NATIVE_POINT, Tags={"a": "1"})
    assert tags_of(world, NATIVE_POINT) == {"a": "1"}


def test_tags_are_paged_by_key(world: World) -> None:
    client = world.client()
    client.call("TagResource", ResourceArn=VAULT_ARN, Tags={"c": "3", "a": "1", "b": "2"})
    first = client.call("ListTags", ResourceArn=VAULT_ARN, MaxResults=2)
    assert first["Tags"] == {"a": "1", "b": "2"}
    rest = client.call("ListTags", ResourceArn=VAULT_ARN, MaxResults=2, NextToken=first["NextToken"])
    assert (rest["Tags"], rest["NextToken"]) == ({"c": "3"}, None)


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        pytest.param(arns.vault_arn(SITE, ACCOUNT, "none"), AccessDenied, id="a vault that is not there"),
        pytest.param(arns.vault_arn("eu-west-1", ACCOUNT, "Main"), AccessDenied, id="a vault elsewhere"),
        pytest.param(arns.vault_arn(SITE, "0" * 12, "Main"), AccessDenied, id="a vault of another account"),
        pytest.param(arns.plan_arn(SITE, ACCOUNT, "none"), ResourceNotFound, id="a plan that is not there"),
        pytest.param(POINT + "x", ResourceNotFound, id="a point that is not there"),
        pytest.param(NATIVE_POINT, InvalidParameterValue, id="another service's point that is not there"),
        pytest.param(f"arn:aws:backup:{SITE}:{ACCOUNT}:framework:x", ResourceNotFound, id="a framework"),
        pytest.param(f"arn:aws:backup:{SITE}:{ACCOUNT}:toaster:x", InvalidParameterValue, id="no such kind"),
        pytest.param(TREE, InvalidParameterValue, id="a resource: its own service tags it"),
        pytest.param("no arn", InvalidParameterValue, id="no ARN"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "more"),
    [("ListTags", {}), ("TagResource", {"Tags": {"a": "b"}}), ("UntagResource", {"TagKeyList": ["a"]})],
)
def test_what_cannot_be_tagged(
    world: World, arn: str, error: type[SafeholdError], operation: str, more: dict[str, object]
) -> None:
    with pytest.raises(error):
        world.client().call(operation, ResourceArn=arn, **more)


@pytest.mark.parametrize(
    ("operation", "more", "error"),
    [
        ("TagResource", {"Tags": {}}, InvalidParameterValue),
        ("UntagResource", {"TagKeyList": []}, InvalidParameterValue),
        ("TagResource", {"Tags": {"aws:x": "1"}}, InvalidParameterValue),
        ("TagResource", {"Tags": {str(number): "" for number in range(51)}}, LimitExceeded),
    ],
    ids=["no tags", "no keys", "a reserved key", "too many"],
)
def test_tags_that_are_refused(
    world: World, operation: str, more: dict[str, object], error: type[SafeholdError]
) -> None:
    with pytest.raises(error):
        world.client().call(operation, ResourceArn=VAULT_ARN, **more)
    assert tags_of(world, VAULT_ARN) == {}
