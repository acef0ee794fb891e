package cost_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/policies/cost"
	"github.com/mlpathway/mlpathway/policies/rules"
)

// res is a resource of a test.
type res struct {
	typ, name string
	props     map[string]any
	// links are the names of the resources that each property is made of.
	links map[string]string
	// parent is the name of a component.
	parent string
}

func urn(name string) string { return "urn:pulumi:s::p::t::" + name }

// graph makes resources; one whose type begins with mlpathway is a component.
func graph(resources ...res) *rules.Graph {
	var all []*rules.Resource
	for _, r := range resources {
		made := &rules.Resource{
			URN: urn(r.name), Type: r.typ, Name: r.name, Custom: !strings.HasPrefix(r.typ, "mlpathway:"),
			Properties: rules.Of(r.props), PropertyDependencies: map[string][]string{},
		}
		if r.parent != "" {
			made.Parent = urn(r.parent)
		}
		for property, target := range r.links {
			made.PropertyDependencies[property] = []string{urn(target)}
		}
		all = append(all, made)
	}
	return rules.NewGraph(all)
}

// prices is a table of round prices.
const prices = header +
	"aws,athena,data scanned,us-east-1,tb,5,s,2026,\n" +
	"aws,cloudwatch-logs,ingest,us-east-1,gb,0.5,s,2026,\n" +
	"aws,cloudwatch-logs,storage,us-east-1,gb-month,0.03,s,2026,\n" +
	"aws,cloudwatch,alarm,us-east-1,month,0.1,s,2026,\n" +
	"aws,cloudwatch,high-resolution alarm,us-east-1,month,0.3,s,2026,\n" +
	"aws,dynamodb,on-demand read,us-east-1,rru,0.000000125,s,2026,\n" +
	"aws,dynamodb,on-demand write,us-east-1,wru,0.000000625,s,2026,\n" +
	"aws,dynamodb,pitr,us-east-1,gb-month,0.2,s,2026,\n" +
	"aws,dynamodb,provisioned RCU,us-east-1,rcu-month,0.1,s,2026,\n" +
	"aws,dynamodb,provisioned WCU,us-east-1,wcu-month,0.5,s,2026,\n" +
	"aws,dynamodb,storage,us-east-1,gb-month,0.25,s,2026,\n" +
	"aws,ebs,gp3,us-east-1,gb-month,0.08,s,2026,\n" +
	"aws,ebs,gp2,us-east-1,gb-month,0.1,s,2026,\n" +
	"aws,ec2-ondemand,g5.xlarge,us-east-1,hour,1,s,2026,\n" +
	"aws,ec2-ondemand,g5.2xlarge,us-east-1,hour,2,s,2026,\n" +
	"aws,ec2-spot-min-az,g5.xlarge,us-east-1,hour,0.4,s,2026,\n" +
	"aws,ec2-spot-max-az,g5.xlarge,us-east-1,hour,0.6,s,2026,\n" +
	"aws,ec2-spot-advisor-avg,g5.2xlarge,us-east-1,hour,0.8,s,2026,\n" +
	"aws,eks,control plane standard support,us-east-1,hour,0.1,s,2026,\n" +
	"aws,emr-serverless,vcpu x86,us-east-1,vcpu-hour,0.05,s,2026,\n" +
	"aws,emr-serverless,memory x86,us-east-1,gb-hour,0.005,s,2026,\n" +
	"aws,kms,key,us-east-1,month,1,s,2026,\n" +
	"aws,kms,requests,us-east-1,10k-requests,0.03,s,2026,\n" +
	"aws,lambda,duration x86 tier1,us-east-1,gb-second,0.00001,s,2026,\n" +
	"aws,lambda,requests,us-east-1,1m-requests,0.2,s,2026,\n" +
	"aws,nat-gateway,hour,us-east-1,hour,0.045,s,2026,\n" +
	"aws,nat-gateway,data processed,us-east-1,gb,0.045,s,2026,\n" +
	"aws,rds,db.t3.large mysql single-az,us-east-1,hour,0.2,s,2026,\n" +
	"aws,rds,db.t4g.small single-az,us-east-1,hour,0.1,s,2026,\n" +
	"aws,rds,gp3 storage,us-east-1,gb-month,0.1,s,2026,\n" +
	"aws,redshift,ra3.4xlarge,us-east-1,hour,3,s,2026,\n" +
	"aws,redshift,RMS,us-east-1,gb-month,0.02,s,2026,\n" +
	"aws,redshift-serverless,RPU,us-east-1,rpu-hour,0.5,s,2026,\n" +
	"aws,redshift-serverless,storage,us-east-1,gb-month,0.02,s,2026,\n" +
	"aws,sagemaker-hosting,ml.m5.large,us-east-1,hour,0.1,s,2026,\n" +
	"aws,sagemaker-instance,ml.g5.xlarge,us-east-1,hour,1.4,s,2026,low-confidence\n" +
	"aws,sagemaker-serverless,memory,us-east-1,gb-second,0.00002,s,2026,\n" +
	"aws,sagemaker-storage,endpoint volume,us-east-1,gb-month,0.14,s,2026,\n" +
	"aws,stepfunctions,standard transitions,us-east-1,1k-transitions,0.025,s,2026,\n" +
	"aws,vpc-endpoint,interface per AZ,us-east-1,hour,0.01,s,2026,\n" +
	"aws,vpc-endpoint,data processed,us-east-1,gb,0.01,s,2026,\n" +
	"gcp,gce-ondemand,a2-highgpu-1g,us-central1,hour,3,s,2026,accelerator-included\n" +
	"gcp,gce-ondemand,n1-standard-16,us-central1,hour,0.8,s,2026,\n" +
	"gcp,gce-spot,n1-standard-16,us-central1,hour,0.2,s,2026,\n" +
	"gcp,gce-gpu-ondemand,A100-40GB x1,us-central1,hour,2,s,2026,accelerator-only\n" +
	"gcp,gce-gpu-ondemand,T4 x1,us-central1,hour,0.4,s,2026,accelerator-only\n" +
	"gcp,gce-gpu-spot,T4 x1,us-central1,hour,0.1,s,2026,accelerator-only\n" +
	"gcp,cloud-functions,invocation,us-central1,request,0.0000004,s,2026,\n" +
	"gcp,cloud-sql,ssd zonal,us-central1,gb-month,0.2,s,2026,\n" +
	"gcp,cloud-sql,vcpu zonal,us-central1,vcpu-hour,0.04,s,2026,\n" +
	"gcp,persistent-disk,pd-standard,us-central1,gb-month,0.04,s,2026,\n" +
	"azure,vm-ondemand,Standard_NC4as_T4_v3,eastus,hour,0.5,s,2026,\n" +
	"azure,vm-spot,Standard_NC4as_T4_v3,eastus,hour,0.1,s,2026,\n" +
	"azure,aks,uptime SLA (standard tier),westeurope,hour,0.1,s,2026,\n"

