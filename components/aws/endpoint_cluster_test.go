package aws_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components"
	"github.com/mlpathway/mlpathway/components/aws"
	"github.com/mlpathway/mlpathway/components/aws/awstest"
	"github.com/mlpathway/mlpathway/components/componenttest"
	"github.com/mlpathway/mlpathway/components/kubernetes/settings"
)

const (
	deploymentType  = "kubernetes:apps/v1:Deployment"
	policyOfNetwork = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
	associationType = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
)

// onClusterPlan is an endpoint on the cluster of the stack, granted what a stack grants it.
func onClusterPlan(e components.Environment, s settings.Settings, change func(*components.EndpointArgs)) plan {
	cluster := clusterPlan(e, nil)
	args := &components.EndpointArgs{Image: server, Model: "fraud", Lake: testLake(), Network: testPlace()}
	if change != nil {
		change(args)
	}
	return plan{
		environment: e, options: aws.Options{ServeOnCluster: true, Kubernetes: s},
		build: func(ctx *pulumi.Context, target components.Target) error {
			if err := cluster.build(ctx, target); err != nil {
				return err
			}
			endpoint, err := components.NewEndpoint(ctx, "endpoint", target, args)
			if err != nil {
				return err
			}
			return target.GrantLake(ctx, "lake-endpoint", &components.LakeGrant{
				Identity: endpoint.Identity, Access: components.Read, URIs: testLake().ToStringMapOutput(),
				Zones: []components.Zone{components.Models},
			})
		},
	}
}

