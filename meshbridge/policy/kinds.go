package policy

import pb "github.com/everydaytech/meshsso/proto/meshsso/v1"

// kindsOf collects every name that a refusal may have as its kind and that is one of finitely many: whoever sends frames
// chooses what is refused, and must not choose how many labels there are.
func kindsOf(p *pb.Policy) map[string]bool {
	kinds := map[string]bool{}
	add := func(owner string, fields []*pb.Field) {
		if owner != "" {
			kinds[owner] = true
		}
		for _, f := range fields {
			kinds[f.GetName()], kinds[owner+"."+f.GetName()] = true, true
		}
	}
	for _, r := range p.GetFrames() {
		add(r.GetAction(), r.GetFields())
		for _, f := range r.GetFields() {
			if r.GetAction() == "msg" && f.GetName() == "type" {
				for _, v := range f.GetValues() {
					kinds["msg."+v] = true
				}
			}
		}
	}
	for _, r := range p.GetRequests() {
		add(r.GetPath(), r.GetArguments())
	}
	for _, r := range p.GetTunnels() {
		kinds[r.GetKind()] = true
	}
	for _, names := range [][]string{RefusedActions(), refusedPaths, refusedNames} {
		for _, name := range names {
			kinds[name] = true
		}
	}
	return kinds
}
