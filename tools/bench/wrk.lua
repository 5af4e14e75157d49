-- SPDX-License-Identifier: MIT
-- What tools/bench/bench lets wrk do: `-- DEPTH` requests are sent at once; at the end one line of figures for the program.
function init(args)
	local one = {}
	for i = 1, tonumber(args[1] or 1) do
		one[i] = wrk.format("GET")
	end
	all = table.concat(one)
end

function request()
	return all
end

function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"rate": %f, "p50_us": %d, "p99_us": %d, "max_us": %d, "errors": %d}\n',
		summary.requests * 1e6 / summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
		e.connect + e.read + e.write + e.status + e.timeout))
end
