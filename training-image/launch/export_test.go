package launch

import (
	"context"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
)

// TokenOf proves who asks a cluster.
func TokenOf(ctx context.Context, c clusterjob.Cluster) (string, error) { return known[c.Kind](ctx, c) }
