package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Bounds of one expression. Costs are CEL's units: about one an operation, and one for ten characters looked through.
const (
	maxExpression = 4 << 10 // bytes
	maxDepth      = 64      // of the syntax
	maxNodes      = 2000    // of the syntax, macros expanded
	maxRegex      = 500     // instructions of a pattern
	// maxEstimate refuses at load what the largest token could make cost more, such as a loop over claims within two others.
	// What may cost less than that may be loaded, and is ended at maxCost.
	maxEstimate = 1_000_000_000
	maxCost     = 100_000 // some milliseconds
	maxTotal    = 500_000 // of all that Map or Decide runs; checked between two expressions
	maxShort    = 10_000
	// smallPayload is what most tokens stay below: for them more expressions are cheap than for any token.
	smallPayload = 1024
	// claimBytes is more than the payload of a token, and so a claim, can have.
	claimBytes = 6144
	// interruptEvery is how many turns of a loop go by between two looks at the context.
	interruptEvery = 64
)

// expression is one of the file's, compiled. Safe for concurrent use.
type expression struct {
	place   string // in the file
	source  string
	program cel.Program
	// short is true of one without a loop that cannot cost more than maxShort, whatever the token: metering it would cost more
	// than it does.
	short bool
	// quick is the program without a meter, of one that is as cheap for payloads of at most smallPayload, loops included; else nil.
	quick cel.Program
}

// kind is what an expression may yield.
type kind struct {
	name  string
	types []*cel.Type
}

var (
	kindBool    = kind{"a bool", []*cel.Type{cel.BoolType, cel.DynType}}
	kindString  = kind{"a string", []*cel.Type{cel.StringType, cel.DynType}}
	kindStrings = kind{"a list of strings", []*cel.Type{
		cel.ListType(cel.StringType), cel.ListType(cel.DynType), cel.StringType, cel.DynType,
	}}
)

// compile makes an expression ready. The error says what is wrong with it, without its place.
func compile(place, source string, in room, yields kind) (*expression, error) {
	if len(source) > maxExpression {
		return nil, fmt.Errorf("is longer than %d bytes", maxExpression)
	}
	envs, err := environments()
	if err != nil {
		return nil, err
	}
	env := envs[in]
	checked, issues := env.Compile(source)
	if issues.Err() != nil {
		return nil, compileError(issues)
	}
	if !yields.allows(checked.OutputType()) {
		return nil, fmt.Errorf("yields %s and must yield %s", checked.OutputType(), yields.name)
	}
	estimate, err := env.EstimateCost(checked, sizes{}, optionals...)
	if err != nil {
		return nil, fmt.Errorf("cannot be estimated: %w", err)
	}
	if estimate.Max > maxEstimate {
		return nil, errors.New("could cost too much with a large token: loops within loops, or over what has no bound")
	}
	if err := checkCalls(env, checked); err != nil {
		return nil, err
	}
	e := &expression{place: place, source: source, short: estimate.Max <= maxShort && !loops(checked.NativeRep())}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if !e.short {
		if e.quick, err = quick(env, checked, options); err != nil {
			return nil, err
		}
		options = append(options, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(interruptEvery))
	}
	if e.program, err = env.Program(checked, options...); err != nil {
		return nil, fmt.Errorf("cannot be planned: %w", err)
	}
	return e, nil
}

// quick gives the program that small payloads run on, or nil.
func quick(env *cel.Env, checked *cel.Ast, options []cel.ProgramOption) (cel.Program, error) {
	estimate, err := env.EstimateCost(checked, sizes{claims: smallPayload}, optionals...)
	if err != nil || estimate.Max > maxShort {
		return nil, nil //nolint:nilerr // then it is metered
	}
	return env.Program(checked, options...)
}

func loops(a *ast.AST) bool {
	found := false
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) { found = found || e.Kind() == ast.ComprehensionKind }))
	return found
}

// compileError keeps CEL's faults on one line, with their places in the expression.
func compileError(issues *cel.Issues) error {
	var texts []string
	for _, e := range issues.Errors() {
		texts = append(texts, fmt.Sprintf("%d:%d: %s", e.Location.Line(), e.Location.Column()+1, strings.Join(strings.Fields(e.Message), " ")))
	}
	return errors.New("does not compile: " + strings.Join(texts, "; "))
}

func (k kind) allows(t *cel.Type) bool {
	for _, want := range k.types {
		if want.IsExactType(t) {
			return true
		}
	}
	return false
}

// sizes bounds what comes from a token or a row; whatever CEL can bound by itself it does.
type sizes struct{ claims uint64 } // of claims; 0: claimBytes

func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	if path[0] == "claims" && s.claims > 0 {
		return &cost.SizeEstimate{Max: s.claims}
	}
	return &cost.SizeEstimate{Max: claimBytes}
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// literalPatterns refuses a pattern that a claim could bring: what it costs would be the token's to say.
type literalPatterns struct{}

func (literalPatterns) Name() string { return "meshsso.literal_patterns" }

func (literalPatterns) Validate(_ *cel.Env, _ cel.ValidatorConfig, a *ast.AST, issues *cel.Issues) {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != overloads.Matches {
			return
		}
		args := e.AsCall().Args()
		if len(args) > 0 && args[len(args)-1].Kind() != ast.LiteralKind {
			issues.ReportErrorAtID(e.ID(), "the pattern of matches must be a literal")
		}
	}))
}

// errWrongType is of an expression that yields something else than its place wants.
var errWrongType = errors.New("yields a value of another type")

// eval runs the expression. Its error is the context's own, or one that says what happened and holds no value but perhaps inside
// a *celError.
func (e *expression) eval(ctx context.Context, v *vars) (out ref.Val, err error) {
	defer func() {
		if recover() != nil {
			out, err = nil, errors.New("panicked")
		}
	}()
	switch {
	case v.spent > maxTotal:
		return nil, errors.New("comes after others that cost more than they may together")
	case e.short:
		out, _, err = e.program.Eval(v)
	case e.quick != nil && v.small:
		out, _, err = e.quick.Eval(v)
	default:
		var details *cel.EvalDetails
		out, details, err = e.program.ContextEval(ctx, v)
		if spent := details.ActualCost(); spent != nil {
			v.spent += *spent
		}
	}
	switch {
	case err == nil && out != nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if cancelled, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && cancelled.Cause == interpreter.CostLimitExceeded {
		return nil, errors.New("costs more than it may")
	}
	return nil, &celError{err}
}

// celError is a fault of an expression at run. Its own text is fit for logs; CEL's may hold what a token says.
type celError struct{ inner error }

func (*celError) Error() string { return "fails" }

func toBool(v ref.Val) (bool, error) {
	b, ok := v.(types.Bool)
	if !ok {
		return false, errWrongType
	}
	return bool(b), nil
}
