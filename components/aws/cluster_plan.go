package aws

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/internal/machines"
)

// nodePool is a pool as Karpenter makes it: all of its nodes have the same kind of price.
type nodePool struct {
	name         string
	pool         string // of the stack file
	capacity     string // spot or on-demand
	types        []string
	nodes        int // at most
	cpus         int // at most, over all nodes
	gib          int
	accelerators int
	accelerated  bool
	diskGiB      int
}

// largest is the largest node that a pool may have.
func (p nodePool) largest() machines.Machine {
	return machines.Machine{CPUs: p.cpus / p.nodes, GiB: p.gib / p.nodes, Accelerators: p.accelerators / p.nodes}
}

// typesPerPool is how many machine types a pool may use: with several, spot capacity is found more often.
const typesPerPool = 4

// planPools turns the pools of a cluster into those of Karpenter. It is pure. Errors: ErrChoice where the region lacks
// an accelerator, ErrRange where no machine is large enough, ErrConflict for a lower bound.
func planPools(region string, pools []components.NodePool) ([]nodePool, error) {
	var planned []nodePool
	for i, pool := range pools {
		arg := fmt.Sprintf("pools[%d]", i)
		if pool.Min > 0 {
			return nil, fmt.Errorf("%s.min: found %d, want 0: Karpenter makes nodes when pods need them: %w",
				arg, pool.Min, components.ErrConflict)
		}
		candidates, err := nodeTypes(region, arg+".machine", pool.Machine)
		if err != nil {
			return nil, err
		}
		spot := int(math.Ceil(float64(pool.Max**pool.SpotPercent) / 100))
		for _, part := range []struct {
			suffix, capacity string
			nodes            int
		}{{"-spot", "spot", spot}, {"", "on-demand", pool.Max - spot}} {
			if part.nodes == 0 {
				continue
			}
			p := nodePool{
				name: pool.Name + part.suffix, pool: pool.Name, capacity: part.capacity, nodes: part.nodes,
				diskGiB:     pool.DiskGiB,
				accelerated: pool.Machine.Accelerator != components.NoAccelerator,
			}
			for _, i := range candidates {
				p.types = append(p.types, i.Name)
				p.cpus, p.gib = max(p.cpus, i.CPUs), max(p.gib, i.GiB)
				p.accelerators = max(p.accelerators, i.Accelerators)
			}
			p.cpus, p.gib, p.accelerators = p.cpus*part.nodes, p.gib*part.nodes, p.accelerators*part.nodes
			planned = append(planned, p)
		}
	}
	return planned, nil
}

// nodeTypes lists the machine types that offer what a pool asks for, the smallest first.
func nodeTypes(region, arg string, m components.Machine) ([]machines.Machine, error) {
	if _, err := pick(region, arg, machines.Training, m); err != nil { // says best what is wrong
		return nil, err
	}
	var found []machines.Machine
	for _, i := range machines.All() {
		fits := i.Has(needOf(m)) && !strings.HasPrefix(i.Name, "t3.")
		// The limits of a pool are made of its largest type: types far larger would open them too wide.
		if fits && (len(found) == 0 || i.CPUs <= 4*found[0].CPUs && i.Accelerators == found[0].Accelerators) {
			found = append(found, i)
		}
	}
	return found[:min(len(found), typesPerPool)], nil
}

// quota is how many accelerators the team may use at a time: what was asked for, or all of its pools.
func quota(asked int, pools []nodePool) int {
	if asked > 0 {
		return asked
	}
	sum := 0
	for _, p := range pools {
		sum += p.accelerators
	}
	return sum
}

// poolNames are the pools of the stack file, in their order.
func poolNames(pools []nodePool) []string {
	var names []string
	for _, p := range pools {
		if !slices.Contains(names, p.pool) {
			names = append(names, p.pool)
		}
	}
	return names
}
