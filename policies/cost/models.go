package cost

import "maps"

// models says by type how a resource is billed.
var models = join(awsBase, awsCompute, awsML, awsData, awsOperate, gcp, azure, cluster)

func join(tables ...map[string]model) map[string]model {
	all := map[string]model{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// Modelled lists the types that the estimate has a model of.
func Modelled() []string { return sortedKeys(models) }
