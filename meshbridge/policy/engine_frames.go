package policy

import (
	"bytes"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxFrame is the most bytes of a frame: far above what the page sends; a clipboard's text is the largest.
const MaxFrame = 256 * 1024

const maxResponseID = 128 // characters

// Frame is one that goes on, built anew from what the table knows.
type Frame struct {
	Text    []byte
	Action  string // or "msg.<type>"
	Dropped []string
	// Protocol and Device are a tunnel's that is asked for, 0 and "" otherwise.
	Protocol uint32
	Device   string
}

// Frame judges one frame of the control channel.
func (e *Engine) Frame(data []byte, p *Person) (*Frame, *Refusal) {
	values, ok := parseFrame(data)
	if !ok {
		return nil, &Refusal{Reason: ReasonMalformed}
	}
	action, values, ok := take(values, "action")
	name, isText := action.text()
	if !ok || !isText {
		return nil, &Refusal{Reason: ReasonMalformed}
	}
	id, values, hasID := take(values, "responseid")
	if hasID && !isResponseID(id) {
		return nil, &Refusal{Reason: ReasonField, Action: name, Detail: "responseid"}
	}
	kind := kindOf(name, values)
	refused := func(reason, detail string) (*Frame, *Refusal) {
		return nil, &Refusal{Reason: reason, Action: kind, Detail: detail, ResponseID: id}
	}
	rules := e.frames[name]
	if rules == nil {
		return refused(ReasonUnknownFrame, "")
	}
	j := e.judge(rules, values, p, readField)
	if j.reason != "" {
		return refused(j.reason, j.detail)
	}
	out := &Frame{Text: build(name, id, j), Action: kind, Dropped: j.dropped}
	for _, got := range j.found {
		if got.protocol != 0 {
			out.Protocol = got.protocol
		}
		if out.Device == "" && len(got.devices) > 0 {
			out.Device = got.devices[0]
		}
	}
	return out, nil
}

// parseFrame reads the members of one JSON object, each once, the last of a name where the first stood.
func parseFrame(data []byte) ([]named, bool) {
	if len(data) > MaxFrame {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if open, err := dec.ReadToken(); err != nil || open.Kind() != '{' {
		return nil, false
	}
	var out []named
	at := map[string]int{}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		name := token.String()
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		if i, seen := at[name]; seen {
			out[i].value = value(raw.Clone())
			continue
		}
		at[name] = len(out)
		out = append(out, named{name, value(raw.Clone())})
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	_, err := dec.ReadToken()
	return out, err == io.EOF //nolint:errorlint // the decoder's own mark of a clean end, never wrapped
}

func take(values []named, name string) (value, []named, bool) {
	for i, v := range values {
		if v.name == name {
			return v.value, append(values[:i:i], values[i+1:]...), true
		}
	}
	return nil, values, false
}

func kindOf(action string, values []named) string {
	if action == "msg" {
		for _, v := range values {
			if typ, ok := v.value.text(); ok && v.name == "type" {
				return "msg." + typ
			}
		}
	}
	return action
}

// It comes back with the answer and is compared by whoever sent it.
func isResponseID(v value) bool {
	if _, ok := v.number(); ok {
		return true
	}
	text, ok := v.text()
	return ok && units(text) <= maxResponseID
}

func build(action string, id value, j judgement) []byte {
	out := append([]byte(`{"action":`), quote(action)...)
	if id != nil {
		out = append(append(out, `,"responseid":`...), id.scalar()...)
	}
	for i, name := range j.names {
		out = append(append(append(out, ','), quote(name)...), ':')
		out = append(out, j.found[i].built...)
	}
	return append(out, '}')
}
