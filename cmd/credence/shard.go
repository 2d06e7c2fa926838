package main

import "credence/conformance/verdict"

const shardUsage = "run only part `I/N`, from 1/N to N/N; all parts together are the whole, and credence merge joins " +
	"their reports"

// shardFlag is --shard.
type shardFlag struct{ shard *verdict.Shard }

// String is flag.Value.
func (f shardFlag) String() string {
	if f.shard == nil {
		return ""
	}
	return f.shard.String()
}

// Set is flag.Value.
func (f shardFlag) Set(text string) (err error) {
	*f.shard, err = verdict.ParseShard(text)
	return err
}
