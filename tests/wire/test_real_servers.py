"""corsd before real servers: what they count is what corsd counted."""
import pytest

from harness import get, post
from real_servers import SERVERS

YAML = """
listen: LISTEN
upstream: SERVER
cors: {allow_origins: ["https://app.example.com"]}
"""


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    if not SERVERS[request.param].is_there():
        pytest.skip(f"no {request.param} here")
    with SERVERS[request.param]() as running:
        yield running


def test_plain_requests(given, server):
    corsd = given(YAML, SERVER=server.url)
    client = corsd.connect()
    answers = [client.ask(get("/a?b=c", "Origin: https://app.example.com")), client.ask(post("/d", body=b"e"))]
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].one("Access-Control-Allow-Origin") == "https://app.example.com"
    assert [(one.method, one.target) for one in server.saw(2)] == [("GET", "/a?b=c"), ("POST", "/d")]
