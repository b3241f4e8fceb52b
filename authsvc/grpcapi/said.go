package grpcapi

import "sync"

// maxSaid bounds how many different things are said once. Who sends frames chooses what is refused: he must neither fill
// the memory nor, by forgetting, bury the log.
const maxSaid = 4096

// said remembers what was logged already. The zero value is ready; safe for concurrent use.
type said struct {
	mu   sync.Mutex
	what map[[3]string]struct{}
}

// first says whether this is new, once; when maxSaid things were said, nothing is new any more. The metrics count on.
func (s *said) first(parts ...string) bool {
	var key [3]string
	copy(key[:], parts)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.what[key]; known || len(s.what) >= maxSaid {
		return false
	}
	if s.what == nil {
		s.what = map[[3]string]struct{}{}
	}
	s.what[key] = struct{}{}
	return true
}
