"""Only who holds the secret is let in, only for what was signed, only in time. The stock client signs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from safehold.api.wire.authenticate import Identity, KeyRecord, authenticate
from safehold.api.wire.http import HttpRequest, read_request
from safehold.core.errors import WireError
from tests.api.conftest import KEYS, ROOT, MovableClock, find_key

Make = Callable[..., BaseClient]
URL = "http://127.0.0.1:7/backup-vaults/a%2Fb%20%C3%BC/recovery-points/arn%3Aaws%3As3%3A%3A%3Ax?b=2&a-b=1&a=%20%C3%BC"
SIGNED = {"Content-Type": "application/json", "X-Amz-Custom": "a   b"}


def signed(
    *,
    url: str = URL,
    body: bytes = b'{"a": 1}',
    key: str = "AKIAROOT",
    secret: str | None = None,
    token: str | None = None,
    presigned: bool = False,
    signer: type[SigV4Auth] = SigV4Auth,
) -> HttpRequest:
    record = KEYS.get(key, KEYS["AKIAROOT"])
    request = AWSRequest("PUT", url, data=b"" if presigned else body, headers={} if presigned else SIGNED)
    signer = SigV4QueryAuth if presigned else signer
    signer(Credentials(key, secret or record.secret, token), "backup", "eu-north-1").add_auth(request)
    prepared = request.prepare()
    target = urlsplit(prepared.url)
    headers = {name.encode(): value.encode() for name, value in prepared.headers.items()}
    headers.setdefault(b"Host", target.netloc.encode())
    return read_request(
        "PUT", target.path.encode(), target.query.encode(), headers.items(), prepared.body or b""
    )


def check(request: HttpRequest, *, service: str = "backup", later: timedelta = timedelta()) -> Identity:
    return authenticate(request, service=service, now=datetime.now(UTC) + later, find_key=find_key)


def changed(request: HttpRequest, **parts: object) -> HttpRequest:
    names = ("method", "raw_path", "query", "headers", "body")
    return HttpRequest(**{name: getattr(request, name) for name in names} | parts)


def refusal_of(request: HttpRequest, **options: object) -> str:
    with pytest.raises(WireError) as caught:
        check(request, **options)
    assert caught.value.http_status == 403
    return caught.value.wire_code


@pytest.mark.parametrize("presigned", [False, True], ids=["in a header", "in the query"])
def test_what_the_stock_signer_signs_is_accepted_and_names_the_site(presigned: bool) -> None:
    assert check(signed(presigned=presigned)) == Identity(ROOT, "eu-north-1", "AKIAROOT")


@pytest.mark.parametrize("presigned", [False, True], ids=["in a header", "in the query"])
@pytest.mark.parametrize(
    "parts",
    [
        {"method": "DELETE"},
        {"raw_path": "/backup-vaults/other"},
        {"query": [("a", "2")]},
        {"body": b'{"a": 2}'},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_anything_changed_after_signing_is_refused(presigned: bool, parts: dict[str, object]) -> None:
    request = signed(presigned=presigned)
    if presigned and "query" in parts:
        parts = {"query": [*request.query, ("a", "2")]}
    assert refusal_of(changed(request, **parts)) == "InvalidSignatureException"


@pytest.mark.parametrize("name", ["host", "content-type", "x-amz-custom"])
def test_a_signed_header_changed_is_refused(name: str) -> None:
    request = signed()
    headers = {**request.headers, name: "other"}
    assert refusal_of(changed(request, headers=headers)) == "InvalidSignatureException"


def test_a_header_that_aws_gives_a_meaning_must_be_signed() -> None:
    request = signed()
    headers = {**request.headers, "x-amz-added": "later"}
    assert refusal_of(changed(request, headers=headers)) == "InvalidSignatureException"


@pytest.mark.parametrize("presigned", [False, True], ids=["in a header", "in the query"])
def test_a_wrong_secret_and_an_unknown_key_are_told_apart(presigned: bool) -> None:
    wrong = signed(secret="guess", presigned=presigned)
    assert refusal_of(wrong) == "InvalidSignatureException"
    unknown = signed(key="AKIANOBODY", presigned=presigned)
    assert refusal_of(unknown) == "UnrecognizedClientException"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_sixteen_minutes_off_is_refused(minutes: int) -> None:
    assert refusal_of(signed(), later=timedelta(minutes=minutes)) == "InvalidSignatureException"


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_that_is_fourteen_minutes_off_is_accepted(minutes: int) -> None:
    check(signed(), later=timedelta(minutes=minutes))


def test_a_presigned_request_lives_as_long_as_it_says() -> None:
    check(signed(presigned=True), later=timedelta(minutes=59))
    late = timedelta(minutes=61)
    assert refusal_of(signed(presigned=True), later=late) == "InvalidSignatureException"


def test_a_signature_for_another_service_is_refused() -> None:
    assert refusal_of(signed(), service="sts") == "InvalidSignatureException"


@pytest.mark.parametrize("presigned", [False, True], ids=["in a header", "in the query"])
@pytest.mark.parametrize(
    ("key", "token"),
    [("ASIATEMPORARY", None), ("ASIATEMPORARY", "other"), ("AKIAROOT", "a+token/=")],
    ids=["missing", "another", "not of this key"],
)
def test_a_session_token_must_be_the_one_of_the_key(presigned: bool, key: str, token: str | None) -> None:
    assert refusal_of(signed(key=key, token=token, presigned=presigned)) == "UnrecognizedClientException"


@pytest.mark.parametrize("presigned", [False, True], ids=["in a header", "in the query"])
def test_a_temporary_key_works_with_its_token_until_it_expires(presigned: bool) -> None:
    check(signed(key="ASIATEMPORARY", token="a+token/=", presigned=presigned))
    expired = signed(key="ASIAEXPIRED", token="t", presigned=presigned)
    assert refusal_of(expired) == "ExpiredTokenException"


def test_who_does_not_sign_is_told_so() -> None:
    assert refusal_of(changed(signed(), headers={"host": "a"})) == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("Credential=", "Kredential="),
        ("Signature=", "Zignature="),
        ("/aws4_request", "/aws5_request"),
        ("/eu-north-1/", "/"),
        ("/eu-north-1/", "/eu north/"),
        ("AKIAROOT", ""),
        ("AKIAROOT", "é"),
        ("Credential=", ",,,=,"),
    ],
)
def test_half_an_authorization_header_is_incomplete(good: str, bad: str) -> None:
    request = signed()
    headers = {**request.headers, "authorization": request.headers["authorization"].replace(good, bad)}
    assert refusal_of(changed(request, headers=headers)) == "IncompleteSignatureException"


@pytest.mark.parametrize(
    "date", ["", "yesterday", "20261399T000000Z", "20260101T000000", "\u0662\u0660260101T000000Z"]
)
def test_a_date_that_is_none_is_refused(date: str) -> None:
    request = signed()
    refusal = refusal_of(changed(request, headers={**request.headers, "x-amz-date": date}))
    assert refusal in ("IncompleteSignatureException", "InvalidSignatureException")


@pytest.mark.parametrize("seconds", ["", "0", "-5", "604801", "1e3", "99999999999999999999"])
def test_a_presigned_request_may_not_live_longer_than_a_week(seconds: str) -> None:
    request = signed(presigned=True)
    query = [(name, seconds if name == "X-Amz-Expires" else value) for name, value in request.query]
    assert refusal_of(changed(request, query=query)) == "IncompleteSignatureException"


@pytest.mark.parametrize("names", ["", "{};x-amz-none", "x;{}", "{};", "é;{}"])
def test_signed_headers_must_have_been_sent(names: str) -> None:
    request = signed()
    authorization = request.headers["authorization"]
    listed = authorization.split("SignedHeaders=")[1].split(",")[0]
    headers = {**request.headers, "authorization": authorization.replace(listed, names.format(listed))}
    assert refusal_of(changed(request, headers=headers)) == "InvalidSignatureException"


class OfYesterday(SigV4Auth):
    """Signs with the key that was derived for the day before, as who stole that key alone would."""

    def credential_scope(self, request: AWSRequest) -> str:
        return self._yesterday(request, super().credential_scope)

    def scope(self, request: AWSRequest) -> str:
        return self._yesterday(request, super().scope)

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        return self._yesterday(
            request, lambda request: super(OfYesterday, self).signature(string_to_sign, request)
        )

    def _yesterday(self, request: AWSRequest, made: Callable[[AWSRequest], str]) -> str:
        today = request.context["timestamp"]
        day = datetime.strptime(today[:8], "%Y%m%d") - timedelta(days=1)  # noqa: DTZ007
        request.context["timestamp"] = f"{day:%Y%m%d}{today[8:]}"
        answer = made(request)
        request.context["timestamp"] = today
        return answer


def test_a_derived_key_is_good_for_its_own_day_only() -> None:
    assert refusal_of(signed(signer=OfYesterday)) == "InvalidSignatureException"


def test_a_secret_is_not_in_the_text_of_a_record() -> None:
    assert "hidden" not in repr(KeyRecord("hidden", ROOT, session_token="hidden"))


def code_of(client: BaseClient, operation: str = "list_backup_vaults", **params: object) -> str:
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**params)
    return caught.value.response["Error"]["Code"]


def test_the_stock_client_gets_in(client: Make, stand_in: dict) -> None:
    stand_in["backup", "ListBackupVaults"] = lambda call, req: {"BackupVaultList": []}
    assert client().list_backup_vaults()["BackupVaultList"] == []
    assert client(key="ASIATEMPORARY").list_backup_vaults()["BackupVaultList"] == []


def test_the_stock_client_is_refused_as_aws_refuses_it(client: Make, clock: MovableClock) -> None:
    assert code_of(client(secret="guess")) == "InvalidSignatureException"
    assert code_of(client(key="AKIANOBODY")) == "UnrecognizedClientException"
    assert code_of(client(key="ASIATEMPORARY", token="other")) == "UnrecognizedClientException"
    assert code_of(client(key="ASIAEXPIRED")) == "ExpiredTokenException"
    for minutes in (-16, 16):
        clock.off = timedelta(minutes=minutes)
        assert code_of(client()) == "InvalidSignatureException"


def test_what_is_changed_on_the_way_is_refused(client: Make) -> None:
    def tamper(request: object, **_: object) -> None:
        request.body = request.body.replace(b"good", b"evil")
        request.headers["Content-Length"] = str(len(request.body))

    made = client()
    made.meta.events.register("before-send.backup", tamper)
    assert code_of(made, "start_report_job", ReportPlanName="a", IdempotencyToken="good") == (
        "InvalidSignatureException"
    )


def test_a_presigned_url_is_answered(client: Make, stand_in: dict) -> None:
    stand_in["backup", "DescribeBackupVault"] = lambda call, req: {"BackupVaultName": req["BackupVaultName"]}
    url = client().generate_presigned_url("describe_backup_vault", {"BackupVaultName": "aws/a"})
    with urlopen(url) as answer:
        assert answer.read() == b'{"BackupVaultName":"aws/a"}'


def test_the_signature_says_the_site_and_one_endpoint_serves_all(client: Make, stand_in: dict) -> None:
    stand_in["backup", "CreateBackupVault"] = lambda call, req: {
        "BackupVaultArn": call.arn("backup-vault", req["BackupVaultName"])
    }
    for site in ("us-east-1", "garage-2"):
        answer = client(site=site).create_backup_vault(BackupVaultName="ab")
        assert answer["BackupVaultArn"] == f"arn:aws:backup:{site}:123456789012:backup-vault:ab"


def test_sts_says_who_calls_and_has_names_of_its_own_for_refusals(client: Make) -> None:
    assert client("sts").get_caller_identity()["Arn"] == ROOT.arn
    assert code_of(client("sts", secret="guess"), "get_caller_identity") == "SignatureDoesNotMatch"
    assert code_of(client("sts", key="AKIANOBODY"), "get_caller_identity") == "InvalidClientTokenId"
    assert code_of(client("iam"), "get_account_summary") == "InvalidAction"


def test_sts_answers_a_presigned_url(client: Make) -> None:
    with urlopen(client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")) as answer:
        assert b"<Account>123456789012</Account>" in answer.read()
