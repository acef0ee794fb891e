package kubernetes

import (
	"fmt"
	"math"

	"github.com/mlpathway/mlpathway/components"
)

// pool is a pool as the queue sees it: all of its nodes have the same kind of machine and of price.
type pool struct {
	name     string
	of       string // the pool of the stack file
	spot     bool
	machine  components.Machine // of one node
	nodes    int                // at most
	diskGiB  int
	resource string // of the accelerators; "" for none
}

// planPools splits each pool into interruptible nodes and others, by its share. It is pure. Pools with accelerators
// come first: a job takes the first flavor that it fits, and one without a toleration never fits them. Errors:
// ErrConflict for a lower bound where nodes are made on demand.
func planPools(given []components.NodePool, made bool) ([]pool, error) {
	var plain, accelerated []pool
	for i, p := range given {
		if p.Min > 0 && made {
			return nil, fmt.Errorf("pools[%d].min: found %d, want 0: Karpenter makes nodes when pods need them: %w",
				i, p.Min, components.ErrConflict)
		}
		spot := int(math.Ceil(float64(p.Max**p.SpotPercent) / 100))
		for _, part := range []struct {
			suffix string
			spot   bool
			nodes  int
		}{{"-spot", true, spot}, {"", false, p.Max - spot}} {
			if part.nodes == 0 {
				continue
			}
			planned := pool{
				name: p.Name + part.suffix, of: p.Name, spot: part.spot, machine: p.Machine, nodes: part.nodes, diskGiB: p.DiskGiB,
				resource: acceleratorResource(p.Machine.Accelerator),
			}
			if planned.resource != "" {
				accelerated = append(accelerated, planned)
				continue
			}
			plain = append(plain, planned)
		}
	}
	return append(accelerated, plain...), nil
}

// amounts are what all nodes of a pool have: whole CPUs, GiB of memory, accelerators.
func (p pool) amounts() (cpus, gib, accelerators int) {
	cpus = int(math.Ceil(p.machine.CPUs * float64(p.nodes)))
	return cpus, p.machine.MemoryMiB * p.nodes / 1024, p.machine.Accelerators * p.nodes
}

// most is what the queue of a team admits at a time: its quota, and what it may borrow. It is pure.
func most(asked int, pools []pool, borrowPercent int) amounts {
	var sum amounts
	left := quotaOf(asked, pools)
	for _, p := range pools {
		cpus, gib, accelerators := p.amounts()
		accelerators = min(accelerators, left)
		left -= accelerators
		sum.cpus += float64(cpus + share(cpus, borrowPercent))
		sum.memoryGiB += gib + share(gib, borrowPercent)
		sum.accelerators += accelerators + share(accelerators, borrowPercent)
	}
	return sum
}

// share is a percentage of an amount, rounded down.
func share(amount, percent int) int { return amount * percent / 100 }

// quotaOf is how many accelerators the team may use at a time: what was asked for, or all of its pools.
func quotaOf(asked int, pools []pool) int {
	sum := 0
	for _, p := range pools {
		_, _, accelerators := p.amounts()
		sum += accelerators
	}
	if asked > 0 {
		return asked
	}
	return sum
}
