r"""What schemathesis cannot know of the interface: JSON Lines, and that an Idempotency-Key is for one request.

xiaobao keys add all --scope triage,explain,admin --file keys.toml        # shows KEY
xiaobao serve --listen 127.0.0.1:8555 --keys keys.toml --shadow models/default
printf '[auth.openapi.key]\nbearer = "KEY"\n' > st.toml
SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=tests/programs \
  schemathesis --config-file st.toml run http://127.0.0.1:8555/v1/openapi.json --max-examples 60 --seed 7
"""

import itertools
import json

import schemathesis

NUMBERS = itertools.count()


@schemathesis.serializer("application/x-ndjson")
def to_lines(_, value):
    """Any text is a body: what is no record is rejected line by line."""
    if isinstance(value, bytes):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


@schemathesis.deserializer("application/x-ndjson")
def from_lines(_, response):
    """The first line stands for all."""
    lines = response.content.decode().splitlines()
    empty = {"rejected": dict.fromkeys(["file", "code", "what", "remedy"], "") | dict.fromkeys(["row", "line", "byte", "n_bytes"], 0)}
    return json.loads(lines[0]) if lines else empty


@schemathesis.hook
def before_call(_, case, __):
    """A key used again with another body is refused, as it should be; here each call is a request of its own."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and 1 <= len(key) <= 200 and all("!" <= c <= "~" for c in key):
        case.headers["Idempotency-Key"] = f"{key}-{next(NUMBERS)}"
