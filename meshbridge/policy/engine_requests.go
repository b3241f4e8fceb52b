package policy

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// Argument is one of a query, decoded.
type Argument struct{ Name, Value string }

// Request is one HTTP request or socket upgrade that goes on.
type Request struct {
	// Query is built anew from the arguments that the table knows.
	Query   []Argument
	Dropped []string
	// Device is the first that the request names; Protocol the kind of tunnel, 0 for none.
	Device   string
	Protocol uint32
}

// Encode writes the query.
func (r *Request) Encode() string {
	var out strings.Builder
	for _, a := range r.Query {
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(url.QueryEscape(a.Name) + "=" + url.QueryEscape(a.Value))
	}
	return out.String()
}

// Kind gives the name of a kind of tunnel, "" for one that the table does not have.
func (e *Engine) Kind(protocol uint32) string { return e.tunnels[protocol].GetKind() }

// May says whether the kind of tunnel is one that the mask allows.
func (e *Engine) May(protocol uint32, mask uint32) bool {
	t := e.tunnels[protocol]
	return t != nil && meets(mask, t.GetNeed())
}

// Request judges a request: method "GET", "POST", … or "WS", path below the domain's URL without the leading "/".
func (e *Engine) Request(method, path string, query []Argument, p *Person) (*Request, *Refusal) {
	if method == "HEAD" {
		method = "GET"
	}
	var rules []rule
	for _, r := range e.requests {
		if slices.Contains(r.methods, method) && r.matches(path) {
			rules = append(rules, r.rule)
		}
	}
	if len(rules) == 0 {
		return nil, &Refusal{Reason: ReasonUnknownRequest, Action: path}
	}
	j := e.judge(rules, arguments(query), p, readArgument)
	if j.reason == ReasonField {
		j.reason = ReasonUnknownRequest
	}
	if j.reason != "" {
		return nil, &Refusal{Reason: j.reason, Action: path, Detail: j.detail}
	}
	out := &Request{Dropped: j.dropped}
	for i, got := range j.found {
		out.Query = append(out.Query, Argument{j.names[i], string(got.built)})
		if out.Device == "" && len(got.devices) > 0 {
			out.Device = got.devices[0]
		}
		if out.Protocol == 0 {
			out.Protocol = got.protocol
		}
	}
	return out, nil
}

func (r requestRule) matches(path string) bool {
	if head, open := strings.CutSuffix(r.pattern, "*"); open {
		return strings.HasPrefix(path, head)
	}
	return r.pattern == path
}

// arguments turns a query into named values. What comes twice, or with brackets, is a list or an object to MeshCentral: a value
// that no field of a query fits.
func arguments(query []Argument) []named {
	var out []named
	for _, a := range query {
		name, _, nested := strings.Cut(a.Name, "[")
		if name == "" {
			name, nested = a.Name, false
		}
		v := value(quote(a.Value))
		if nested {
			v = value("[]")
		}
		if i := slices.IndexFunc(out, func(n named) bool { return n.name == name }); i >= 0 {
			out[i].value = value("[]")
			continue
		}
		out = append(out, named{name, v})
	}
	return out
}

var digits = regexp.MustCompile(`^[0-9]{1,15}$`)

// readArgument reads one argument of a query, whose value is given back as text. In a query everything is text: digits are
// turned into the number that they are before they are read.
func readArgument(f *pb.Field, v value, p *Person, all []named) reading {
	text, ok := v.text()
	if !ok {
		return wrong(ReasonField)
	}
	switch f.GetType() {
	case pb.FieldType_FIELD_TYPE_BOOLEAN:
		return wrong(ReasonField)
	case pb.FieldType_FIELD_TYPE_INTEGER, pb.FieldType_FIELD_TYPE_PROTOCOL:
		number := value("null")
		if digits.MatchString(text) {
			number = value(strings.TrimLeft(text[:len(text)-1], "0") + text[len(text)-1:])
		}
		got := readField(f, number, p, all)
		got.built = []byte(text)
		return got
	}
	got := readField(f, v, p, all)
	if got.reason == "" {
		built, _ := value(got.built).text()
		got.built = []byte(built)
	}
	return got
}