func table(t *testing.T) *cost.Table {
	t.Helper()
	return tableOf(t, prices)
}

func tableOf(t *testing.T, prices string) *cost.Table {
	t.Helper()
	rows := map[string]int{}
	for _, cloud := range []string{"aws", "gcp", "azure"} {
		if n := strings.Count(prices, "\n"+cloud+","); n > 0 {
			rows[cloud] = n
		}
	}
	manifest, err := json.Marshal(cost.Manifest{
		Version: 1, Date: today.Format(time.DateOnly), Currency: "USD", SHA256: cost.Sum([]byte(prices)), Rows: rows,
	})
	require.NoError(t, err)
	made, err := cost.LoadTable([]byte(prices), manifest)
	require.NoError(t, err)
	return made
}

func estimate(t *testing.T, overrides map[string]float64, resources ...res) *cost.Estimate {
	t.Helper()
	usage, err := cost.NewUsage(rules.Dev, overrides)
	require.NoError(t, err)
	return cost.Make(graph(resources...), cost.Options{Table: table(t), Usage: usage, Region: "us-east-1"})
}

// TestAmounts: each amount is computed by hand from the round prices.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		resources []res
		usage     map[string]float64
		want      cost.Amount
	}{
		"NAT gateway": {
			[]res{{typ: "aws:ec2/natGateway:NatGateway"}}, map[string]float64{"natGB": 100},
			cost.Amount{Idle: 730 * 0.045, Expected: 730*0.045 + 4.5, Maximum: 730*0.045 + 4.5},
		},
		"a gateway endpoint": {
			[]res{{typ: "aws:ec2/vpcEndpoint:VpcEndpoint", props: map[string]any{"vpcEndpointType": "Gateway"}}}, nil,
			cost.Amount{},
		},
		"an interface endpoint in two zones": {
			[]res{{typ: "aws:ec2/vpcEndpoint:VpcEndpoint", props: map[string]any{
				"vpcEndpointType": "Interface", "subnetIds": []any{"a", "b"},
			}}}, map[string]float64{"endpointGB": 0},
			cost.Amount{Idle: 14.6, Expected: 14.6, Maximum: 14.6},
		},
		"a key": {
			[]res{{typ: "aws:kms/key:Key"}}, map[string]float64{"keyRequests": 10},
			cost.Amount{Idle: 1, Expected: 1.3, Maximum: 1.3},
		},
		"a table on demand": {
			[]res{{typ: "aws:dynamodb/table:Table", props: map[string]any{
				"billingMode": "PAY_PER_REQUEST", "pointInTimeRecovery": map[string]any{"enabled": true},
			}}}, map[string]float64{"tableGB": 4, "tableReads": 8, "tableWrites": 8},
			cost.Amount{Idle: 1.8, Expected: 1.8 + 1 + 5, Maximum: 1.8 + 1 + 5},
		},
		"a table with capacity": {
			[]res{{typ: "aws:dynamodb/table:Table", props: map[string]any{"readCapacity": 10.0, "writeCapacity": 2.0}}},
			map[string]float64{"tableGB": 0}, cost.Amount{Idle: 2, Expected: 2, Maximum: 2},
		},
		"a serverless endpoint": {
			[]res{
				{typ: "aws:sagemaker/endpoint:Endpoint", links: map[string]string{"endpointConfigName": "c"}},
				{typ: "aws:sagemaker/endpointConfiguration:EndpointConfiguration", name: "c", props: map[string]any{
					"productionVariants": []any{map[string]any{"serverlessConfig": map[string]any{
						"memorySizeInMb": 2048.0, "maxConcurrency": 5.0,
					}}},
				}},
			}, map[string]float64{"requests": 1, "requestMs": 100},
			cost.Amount{Expected: 4, Maximum: 5 * 730 * 3600 * 2 * 0.00002},
		},
		"an autoscaled endpoint": {
			[]res{
				{typ: "aws:sagemaker/endpoint:Endpoint", name: "e", links: map[string]string{"endpointConfigName": "c"}},
				{typ: "aws:sagemaker/endpointConfiguration:EndpointConfiguration", name: "c", props: map[string]any{
					"productionVariants": []any{map[string]any{"instanceType": "ml.m5.large", "initialInstanceCount": 2.0}},
				}},
				{typ: "aws:appautoscaling/target:Target", name: "t", links: map[string]string{"resourceId": "e"},
					props: map[string]any{"resourceId": rules.UnknownValue(), "minCapacity": 2.0, "maxCapacity": 4.0}},
			}, map[string]float64{"scaleOutHours": 10},
			cost.Amount{Idle: 146, Expected: 148, Maximum: 292},
		},
		"a warehouse under a limit": {
			[]res{
				{typ: "aws:redshiftserverless/workgroup:Workgroup", name: "w", props: map[string]any{
					"baseCapacity": 8.0, "maxCapacity": 64.0,
				}},
				{typ: "aws:redshiftserverless/usageLimit:UsageLimit", name: "l", links: map[string]string{"resourceArn": "w"},
					props: map[string]any{
						"resourceArn": rules.UnknownValue(), "amount": 100.0, "breachAction": "deactivate", "period": "monthly",
					}},
			}, map[string]float64{"warehouseHours": 10, "warehouseGB": 50},
			cost.Amount{Idle: 1, Expected: 41, Maximum: 51},
		},
		"a warehouse with machines": {
			[]res{{typ: "aws:redshift/cluster:Cluster", props: map[string]any{"nodeType": "ra3.4xlarge", "numberOfNodes": 2.0}}},
			map[string]float64{"warehouseGB": 100}, cost.Amount{Idle: 4382, Expected: 4382, Maximum: 4382},
		},
		"a database with a standby": {
			[]res{{typ: "aws:rds/instance:Instance", props: map[string]any{
				"instanceClass": "db.t3.large", "engine": "mysql", "multiAz": true, "storageType": "gp3", "allocatedStorage": 10.0,
			}}}, nil, cost.Amount{Idle: 294, Expected: 294, Maximum: 294},
		},
		"a database whose engine does not matter": {
			[]res{{typ: "aws:rds/instance:Instance", props: map[string]any{
				"instanceClass": "db.t4g.small", "engine": "postgres", "storageType": "gp3", "allocatedStorage": 10.0,
			}}}, nil, cost.Amount{Idle: 74, Expected: 74, Maximum: 74},
		},
		"a Spark engine": {
			[]res{{typ: "aws:emrserverless/application:Application", props: map[string]any{
				"maximumCapacity": map[string]any{"cpu": "12 vCPU", "memory": "48 GB"},
			}}}, map[string]float64{"sparkHours": 10},
			cost.Amount{Expected: 6 + 2.4, Maximum: 438 + 175.2},
		},
		"a function with a cap": {
			[]res{{typ: "aws:lambda/function:Function", props: map[string]any{
				"memorySize": 1024.0, "reservedConcurrentExecutions": 1.0,
			}}}, map[string]float64{"invocations": 1000, "functionSeconds": 1},
			cost.Amount{Expected: 10.2, Maximum: 730*3600*0.00001 + 0.2},
		},
		"a pipeline that trains": {
			[]res{
				{typ: "aws:sfn/stateMachine:StateMachine", name: "p", props: map[string]any{"definition": rules.UnknownValue()}},
				{typ: "mlpathway:model:Training", name: "t", props: map[string]any{
					"nodes": 2.0, "machine": map[string]any{"cpus": 2.0, "memoryMiB": 8192.0, "accelerators": 0.0},
				}},
			}, map[string]float64{"trainingHours": 10, "workflowRuns": 0}, cost.Amount{Expected: 2, Maximum: 2},
		},
		"a pipeline that trains on an accelerator": {
			[]res{
				{typ: "aws:sfn/stateMachine:StateMachine", name: "p"},
				{typ: "mlpathway:model:Training", name: "t", props: map[string]any{
					"machine": map[string]any{"cpus": 1.0, "accelerator": "gpu-medium", "accelerators": 1.0},
				}},
			}, map[string]float64{"trainingHours": 10, "workflowRuns": 0}, cost.Amount{Expected: 14, Maximum: 14},
		},
		"an alarm by the second": {
			[]res{{typ: "aws:cloudwatch/metricAlarm:MetricAlarm", props: map[string]any{"period": 10.0}}}, nil,
			cost.Amount{Idle: 0.3, Expected: 0.3, Maximum: 0.3},
		},
		"a log group": {
			[]res{{typ: "aws:cloudwatch/logGroup:LogGroup", props: map[string]any{"retentionInDays": 365.0}}},
			map[string]float64{"logGB": 1}, cost.Amount{Expected: 0.86, Maximum: 0.86},
		},
		"a notebook that stops": {
			[]res{{typ: "aws:sagemaker/notebookInstance:NotebookInstance", props: map[string]any{
				"instanceType": "ml.g5.xlarge", "lifecycleConfigName": "l",
			}}}, map[string]float64{"notebookHours": 10},
			cost.Amount{Idle: 0.7, Expected: 14.7, Maximum: 730*1.4 + 0.7},
		},
		"a notebook that nothing stops": {
			[]res{{typ: "aws:sagemaker/notebookInstance:NotebookInstance", props: map[string]any{
				"instanceType": "ml.m5.large", "volumeSize": 10.0,
			}}}, nil, cost.Amount{Idle: 74.4, Expected: 74.4, Maximum: 74.4},
		},
		"on-demand nodes": {
			[]res{{typ: "aws:eks/nodeGroup:NodeGroup", props: map[string]any{
				"instanceTypes": []any{"g5.xlarge", "g5.2xlarge"}, "diskSize": 100.0,
				"scalingConfig": map[string]any{"minSize": 1.0, "maxSize": 3.0},
			}}}, map[string]float64{"nodeHours": 73},
			cost.Amount{Idle: 1460 + 8, Expected: (730+146)*2 + 9.6, Maximum: 3*1460 + 24},
		},
		"a group that a schedule stops": {
			[]res{
				{typ: "aws:autoscaling/group:Group", name: "g", links: map[string]string{"launchTemplate": "l"},
					props: map[string]any{"minSize": 1.0, "maxSize": 1.0}},
				{typ: "aws:ec2/launchTemplate:LaunchTemplate", name: "l", props: map[string]any{"instanceType": "g5.xlarge"}},
				{typ: "aws:autoscaling/schedule:Schedule", name: "s", links: map[string]string{"autoscalingGroupName": "g"},
					props: map[string]any{"autoscalingGroupName": rules.UnknownValue(), "desiredCapacity": 0.0}},
			}, map[string]float64{"workingHours": 220}, cost.Amount{Idle: 220, Expected: 220, Maximum: 730},
		},
		"the same group without a schedule": {
			[]res{
				{typ: "aws:autoscaling/group:Group", name: "g", links: map[string]string{"launchTemplate": "l"},
					props: map[string]any{"minSize": 1.0, "maxSize": 1.0}},
				{typ: "aws:ec2/launchTemplate:LaunchTemplate", name: "l", props: map[string]any{"instanceType": "g5.xlarge"}},
			}, nil, cost.Amount{Idle: 730, Expected: 730, Maximum: 730},
		},
		"nodes of Karpenter": {
			[]res{{typ: "kubernetes:karpenter.sh/v1:NodePool", props: map[string]any{"spec": map[string]any{
				"limits": map[string]any{"nvidia.com/gpu": "2"},
				"template": map[string]any{"spec": map[string]any{"requirements": []any{
					map[string]any{"key": "node.kubernetes.io/instance-type", "values": []any{"g5.xlarge"}},
					map[string]any{"key": "karpenter.sh/capacity-type", "values": []any{"on-demand"}},
				}}},
			}}}}, map[string]float64{"nodeHours": 5}, cost.Amount{Expected: 10, Maximum: 1460},
		},
		"a machine with its accelerator in the price": {
			[]res{{typ: "gcp:compute/instance:Instance", props: map[string]any{
				"machineType": "a2-highgpu-1g", "zone": "us-central1-a",
				"guestAccelerators": []any{map[string]any{"type": "nvidia-tesla-a100", "count": 1.0}},
			}}}, nil, cost.Amount{Idle: 2190.4, Expected: 2190.4, Maximum: 2190.4},
		},
		"a machine with an accelerator beside": {
			[]res{{typ: "gcp:compute/instance:Instance", props: map[string]any{
				"machineType":       "n1-standard-16",
				"guestAccelerators": []any{map[string]any{"type": "nvidia-tesla-t4", "count": 2.0}},
			}}}, nil, cost.Amount{Idle: 1168.4, Expected: 1168.4, Maximum: 1168.4},
		},
		"pools of a cluster in Azure": {
			[]res{{typ: "azure-native:containerservice:ManagedCluster", props: map[string]any{
				"sku": map[string]any{"tier": "Standard"}, "location": "East US",
				"agentPoolProfiles": []any{map[string]any{"vmSize": "Standard_NC4as_T4_v3", "count": 2.0}},
			}}}, nil, cost.Amount{Idle: 803, Expected: 803, Maximum: 803},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := estimate(t, test.usage, test.resources...)
			assert.InDelta(t, test.want.Idle, e.Total.Idle, 1e-3, "idle")
			assert.InDelta(t, test.want.Expected, e.Total.Expected, 1e-3, "expected")
			assert.InDelta(t, test.want.Maximum, e.Total.Maximum, 1e-3, "maximum")
			assert.Empty(t, e.Unpriced)
		})
	}
}

