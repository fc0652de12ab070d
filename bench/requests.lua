-- For wrk: sends the requests of a file, one `METHOD PATH BODY` a line, and prints what came of
-- it as a line of JSON. At the file's end it begins again.

local requests, last = {}, 0

function init(arguments)
    local headers = {
        ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"),
        ["Content-Type"] = "application/json",
    }
    for line in io.lines(arguments[1]) do
        local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
        table.insert(requests, wrk.format(method, path, headers, body ~= "" and body or nil))
    end
end

function request()
    last = last % #requests + 1
    return requests[last]
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format(
        '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "refused": %d, "broken": %d}',
        summary.requests,
        summary.duration / 1e6,
        latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3,
        errors.status,
        errors.connect + errors.read + errors.write + errors.timeout
    ))
end
