-- Posts the lines of BODIES (one JSON object each) in a random order; with DELAY_MS each connection waits that long on
-- average (exponentially, as strangers arrive) between an answer and its next request.
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local delay_ms = tonumber(os.getenv("DELAY_MS") or "0")
local threads = 0
function setup(thread) thread:set("seed", threads); threads = threads + 1 end
function init() math.randomseed(7 + seed) end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request() return wrk.format(nil, "/v1/triage", nil, bodies[math.random(#bodies)]) end
if delay_ms > 0 then
  function delay() return math.floor(-math.log(1 - math.random()) * delay_ms) end
end