// TestSpotIsARange: the dear end counts, and without a spot price that is the on-demand price.
func TestSpotIsARange(t *testing.T) {
	t.Parallel()
	pool := func(machine string) res {
		return res{typ: "aws:eks/nodeGroup:NodeGroup", props: map[string]any{
			"instanceTypes": []any{machine}, "capacityType": "SPOT", "diskSize": 0.0,
			"scalingConfig": map[string]any{"minSize": 0.0, "maxSize": 1.0},
		}}
	}
	for machine, want := range map[string]struct{ low, high float64 }{
		"g5.xlarge": {40, 60}, "g5.2xlarge": {80, 200},
	} {
		e := estimate(t, map[string]float64{"nodeHours": 100}, pool(machine))
		assert.InDelta(t, want.high, e.Total.Expected, 1e-9, machine)
		assert.InDelta(t, want.low, e.ExpectedLowUSD, 1e-9, machine)
		assert.Zero(t, e.SteadyOnDemandUSD)
	}
	gke := res{typ: "gcp:container/nodePool:NodePool", props: map[string]any{
		"nodeConfig":  map[string]any{"machineType": "n1-standard-16", "spot": true, "diskSizeGb": 0.0},
		"autoscaling": map[string]any{"minNodeCount": 0.0, "maxNodeCount": 1.0},
	}}
	e := estimate(t, map[string]float64{"nodeHours": 100}, gke)
	assert.InDelta(t, 80, e.Total.Expected, 1e-9, "a snapshot of a spot price says nothing of its height")
	assert.InDelta(t, 20, e.ExpectedLowUSD, 1e-9)
}

