package verdict

import (
	"errors"
	"fmt"
)

// Shard is a part of a run: of the tests, or of the executions of a campaign, that are counted from 0, those whose
// number leaves Index - 1 when it is divided by Count. The shards 1 to Count of one run are all of it, and no two have
// anything in common. The zero value is the whole.
type Shard struct{ Index, Count int }

// ErrShard is the error of ParseShard.
var ErrShard = errors.New("not a shard")

// ParseShard reads "I/N", with I from 1 to N. It returns ErrShard.
func ParseShard(text string) (Shard, error) {
	var s Shard
	if n, err := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Count); err != nil || n != 2 || s.String() != text ||
		s.Index < 1 || s.Index > s.Count {
		return Shard{}, fmt.Errorf("%w: %q (it is I/N, with I from 1 to N)", ErrShard, text)
	}
	return s, nil
}

// String returns "I/N", or "" for the whole.
func (s Shard) String() string {
	if s == (Shard{}) {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Count)
}

// Has reports whether number i belongs to the shard.
func (s Shard) Has(i int) bool { return s.Count == 0 || i%s.Count == s.Index-1 }
