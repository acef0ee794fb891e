//go:build cloud

package launch

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/mlpathway/mlpathway/internal/clusterjob"
)

func init() { //nolint:gochecknoinits // as the Go CDK does it: a build tag adds kinds
	known[clusterjob.EKS] = eksToken
}

// eksToken is a request to say who asks, signed for one cluster and for a minute, as `aws eks get-token` makes it. EKS
// sends it to learn who has signed it.
// Source: the documentation of kubernetes-sigs/aws-iam-authenticator, API Authorization from Outside a Cluster.
func eksToken(ctx context.Context, c clusterjob.Cluster) (string, error) {
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(c.Region))
	if err != nil {
		return "", err
	}
	signer := sts.NewPresignClient(sts.NewFromConfig(loaded), sts.WithPresignClientFromClientOptions(sts.WithAPIOptions(
		smithyhttp.SetHeaderValue("x-k8s-aws-id", c.Name), smithyhttp.SetHeaderValue("X-Amz-Expires", "60"),
	)))
	signed, err := signer.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(signed.URL)), nil
}