func TestStandInsAndMarks(t *testing.T) {
	t.Parallel()
	usage, err := cost.NewUsage(rules.Dev, nil)
	require.NoError(t, err)
	notebook := res{
		typ: "aws:sagemaker/notebookInstance:NotebookInstance", props: map[string]any{"instanceType": "ml.g5.xlarge"},
	}
	e := cost.Make(graph(notebook), cost.Options{Table: table(t), Usage: usage, Region: "eu-central-1"})
	line := e.Items[0].Lines[0]
	assert.True(t, line.StandIn, "the price of another region")
	assert.Equal(t, "aws/sagemaker-instance/ml.g5.xlarge/us-east-1", line.Price)
	assert.Equal(t, []string{cost.LowConfidence}, line.Marks)
	e = cost.Make(graph(notebook), cost.Options{Table: table(t), Usage: usage, Region: "us-east-1"})
	assert.False(t, e.Items[0].Lines[0].StandIn)
}

func TestComponents(t *testing.T) {
	t.Parallel()
	e := estimate(t, map[string]float64{"natGB": 0, "keyRequests": 0},
		res{typ: "mlpathway:network:Network", name: "network"}, res{typ: "mlpathway:security:Security", name: "security"},
		res{typ: "aws:ec2/natGateway:NatGateway", name: "a", parent: "network"},
		res{typ: "aws:ec2/natGateway:NatGateway", name: "b", parent: "network"},
		res{typ: "aws:kms/key:Key", name: "k", parent: "security"}, res{typ: "aws:kms/key:Key", name: "l"},
	)
	require.Len(t, e.Components, 2, "what belongs to no component is in the total only")
	assert.Equal(t, "network", e.Components[0].Name)
	assert.InDelta(t, 65.7, e.Components[0].USD.Idle, 1e-9)
	assert.InDelta(t, 1, e.Components[1].USD.Idle, 1e-9)
	assert.InDelta(t, 67.7, e.Total.Idle, 1e-9)
	facts := e.Facts()
	assert.InDelta(t, 67.7, facts.ExpectedUSD, 1e-9)
	assert.InDelta(t, 1, facts.ByURN[urn("k")], 1e-9)
	assert.Equal(t, 4, facts.Priced)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	_, err := cost.NewUsage("test", nil)
	require.ErrorContains(t, err, `"test"`)
	_, err = cost.NewUsage(rules.Dev, map[string]float64{"natGb": 1, "natGB": -1})
	require.ErrorContains(t, err, "usage.natGb: unknown key; allowed: auditEvents")
	require.ErrorContains(t, err, "usage.natGB: found -1, want 0 or more")
	usage, err := cost.NewUsage(rules.Prod, map[string]float64{"natGB": 7})
	require.NoError(t, err)
	assert.InDelta(t, 7, usage["natGB"], 0)
	assert.Len(t, usage, len(cost.Assumptions()))
	for i, a := range cost.Assumptions() {
		assert.NotEmpty(t, a.Meaning, a.Key)
		assert.LessOrEqual(t, a.Dev, a.Stage, a.Key)
		assert.LessOrEqual(t, a.Stage, a.Prod, a.Key)
		if i > 0 {
			assert.Less(t, cost.Assumptions()[i-1].Key, a.Key, "sorted")
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	key := res{typ: "aws:kms/key:Key", name: "k"}
	before := estimate(t, nil, key, res{typ: "aws:kms/key:Key", name: "gone"})
	after := estimate(t, nil, key, res{typ: "aws:ec2/natGateway:NatGateway", name: "new"})
	changes := cost.Compare(before, after)
	require.Len(t, changes, 2, "what costs the same is not listed")
	assert.Equal(t, urn("new"), changes[0].URN, "the largest first")
	assert.Zero(t, changes[0].BeforeUSD)
	assert.Equal(t, urn("gone"), changes[1].URN)
	assert.Zero(t, changes[1].AfterUSD)
}
