package proxy

// Fill opens as many sockets for a session as it may have, so to say.
func (p *Proxy) Fill(sessionID string) {
	for p.take(sessionID) {
	}
}
