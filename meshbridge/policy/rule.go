package policy

import pb "github.com/everydaytech/meshsso/proto/meshsso/v1"

// rights are names of device rights.
type rights []string

// need is what a mask must hold and must not hold, by name.
type need struct{ all, none rights }

// The needs that rules share. "none" counts what MeshCentral leaves to the agent: there, view-only is a bit beside
// remote-control, and whoever has it still has remote-control.
var (
	// watch: the desktop, a viewer's too.
	watch = need{all: rights{"remote-control"}}
	// control: a device, and not only its picture.
	control = need{all: rights{"remote-control"}, none: rights{"view-only"}}
	// system: what a terminal could do as well, such as ending processes.
	system = need{all: rights{"remote-control"}, none: rights{"view-only", "no-terminal"}}
	// files: MeshCentral itself asks for remote-control only before it hands a file out.
	files = need{all: rights{"remote-control"}, none: rights{"view-only", "no-files"}}
	// talk: to whoever sits before the device.
	talk = need{all: rights{"remote-control", "chat"}, none: rights{"view-only"}}

	wake    = need{all: rights{"wake"}}
	power   = need{all: rights{"reset-off"}}
	notes   = need{all: rights{"notes"}}
	console = need{all: rights{"remote-control", "agent-console"}, none: rights{"view-only"}}
	command = need{all: rights{"remote-control", "remote-command"}, none: rights{"view-only", "no-terminal"}}
	agent   = need{all: rights{"remote-control", "remote-command", "agent-console"}, none: rights{"view-only", "no-terminal"}}
)

// frame is one FrameRule. Of an action with several rules, each pair tells frames apart by a required field, or holds the
// same fields, so that no rule lets a frame through by dropping what another one would have looked at.
type frame struct {
	action    string
	fields    []*pb.Field
	need      need
	see       bool // having the device is enough
	siteAdmin bool
}

// request is one RequestRule.
type request struct {
	path       string
	methods    []string
	args       []*pb.Field
	need       need
	see        bool // having the device is enough
	siteAdmin  bool
	everywhere bool
}

// tunnelTo is one TunnelRule.
type tunnelTo struct {
	protocol uint32
	kind     string
	need     need
}

type option func(*pb.Field)

func required(f *pb.Field) { f.Required = true }

// upTo is most characters, or the greatest integer.
func upTo(n int64) option { return func(f *pb.Field) { f.Max = n } }

func oneOf(values ...string) option { return func(f *pb.Field) { f.Values = values } }

func field(name string, typ pb.FieldType, opts []option) *pb.Field {
	f := &pb.Field{Name: name, Type: typ}
	for _, o := range opts {
		o(f)
	}
	return f
}

func text(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_STRING, opts)
}

func integer(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_INTEGER, opts)
}

func device(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_DEVICE, opts)
}

func devices(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_DEVICES, opts)
}

func self(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_SELF, opts)
}

func tag(name string, opts ...option) *pb.Field {
	return field(name, pb.FieldType_FIELD_TYPE_TAG, opts)
}

func typed(name string, typ pb.FieldType, opts ...option) *pb.Field { return field(name, typ, opts) }

// namesDevice says whether a field of that type names devices of the person's own, by which a need is looked at.
func namesDevice(t pb.FieldType) bool {
	switch t {
	case pb.FieldType_FIELD_TYPE_DEVICE, pb.FieldType_FIELD_TYPE_DEVICES, pb.FieldType_FIELD_TYPE_DEVICE_KEY, pb.FieldType_FIELD_TYPE_CHAT_ID:
		return true
	}
	return false
}
