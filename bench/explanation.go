package main

// explanation says why a target is missed, and what was tried.
const explanation = `
**A round trip of a shim** costs far more than a bare pipe. Of what it costs beyond the pipe, writing and reading two lines of JSON on both sides is about 8 µs
and the check of the reply against the schema about 8 µs, each about as much as the bare pipe by itself; the operation asked for is 1 µs. The rest is waking:
a process that was idle for so long is slower to wake than one that bounces lines. The runner once passed requests and replies through two goroutines; without
them a round trip takes half as long. Without the check it would take a third less, and still miss; the check stays, since a shim that lies has to be found out. Over
the whole suite it matters little, as the two runs above show: most of their time goes into what an attacker could read.

**Two targets at a time** are not twice as fast as one, because one does not leave the second core idle: the garbage collector works there.
`
