package control

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What MeshCentral may make us hold, beyond the size of one message.
const (
	maxDevices  = 250_000 // of one `nodes` answer
	maxAccounts = 100_000 // of the reserved shape, in one `users` answer
)

var errTooMany = errors.New("control: more entries than any MeshCentral has")

// message is what we understand of a control.ashx message (MeshCentral's meshuser.js). A member of another type than
// expected counts as absent: names come from devices and people, and one odd name must not cost the connection.
type message struct {
	Action     loose[string]  `json:"action"`
	ResponseID loose[string]  `json:"responseid"`
	Tag        loose[string]  `json:"tag"`
	Result     loose[string]  `json:"result"`
	Cause      loose[string]  `json:"cause"`
	Reason     loose[string]  `json:"msg"`
	MeshID     loose[string]  `json:"meshid"`
	UserInfo   loose[account] `json:"userinfo"`
	Event      loose[event]   `json:"event"`
	Nodes      devices        `json:"nodes"`
	Users      accounts       `json:"users"`
	Skip       loose[int]     `json:"skip"`
	Limit      loose[int]     `json:"limit"`
	Total      loose[int]     `json:"totalcount"`
}

// event is a change that MeshCentral tells of by itself.
type event struct {
	Action  loose[string]  `json:"action"`
	NodeID  loose[string]  `json:"nodeid"`
	Node    loose[device]  `json:"node"`
	UserID  loose[string]  `json:"userid"`
	Account loose[account] `json:"account"`
}

// node gives the device that an event is about; `addnode` has it within the document only.
func (e event) node() string {
	if e.NodeID.V != "" {
		return e.NodeID.V
	}
	return e.Node.V.ID.V
}

// account is a MeshCentral account, as far as it matters what it may do.
type account struct {
	ID            string                    `json:"_id"`
	RealName      loose[string]             `json:"realname"`
	Email         loose[string]             `json:"email"`
	EmailVerified loose[bool]               `json:"emailVerified"`
	SiteAdmin     loose[int64]              `json:"siteadmin"`
	Links         loose[map[string]accLink] `json:"links"`
}

type accLink struct {
	Rights int64 `json:"rights"`
}

// loose takes a member of the right type and lets every other value pass as absent.
type loose[T any] struct{ V T }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (l *loose[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var v T
	if json.Unmarshal(raw, &v, lenient) == nil {
		l.V = v
	}
	return nil
}

// lenient: MeshCentral writes lone surrogates when a name holds one.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// decodeMessage reads one message and nothing after it.
func decodeMessage(r io.Reader) (message, error) {
	var m message
	err := json.UnmarshalRead(fullReader{r}, &m, lenient)
	return m, err
}

// fullReader fills what it is given. The decoder doubles its buffer and begins a token anew at each read: with reads of a few
// kB each, one long token would take quadratic time.
type fullReader struct{ r io.Reader }

// Read implements io.Reader.
func (f fullReader) Read(p []byte) (int, error) {
	n, err := io.ReadFull(f.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// devices is the answer of `nodes`, flat: device id → connectivity bits. Everything else of a device is passed over.
type devices map[string]uint32

type device struct {
	ID   loose[string] `json:"_id"`
	Conn loose[uint32] `json:"conn"`
}

// UnmarshalJSONFrom reads {device group id: [device, …], …} one device at a time.
func (d *devices) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	found := devices{}
	err := eachMember(dec, func() error {
		return eachElement(dec, func() error {
			var one loose[device]
			if err := one.UnmarshalJSONFrom(dec); err != nil {
				return err
			}
			if one.V.ID.V != "" {
				found[one.V.ID.V] = one.V.Conn.V
			}
			if len(found) > maxDevices {
				return errTooMany
			}
			return nil
		})
	})
	*d = found
	return err
}

// accounts is the answer of `users`, as far as its accounts are ours.
type accounts map[string]account

// UnmarshalJSONFrom reads [account, …] one account at a time.
func (a *accounts) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	found := accounts{}
	err := eachElement(dec, func() error {
		var one loose[account]
		if err := one.UnmarshalJSONFrom(dec); err != nil {
			return err
		}
		if strings.HasPrefix(one.V.ID, principalPrefix) {
			found[one.V.ID] = one.V
		}
		if len(found) > maxAccounts {
			return errTooMany
		}
		return nil
	})
	*a = found
	return err
}

// eachMember calls read with the decoder before each member's value.
func eachMember(dec *jsontext.Decoder, read func() error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		if _, err := dec.ReadToken(); err != nil {
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// eachElement calls read before each element of an array; another value is passed over.
func eachElement(dec *jsontext.Decoder, read func() error) error {
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
