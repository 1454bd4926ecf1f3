"""Searches over many points: what is found, what is said of what cannot be searched, how they end."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from safehold.core.errors import Conflict, InvalidParameterValue, ResourceNotFound
from safehold.domain.point_indexes import IndexStatus
from safehold.jobs.runners import search as search_runner
from safehold.records import point_indexes, recovery_points, searches, tags
from safehold.records.tables_search import search_result
from safehold.store.trees.search_tables import Block, OpenBlock
from tests.jobs.search.conftest import Library, files


def text(value: str, operator: str = "CONTAINS") -> list[dict[str, str]]:
    return [{"Value": value, "Operator": operator}]


def number(value: object, operator: str) -> list[dict[str, object]]:
    return [{"Value": value, "Operator": operator}]


def test_a_file_is_found_in_every_point_that_has_it_and_in_no_other(library: Library) -> None:
    files(library.house.tree, "letters/one.txt", "letters/two.txt", "photo.raw")
    first = library.back_up()
    (library.house.tree / "letters/one.txt").unlink()
    files(library.house.tree, "new/one.md")
    second = library.back_up()
    job_id = library.search(FilePaths=text("one."))
    assert library.found(job_id) == [(second, "/new/one.md"), (first, "/letters/one.txt")]
    job = library.call("GetSearchJob", SearchJobIdentifier=job_id)
    assert (job["Status"], job["StatusMessage"]) == ("COMPLETED", None)
    assert job["SearchScopeSummary"] == {"TotalRecoveryPointsToScanCount": 2, "TotalItemsToScanCount": 6}
    assert job["CurrentSearchProgress"] == {
        "RecoveryPointsScannedCount": 2,
        "ItemsScannedCount": 6,
        "ItemsMatchedCount": 2,
    }
    backups = library.call("ListSearchJobBackups", SearchJobIdentifier=job_id)["Results"]
    assert [(b["BackupResourceArn"], b["Status"]) for b in backups] == [
        (second, "COMPLETED"),
        (first, "COMPLETED"),
    ]


def test_an_item_is_told_with_what_is_known_of_it(library: Library) -> None:
    files(library.house.tree, "letters/one.txt")
    os.utime(library.house.tree / "letters/one.txt", ns=(1, 1_700_000_000_123_456_789))
    arn = library.back_up()
    job_id = library.search()
    (found,) = library.call("ListSearchJobResults", SearchJobIdentifier=job_id)["Results"]
    item = found["EBSResultItem"]
    assert (item["BackupResourceArn"], item["SourceResourceArn"]) == (arn, library.house.resource_arn)
    assert (item["BackupVaultName"], item["FilePath"], item["FileSize"]) == (
        "Default",
        "/letters/one.txt",
        15,
    )
    assert item["LastModifiedTime"].timestamp() == pytest.approx(1_700_000_000.123456)


def test_names_that_are_no_text_are_found_and_shown(library: Library) -> None:
    with open(os.fsencode(library.house.tree) + b"/caf\xe9", "wb"):
        pass
    library.back_up()
    ((_, path),) = library.found(library.search(FilePaths=text("/caf", "BEGINS_WITH")))
    assert path == "/caf\\xe9"


def test_filters(library: Library) -> None:
    now = library.house.clock.now()
    for folder in "ab":
        (library.house.tree / folder).mkdir()
        for size in range(6):
            path = library.house.tree / folder / f"{size}.txt"
            path.write_bytes(b"x" * size)
            changed = (now + timedelta(hours=size - 4.5)).timestamp()
            os.utime(path, (changed, changed))
    library.back_up()
    late = number(now, "GREATER_THAN_EQUAL_TO")
    cases: list[tuple[dict[str, object], int]] = [
        ({}, 12),
        ({"FilePaths": text("/b/", "BEGINS_WITH")}, 6),
        ({"FilePaths": text("3.txt", "ENDS_WITH")}, 2),
        ({"FilePaths": [*text("/a/1", "BEGINS_WITH"), *text("/b/2", "BEGINS_WITH")]}, 2),
        ({"Sizes": number(3, "GREATER_THAN_EQUAL_TO")}, 6),
        ({"Sizes": number(3, "EQUALS_TO"), "FilePaths": text("/a/", "BEGINS_WITH")}, 1),
        ({"LastModificationTimes": late}, 2),
        ({"CreationTimes": late}, 0),
    ]
    for filters, count in cases:
        assert len(library.found(library.search(**filters))) == count, filters


def test_the_scope_says_which_points_are_searched(library: Library) -> None:
    files(library.house.tree, "one")
    first, second = library.back_up(), library.back_up()
    with library.house.catalog.begin() as tx:
        point = recovery_points.find_by_arn(tx, second, account_id=library.house.account_id)
        assert point is not None
        tags.put(tx, second, {"keep": "yes"})

    def searched(**scope: object) -> list[str]:
        return [arn for arn, _ in library.found(library.search(scope=scope))]

    assert searched() == [second, first]
    assert searched(BackupResourceArns=[first]) == [first]
    assert searched(BackupResourceTags={"keep": "yes"}) == [second]
    assert searched(BackupResourceTags={"team": "blue"}) == [second, first]
    assert searched(BackupResourceTags={"safehold:vault": "Other"}) == []
    assert searched(BackupResourceTags={"safehold:vault": "Default", "keep": "no"}) == []
    assert searched(BackupResourceTypes=["S3", "EFS", "FSx"]) == [second, first]
    assert searched(BackupResourceTypes=["FSx"]) == []
    assert searched(SourceResourceArns=[library.house.resource_arn]) == [second, first]
    assert searched(SourceResourceArns=["arn:other"]) == []
    created = {"BackupResourceCreationTime": {"CreatedAfter": point.created_at - timedelta(minutes=1)}}
    assert searched(**created) == [second]


def test_points_without_an_active_index_are_told_and_not_searched(library: Library) -> None:
    files(library.house.tree, "one")
    arn = library.back_up()
    library.house.back_up()  # never indexed: nobody speaks of it
    with library.house.catalog.begin() as tx:
        point = recovery_points.find_by_arn(tx, arn, account_id=library.house.account_id)
        assert point is not None
        point_indexes.update_index(tx, point.id, status=IndexStatus.FAILED)
    job_id = library.search()
    (backup,) = library.call("ListSearchJobBackups", SearchJobIdentifier=job_id)["Results"]
    assert (backup["Status"], "FAILED" in backup["StatusMessage"]) == ("FAILED", True)
    assert library.found(job_id) == []
    job = library.call("GetSearchJob", SearchJobIdentifier=job_id)
    assert (job["Status"], job["StatusMessage"][:1]) == ("COMPLETED", "1")


def test_an_index_that_was_lost_is_made_again(library: Library) -> None:
    files(library.house.tree, "one", "two")
    arn = library.back_up()
    place = library.house.access.place(library.house.vault)
    for info in list(place.list("search/")):
        place.delete(info.name)
    assert library.found(library.search(FilePaths=text("one"))) == [(arn, "/one")]
    assert len(list(place.list("search/"))) == 1
    assert library.found(library.search(FilePaths=text("two"))) == [(arn, "/two")]


def test_a_block_that_is_damaged_while_it_is_searched_is_made_again(library: Library) -> None:
    files(library.house.tree, "one", "two")
    arn = library.back_up()
    place = library.house.access.place(library.house.vault)
    (info,) = place.list("search/")
    data = bytearray(place.get(info.name))
    data[60] ^= 1  # in its first block
    place.delete(info.name)
    place.put(info.name, [data])
    assert library.found(library.search(FilePaths=text("one"))) == [(arn, "/one")]


def test_blocks_that_points_share_are_read_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    files(library.house.tree, *(f"{n}" for n in range(40)))
    points = [library.back_up() for _ in range(3)]
    reads = []
    read = OpenBlock.read

    def counted(block: OpenBlock) -> Block:
        reads.append(block)
        return read(block)

    monkeypatch.setattr(OpenBlock, "read", counted)
    job_id = library.search(FilePaths=text("7"))
    assert len(library.found(job_id)) == 4 * len(points)
    assert len(reads) == 1
    assert library.found(library.search(Sizes=number(1000, "GREATER_THAN_EQUAL_TO"))) == []
    assert len(reads) == 1, "no size in the block is that large, so it need not be read"


def test_a_second_attempt_finds_everything_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    files(library.house.tree, *(f"{n}" for n in range(9)))
    library.back_up()
    monkeypatch.setattr(search_runner, "ROWS_TOGETHER", 2)
    started = library.call("StartSearchJob", SearchScope={"BackupResourceTypes": ["EFS"]})
    job_id = started["SearchJobIdentifier"]
    assert library.steps.prepare(job_id)
    library.steps.run(job_id)  # and the worker dies before it could say so
    outcome = library.steps.run(job_id)
    assert outcome is not None
    library.steps.finish(job_id, outcome)
    assert len(library.found(job_id)) == 9


def test_a_search_is_stopped_and_keeps_what_it_had_found(library: Library) -> None:
    files(library.house.tree, "one")
    library.back_up()
    job_id = library.call("StartSearchJob", SearchScope={"BackupResourceTypes": ["EFS"]})[
        "SearchJobIdentifier"
    ]
    library.call("StopSearchJob", SearchJobIdentifier=job_id)
    assert library.call("GetSearchJob", SearchJobIdentifier=job_id)["Status"] == "STOPPING"
    with pytest.raises(Conflict):
        library.call("StopSearchJob", SearchJobIdentifier=job_id)
    assert library.run(job_id).state == "ABORTED"
    assert library.call("GetSearchJob", SearchJobIdentifier=job_id)["Status"] == "STOPPED"
    with pytest.raises(Conflict):
        library.call("StopSearchJob", SearchJobIdentifier=job_id)


def test_searches_are_listed_by_status_for_seven_days(library: Library) -> None:
    done = library.search()
    waiting = library.call("StartSearchJob", SearchScope={"BackupResourceTypes": ["EFS"]}, Name="mine")

    def listed(**filters: object) -> list[str]:
        return [job["SearchJobIdentifier"] for job in library.call("ListSearchJobs", **filters)["SearchJobs"]]

    assert set(listed()) == {waiting["SearchJobIdentifier"], done}
    assert listed(ByStatus="COMPLETED") == [done]
    assert listed(ByStatus="RUNNING") == [waiting["SearchJobIdentifier"]]
    library.house.clock.at += timedelta(days=8)
    assert listed() == []
    with pytest.raises(ResourceNotFound):
        library.call("GetSearchJob", SearchJobIdentifier=done)


def test_the_same_token_starts_one_search(library: Library) -> None:
    request = {"SearchScope": {"BackupResourceTypes": ["EFS"]}, "ClientToken": "t", "Tags": {"for": "me"}}
    first, again = (library.call("StartSearchJob", **request) for _ in range(2))
    assert first == again
    arn = first["SearchJobArn"]
    assert library.call("ListTagsForResource", ResourceArn=arn)["Tags"] == {"for": "me"}
    library.call("TagResource", ResourceArn=arn, Tags={"more": "x"})
    library.call("UntagResource", ResourceArn=arn, TagKeys=["for", "never"])
    assert library.call("ListTagsForResource", ResourceArn=arn)["Tags"] == {"more": "x"}
    with pytest.raises(ResourceNotFound):
        library.call("ListTagsForResource", ResourceArn=arn.replace("search-job", "search-export-job"))


def test_filters_for_items_that_the_scope_has_none_of_are_refused(library: Library) -> None:
    objects = {"S3ItemFilters": [{"ObjectKeys": text("x")}]}
    with pytest.raises(InvalidParameterValue, match="S3"):
        library.call("StartSearchJob", SearchScope={"BackupResourceTypes": ["EFS"]}, ItemFilters=objects)
    with pytest.raises(InvalidParameterValue, match="other than S3"):
        library.call(
            "StartSearchJob",
            SearchScope={"BackupResourceTypes": ["S3"]},
            ItemFilters={"EBSItemFilters": [{"FilePaths": text("x")}]},
        )


def test_what_was_found_is_sealed_in_the_catalog_and_forgotten_in_time(library: Library) -> None:
    files(library.house.tree, "a-name-that-is-a-secret")
    library.back_up()
    job_id = library.search()
    with library.house.catalog.read() as tx:
        (row,) = tx.execute(search_result.select())
    assert b"secret" not in row.sealed
    with library.house.catalog.begin() as tx:
        assert searches.forget_found_before(tx, library.house.clock.now()) == 0
        assert searches.forget_found_before(tx, library.house.clock.now() + timedelta(1)) == 1
    assert library.found(job_id) == []
