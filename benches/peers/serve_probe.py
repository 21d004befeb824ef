"""One client more while the server is overloaded: how long accepted requests take, and how many are refused.

serve_probe.py ADDRESS BODIES SECONDS"""
import http.client
import statistics
import sys
import time

address, bodies, seconds = sys.argv[1], open(sys.argv[2], encoding="utf-8").read().splitlines(), float(sys.argv[3])
host, port = address.split(":")
connection = http.client.HTTPConnection(host, int(port), timeout=10)
times, refused, others, n = [], [], 0, 0
end = time.monotonic() + seconds
while time.monotonic() < end:
    start = time.perf_counter()
    connection.request("POST", "/v1/triage", bodies[n % len(bodies)].encode(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    took = (time.perf_counter() - start) * 1e3
    {200: times, 503: refused}.get(answer.status, []).append(took)
    others += answer.status not in (200, 503)
    n += 1
    time.sleep(0.002)


def p(values, q):
    return f"{sorted(values)[min(len(values) - 1, int(q * len(values)))]:.1f}" if values else "-"


print(
    f"probe: {n} requests, {len(times)} accepted (p50 {p(times, .5)} ms, p99 {p(times, .99)} ms), "
    f"{len(refused)} refused (p99 {p(refused, .99)} ms), {others} others"
)
