package claims

import (
	"maps"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// room is where an expression stands, and so which variables it has.
type room int

const (
	roomToken  room = iota // claims, issuer: before the look-up
	roomUser               // and user
	roomResult             // and result
	roomDevice             // device alone
	rooms
)

// What expressions see besides claims and issuer. Objects, so that a misspelt field is an error when the file is loaded.
type (
	celUser struct {
		ID           int64  `cel:"id"`
		Email        string `cel:"email"`
		FullName     string `cel:"fullName"`
		TenantID     string `cel:"tenantId"`
		Role         string `cel:"role"`
		IsSuperadmin bool   `cel:"isSuperadmin"`
	}
	celResult struct {
		Role         string   `cel:"role"`
		Rank         string   `cel:"rank"`
		Name         string   `cel:"name"`
		Groups       []string `cel:"groups"`
		DeviceRights []string `cel:"deviceRights"`
		SiteRights   []string `cel:"siteRights"`
	}
	celDevice struct {
		ID       int64  `cel:"id"`
		UUID     string `cel:"uuid"`
		Hostname string `cel:"hostname"`
		Platform string `cel:"platform"`
	}
)

// environments are the same for every policy.
var environments = sync.OnceValues(func() (envs [rooms]*cel.Env, err error) {
	base, err := cel.NewEnv(
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(maxDepth), cel.ParserErrorRecoveryLimit(4),
		cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegex), cel.DefaultUTCTimeZone(true),
		cel.OptionalTypes(), ext.Strings(), ext.Sets(),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), literalPatterns{}),
		object[celUser]("User"), object[celResult]("Result"), object[celDevice]("Device"),
		func(e *cel.Env) (*cel.Env, error) { return cel.CustomTypeAdapter(ordered{e.CELTypeAdapter()})(e) },
	)
	if err != nil {
		return envs, err
	}
	token := []cel.EnvOption{cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("issuer", cel.StringType)}
	user := append(slices.Clone(token), cel.Variable("user", cel.ObjectType("meshsso.User")))
	result := append(slices.Clone(user), cel.Variable("result", cel.ObjectType("meshsso.Result")))
	device := []cel.EnvOption{cel.Variable("device", cel.ObjectType("meshsso.Device"))}
	for r, opts := range [rooms][]cel.EnvOption{roomToken: token, roomUser: user, roomResult: result, roomDevice: device} {
		if envs[r], err = base.Extend(opts...); err != nil {
			return envs, err
		}
	}
	return envs, nil
})

func object[T any](name string) cel.EnvOption {
	return cel.Types(cel.NativeTypeFor[T](types.ParseStructTags(true), cel.NativeTypeAlias("meshsso."+name)))
}

// ordered makes loops over the members of a claim run in the order of their names: Go's own order changes from run to run, and
// the same token must get the same verdict.
type ordered struct{ types.Adapter }

func (a ordered) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case map[string]any:
		return orderedMap{Mapper: types.NewStringInterfaceMap(a, v), members: v}
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Adapter.NativeToValue(v)
}

type orderedMap struct {
	traits.Mapper
	members map[string]any
}

func (m orderedMap) Iterator() traits.Iterator {
	return types.DefaultTypeAdapter.NativeToValue(slices.Sorted(maps.Keys(m.members))).(traits.Lister).Iterator()
}

func (m orderedMap) IsZeroValue() bool { return len(m.members) == 0 }
