package meshbridge

import "github.com/everydaytech/meshsso/meshbridge/policy"

// NewPolicy builds what people of ours may send to MeshCentral. Errors: the table is wrong, which a test excludes.
func NewPolicy() (*policy.Table, error) {
	return policy.Build(func(name string) (uint32, bool) {
		bit, ok := deviceRights[name]
		return bit, ok
	})
}
