package claims

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
)

// maxCall bounds calls whose work is the product of two sizes: CEL meters a call only once it is done.
const maxCall = 500_000

// products are such calls, by their overloads: which operands multiply. -1 is the target.
var products = map[string][2]int{
	"list_join_string":                 {-1, 0},
	"string_replace_string_string":     {-1, 1},
	"string_replace_string_string_int": {-1, 1},
	"list_sets_contains_list":          {0, 1},
	"list_sets_equivalent_list":        {0, 1},
	"list_sets_intersects_list":        {0, 1},
}

// checkCalls refuses an expression one of whose calls could do too much at once with a large token.
func checkCalls(env *cel.Env, checked *cel.Ast) error {
	var heavy string
	options := slices.Clone(optionals)
	for overload, operands := range products {
		options = append(options, cost.OverloadCostEstimate(overload, func(est cost.Estimator, target *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
			a, b := operandSize(est, target, args, operands[0]), operandSize(est, target, args, operands[1])
			if b > 0 && a > maxCall/b {
				heavy = max(heavy, overload)
				return &cost.CallEstimate{CostEstimate: cost.UnknownCostEstimate()}
			}
			return &cost.CallEstimate{ResultSize: &cost.SizeEstimate{Max: a + (a+1)*b + claimBytes}}
		}))
	}
	if _, err := env.EstimateCost(checked, sizes{}, options...); err != nil {
		return err
	}
	if heavy != "" {
		return fmt.Errorf("could do too much at once with a large token: %s of two operands that are both long", heavy)
	}
	return nil
}

// operandSize gives the largest size of an operand.
func operandSize(est cost.Estimator, target *cost.AstNode, args []cost.AstNode, i int) uint64 {
	switch {
	case i < 0 && target != nil:
		return cost.EstimateSize(est, *target).Max
	case i >= 0 && i < len(args):
		return cost.EstimateSize(est, args[i]).Max
	}
	return cost.UnknownSizeEstimate().Max
}

// optionals bound what comes out of claims.?a, of which CEL knows no size: it is a claim, or what orValue has instead.
var optionals = []cost.Option{
	cost.OverloadCostEstimate("optional_value", fromOptional),
	cost.OverloadCostEstimate("optional_orValue_value", fromOptional),
}

func fromOptional(est cost.Estimator, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	size := &cost.SizeEstimate{Max: claimBytes}
	if len(args) > 0 {
		size.Max = max(size.Max, cost.EstimateSize(est, args[0]).Max)
	}
	return &cost.CallEstimate{CostEstimate: cost.FixedCostEstimate(1), ResultSize: size}
}
