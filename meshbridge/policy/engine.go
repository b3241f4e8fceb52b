package policy

import (
	"slices"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Reasons of refusals, as the shim says them (js-shim/lib/policy).
const (
	ReasonMalformed      = "FRAME_MALFORMED"
	ReasonUnknownFrame   = "FRAME_UNKNOWN"
	ReasonUnknownRequest = "REQUEST_UNKNOWN"
	ReasonField          = "FRAME_FIELD"
	ReasonTunnel         = "TUNNEL_INVALID"
	ReasonSessionEnded   = "SESSION_ENDED"
	ReasonDevice         = "DEVICE_DENIED"
	ReasonRight          = "RIGHT_MISSING"
)

// rank: of several rules that refuse, the one that came closest says why.
var rank = []string{ReasonUnknownFrame, ReasonUnknownRequest, ReasonField, ReasonTunnel, ReasonSessionEnded, ReasonDevice, ReasonRight}

// Refusal is why something was refused.
type Refusal struct {
	Reason string
	// Action is the frame's, or "msg.<type>". Whoever sent it chose it: see Table.KnownKind.
	Action string
	// Detail is the field or argument that did not fit.
	Detail string
	// ResponseID is the frame's as it came, nil without one.
	ResponseID []byte
}

// Kind names what was refused, for logs and metrics.
func (r *Refusal) Kind() string {
	if r.Detail != "" && (r.Reason == ReasonField || r.Reason == ReasonUnknownRequest) {
		return r.Action + "." + r.Detail
	}
	return r.Action
}

// Person is who sends.
type Person struct {
	ID        string // account id
	Domain    string // MeshCentral's
	DomainURL string // "/" unless the domain has another
	SiteAdmin bool
	// Mask gives the person's mask on a device, 0 for none.
	Mask func(node string) uint32
	// Every gives the masks of all that the person has.
	Every func() []uint32
	// Cookie and RelayCookie say what MeshCentral is given for a cookie that the person sent, or that it is none of theirs.
	Cookie, RelayCookie func(cookie string) (string, bool)
}

// Engine judges what people send by a table. Safe for concurrent use.
type Engine struct {
	frames   map[string][]rule
	requests []requestRule
	tunnels  map[uint32]*pb.TunnelRule
}

// rule is a FrameRule or RequestRule made ready.
type rule struct {
	fields     map[string]*pb.Field
	required   []string
	need       *pb.Need
	siteAdmin  bool
	everywhere bool
}

type requestRule struct {
	rule
	pattern string
	methods []string
}

// Compile makes a table ready for judging.
func Compile(t *Table) *Engine { return compile(t.Policy()) }

func compile(p *pb.Policy) *Engine {
	e := &Engine{frames: map[string][]rule{}, tunnels: map[uint32]*pb.TunnelRule{}}
	for _, f := range p.GetFrames() {
		r := prepare(f.GetFields(), f.GetNeed())
		r.siteAdmin = f.GetSiteAdmin()
		e.frames[f.GetAction()] = append(e.frames[f.GetAction()], r)
	}
	for _, q := range p.GetRequests() {
		r := prepare(q.GetArguments(), q.GetNeed())
		r.siteAdmin, r.everywhere = q.GetSiteAdmin(), q.GetNeedEverywhere()
		e.requests = append(e.requests, requestRule{r, q.GetPath(), q.GetMethods()})
	}
	for _, t := range p.GetTunnels() {
		e.tunnels[t.GetProtocol()] = t
	}
	return e
}

func prepare(fields []*pb.Field, n *pb.Need) rule {
	r := rule{fields: make(map[string]*pb.Field, len(fields)), need: n}
	for _, f := range fields {
		r.fields[f.GetName()] = f
		if f.GetRequired() {
			r.required = append(r.required, f.GetName())
		}
	}
	return r
}

// meets says whether a mask on a device is one that the need asks for.
func meets(mask uint32, n *pb.Need) bool {
	return mask != 0 && mask&n.GetAll() == n.GetAll() && mask&n.GetNone() == 0
}

// named is one field or argument as it came; of names that come twice the last one counts, as in JavaScript.
type named struct {
	name  string
	value value
}

// reading is what reading one value gave: what MeshCentral gets in its place, or a reason.
type reading struct {
	built    []byte // JSON in a frame, text in a query
	devices  []string
	protocol uint32
	cookie   bool
	reason   string
}

// judgement is what a rule made of named values.
type judgement struct {
	names   []string
	found   []reading
	dropped []string
	needs   []*pb.Need
	reason  string
	detail  string
}

type reader func(f *pb.Field, v value, p *Person, all []named) reading

// judge judges named values by rules of which one must fit. A name that no rule knows is dropped; one that another rule knows
// makes a rule that does not know it unfit, so that a check cannot be stepped around by way of a rule with fewer fields.
func (e *Engine) judge(rules []rule, values []named, p *Person, read reader) judgement {
	var known []named
	var dropped []string
	for _, v := range values {
		if slices.ContainsFunc(rules, func(r rule) bool { return r.fields[v.name] != nil }) {
			known = append(known, v)
		} else {
			dropped = append(dropped, v.name)
		}
	}
	worst := judgement{reason: ReasonField}
	for _, r := range rules {
		j := e.judgeRule(r, known, values, p, read)
		if j.reason == "" {
			j.dropped = dropped
			return j
		}
		if slices.Index(rank, j.reason) >= slices.Index(rank, worst.reason) {
			worst = j
		}
	}
	return worst
}

func (e *Engine) judgeRule(r rule, known, values []named, p *Person, read reader) judgement {
	if r.siteAdmin && !p.SiteAdmin {
		return judgement{reason: ReasonRight}
	}
	for _, name := range r.required {
		if !slices.ContainsFunc(known, func(v named) bool { return v.name == name }) {
			return judgement{reason: ReasonField, detail: name}
		}
	}
	var j judgement
	for _, v := range known {
		got := reading{reason: ReasonField}
		if f := r.fields[v.name]; f != nil {
			got = read(f, v.value, p, values)
		}
		if got.reason != "" {
			return judgement{reason: got.reason, detail: v.name}
		}
		j.names, j.found = append(j.names, v.name), append(j.found, got)
	}
	return e.mayAll(r, j, p)
}

// mayAll asks the rule's need, and the tunnel's if one is asked for, of every device that was named.
func (e *Engine) mayAll(r rule, j judgement, p *Person) judgement {
	j.needs = []*pb.Need{r.need}
	var masks []uint32
	for _, got := range j.found {
		if got.protocol != 0 {
			t := e.tunnels[got.protocol]
			if t == nil {
				return judgement{reason: ReasonTunnel}
			}
			j.needs = append(j.needs, t.GetNeed())
		}
		for _, id := range got.devices {
			masks = append(masks, p.Mask(id))
		}
	}
	if r.everywhere {
		if masks = p.Every(); len(masks) == 0 {
			return judgement{reason: ReasonDevice}
		}
	}
	for _, mask := range masks {
		for _, n := range j.needs {
			if !meets(mask, n) {
				return judgement{reason: ReasonRight}
			}
		}
	}
	return j
}
