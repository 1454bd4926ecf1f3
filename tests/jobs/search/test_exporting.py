"""What a search found goes into a bucket of a real object store as compressed tables."""

from __future__ import annotations

import csv
import gzip
import io
import uuid

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.jobs.delivering import HINT
from tests.fixtures.seaweed import Seaweed
from tests.jobs.search.conftest import BOX, Library, files, steps_with

pytestmark = pytest.mark.slow


@pytest.fixture
def exporting(library: Library, seaweed: Seaweed) -> Library:
    library.steps = steps_with(library.house, BOX, delivery_endpoint=seaweed.endpoint)
    return library


def export(library: Library, search: str, bucket: str, prefix: str | None = None) -> str:
    where = {"DestinationBucket": bucket} | ({"DestinationPrefix": prefix} if prefix else {})
    started = library.call(
        "StartSearchResultExportJob",
        SearchJobIdentifier=search,
        ExportSpecification={"s3ExportSpecification": where},
    )
    job_id: str = started["ExportJobIdentifier"]
    assert library.call("GetSearchResultExportJob", ExportJobIdentifier=job_id)["Status"] == "RUNNING"
    library.run(job_id)
    return job_id


def test_what_was_found_is_exported(exporting: Library, seaweed: Seaweed) -> None:
    bucket = f"exports-{uuid.uuid4().hex[:8]}"
    s3 = seaweed.client()
    s3.create_bucket(Bucket=bucket)
    files(exporting.house.tree, 'a,b "c"\nd.txt', "other.txt")
    arn = exporting.back_up()
    search = exporting.search(FilePaths=[{"Value": "a,b", "Operator": "CONTAINS"}])
    job_id = export(exporting, search, bucket, "found/here/")
    job = exporting.call("GetSearchResultExportJob", ExportJobIdentifier=job_id)
    assert (job["Status"], job["StatusMessage"]) == ("COMPLETED", None)
    assert job["ExportSpecification"]["s3ExportSpecification"] == {
        "DestinationBucket": bucket,
        "DestinationPrefix": "found/here",
    }
    (stored,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert stored["Key"] == f"found/here/{search}/{job_id}/files.csv.gz"
    packed = s3.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read()
    (row,) = csv.DictReader(io.StringIO(gzip.decompress(packed).decode(), newline=""))
    assert (row["BackupResourceArn"], row["FilePath"], row["FileSize"]) == (arn, '/a,b "c"\nd.txt', "13")
    listed = exporting.call("ListSearchResultExportJobs", SearchJobIdentifier=search, Status="COMPLETED")
    assert [each["ExportJobIdentifier"] for each in listed["ExportJobs"]] == [job_id]


def test_an_export_to_nobody_fails_and_says_what_to_do(exporting: Library) -> None:
    search = exporting.search()
    exporting.steps = steps_with(
        exporting.house, BOX, delivery_endpoint="http://127.0.0.1:9"
    )  # discard: nobody listens there
    job_id = export(exporting, search, "bucket")
    job = exporting.call("GetSearchResultExportJob", ExportJobIdentifier=job_id)
    assert job["Status"] == "FAILED"
    assert HINT in job["StatusMessage"]


def test_a_search_that_runs_cannot_be_exported(exporting: Library) -> None:
    started = exporting.call("StartSearchJob", SearchScope={"BackupResourceTypes": ["EFS"]})
    with pytest.raises(InvalidParameterValue, match="ended"):
        export(exporting, started["SearchJobIdentifier"], "bucket")