func TestEndpointOnTheCluster(t *testing.T) {
	t.Parallel()
	r := onClusterPlan(components.Prod, settings.Settings{}, nil).must(t)
	for _, made := range r.Resources() {
		assert.NotContains(t, made.Type, "sagemaker", "nothing is hosted twice")
	}
	deployment := r.one(deploymentType, "endpoint-deployment")
	assert.Equal(t, "fraud-prod", r.inputs(deploymentType, "")["metadata"].(object)["namespace"])
	pod := r.inputs(deploymentType, "")["spec"].(object)["template"].(object)["spec"].(object)
	assert.Equal(t, "endpoint", pod["serviceAccountName"])
	container := pod["containers"].([]any)[0].(object)
	assert.Equal(t, server, container["image"])
	environment := map[any]any{}
	for _, v := range container["env"].([]any) {
		environment[v.(object)["name"]] = v.(object)["value"]
	}
	assert.Equal(t, map[any]any{
		"AWS_REGION": awstest.Region, "MLPATHWAY_MODEL": "fraud", "MLPATHWAY_ALIAS": "production",
		"MLPATHWAY_ADDRESS": ":8080", "MLPATHWAY_MODELS": "s3://fraud-lake-models",
		"MLPATHWAY_LOGS": "s3://fraud-lake-logs", "MLPATHWAY_RESULTS": "s3://fraud-lake-results",
	}, environment)
	scaler := r.inputs("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "")["spec"].(object)
	assert.Equal(t, []any{2.0, 10.0}, []any{scaler["minReplicas"], scaler["maxReplicas"]})
	inside := r.one("pulumi:providers:kubernetes", "cluster-inside").URN
	assert.Contains(t, deployment.Provider, inside, "it is made in the cluster of the stack")
	for _, first := range []string{associationType + "::endpoint-pods", poolType + "::cluster-cpu-pool"} {
		assert.True(t, slices.ContainsFunc(deployment.Dependencies, func(urn string) bool {
			return strings.HasSuffix(urn, first)
		}), "%s comes first: %v", first, deployment.Dependencies)
	}
}

// TestPodsOfTheEndpointHaveTheirOwnRole: what the role may do beside the lake is nothing, and no other pod gets it.
func TestPodsOfTheEndpointHaveTheirOwnRole(t *testing.T) {
	t.Parallel()
	r := onClusterPlan(components.Dev, settings.Settings{Namespace: "fraud-models"}, nil).must(t)
	role := r.inputs("aws:iam/role:Role", "endpoint")
	trust := r.document("aws:iam/role:Role", "endpoint", "assumeRolePolicy")["Statement"].([]any)
	require.Len(t, trust, 1)
	assert.Equal(t, object{"Service": []any{"pods.eks.amazonaws.com"}}, trust[0].(object)["Principal"])
	assert.Equal(t, object{"StringEquals": object{"aws:SourceAccount": []any{awstest.Account}}},
		trust[0].(object)["Condition"])
	bound := r.inputs(associationType, "endpoint-pods")
	assert.Equal(t, []any{"fraud-dev-cluster", "fraud-models", "endpoint"},
		[]any{bound["clusterName"], bound["namespace"], bound["serviceAccount"]})
	assert.Contains(t, bound["roleArn"], ":role/"+role["name"].(string))
	account := r.inputs("kubernetes:core/v1:ServiceAccount", "")
	assert.Equal(t, []any{"fraud-models", "endpoint", false}, []any{
		account["metadata"].(object)["namespace"], account["metadata"].(object)["name"],
		account["automountServiceAccountToken"],
	})
	bucket := "arn:aws:s3:::fraud-lake-models"
	assert.Equal(t, map[string][]string{
		"s3:GetBucketLocation": {bucket}, "s3:ListBucket": {bucket},
		"s3:GetObject": {bucket + "/*"}, "s3:GetObjectVersion": {bucket + "/*"},
	}, r.allowed("endpoint"))
}

// TestTheNamespaceIsClosed: names, the lake and the agent for credentials are all that pods reach; the plug-in of the
// network is told to keep to it.
func TestTheNamespaceIsClosed(t *testing.T) {
	t.Parallel()
	r := onClusterPlan(components.Dev, settings.Settings{}, nil).must(t)
	egress := map[string]any{}
	for _, made := range r.Find(policyOfNetwork) {
		spec := r.inputs(policyOfNetwork, made.Name)["spec"].(object)
		if slices.Contains(spec["policyTypes"].([]any), any("Egress")) {
			egress[made.Name] = spec["egress"]
		}
	}
	names := object{
		"namespaceSelector": object{"matchLabels": object{"kubernetes.io/metadata.name": "kube-system"}},
		"podSelector":       object{"matchLabels": object{"k8s-app": "kube-dns"}},
	}
	assert.Equal(t, map[string]any{
		"cluster-jobs-closed-networkpolicy": nil,
		"cluster-jobs-names-networkpolicy": []any{object{"to": []any{names}, "ports": []any{
			object{"protocol": "UDP", "port": 53.0}, object{"protocol": "TCP", "port": 53.0},
		}}},
		"cluster-jobs-lake-networkpolicy": []any{object{
			"to":    []any{object{"ipBlock": object{"cidr": "0.0.0.0/0"}}},
			"ports": []any{object{"protocol": "TCP", "port": 443.0}},
		}},
		"cluster-jobs-credentials-networkpolicy": []any{object{
			"to":    []any{object{"ipBlock": object{"cidr": "169.254.170.23/32"}}},
			"ports": []any{object{"protocol": "TCP", "port": 80.0}},
		}},
	}, egress)
}

func TestGatewayLeadsToTheEndpointOnTheCluster(t *testing.T) {
	t.Parallel()
	r := onClusterPlan(components.Prod, settings.Settings{
		Operators: []string{"gateway-api"}, Gateway: settings.Gateway{Host: "fraud.example.com", Name: "shared"},
	}, func(a *components.EndpointArgs) { a.Traffic = map[string]int{"production": 90, "canary": 10} }).must(t)
	assert.Len(t, r.Find(deploymentType), 2)
	route := r.inputs("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute", "")["spec"].(object)
	assert.Equal(t, []any{"fraud.example.com"}, route["hostnames"])
	weights := map[any]any{}
	for _, b := range route["rules"].([]any)[0].(object)["backendRefs"].([]any) {
		weights[b.(object)["name"]] = b.(object)["weight"]
	}
	assert.Equal(t, map[any]any{"endpoint": 90.0, "endpoint-canary": 10.0}, weights)
}

// TestNothingWatchesAnEndpointThatSageMakerDoesNotHost: an alarm on metrics that nobody writes would never sound.
func TestNothingWatchesAnEndpointThatSageMakerDoesNotHost(t *testing.T) {
	t.Parallel()
	p := monitoringPlan(nil)
	sees := func(p plan) bool {
		for _, made := range p.must(t).Resources() {
			if strings.Contains(fmt.Sprint(made.Inputs), "AWS/SageMaker") {
				return true
			}
		}
		return false
	}
	require.True(t, sees(p))
	p.options.ServeOnCluster = true
	assert.False(t, sees(p))
}

func TestEndpointOnTheClusterRefuses(t *testing.T) {
	t.Parallel()
	alone := endpointPlan(components.Dev, nil)
	alone.options.ServeOnCluster = true
	alone.refused(t, components.ErrConflict, "aws.serveOnCluster: found true, want false, or a cluster in the stack file")
	for text, change := range map[string]func(*components.EndpointArgs){
		"auth: found none, want platform": func(a *components.EndpointArgs) { a.Auth = components.AuthNone },
		"auth: found token, want platform": func(a *components.EndpointArgs) {
			a.Auth, a.TokenURI = components.AuthToken, pulumi.String(values.Token)
		},
	} {
		onClusterPlan(components.Dev, settings.Settings{}, change).refusedAfter(t, components.ErrConflict, text)
	}
	for text, s := range map[string]settings.Settings{
		`kubernetes.context: found "prod"`:          {Context: "prod"},
		`kubernetes.lake: found "s3://x-{zone}"`:    {Lake: settings.Lake{URI: "s3://x-{zone}"}},
		`kubernetes.identity: found "aws"`:          {Identity: settings.Identity{Cloud: "aws"}},
		`kubernetes.gateway.host: found ""`:         {Gateway: settings.Gateway{Name: "shared"}},
		`kubernetes.operators: found "istio", want`: {Operators: []string{"istio"}},
	} {
		o := aws.Options{
			Scope: componenttest.Scope(components.Dev), Account: awstest.Account, Region: awstest.Region,
			ServeOnCluster: true, Kubernetes: s,
		}
		_, err := aws.New(&o)
		require.ErrorContains(t, err, text)
	}
}
