package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sagemaker"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/mlpathway/mlpathway/components"
)

// makeConfig makes the configuration. It can only be replaced: its name begins alike and ends in what the provider
// draws, so that the next one is there before this one goes.
func (e *endpoint) makeConfig() (err error) {
	variants := sagemaker.EndpointConfigurationProductionVariantArray{}
	for _, v := range e.variants {
		variants = append(variants, e.productionVariant(v))
	}
	args := &sagemaker.EndpointConfigurationArgs{
		NamePrefix: pulumi.String(e.physical(37) + "-"), ProductionVariants: variants, Tags: e.tags(confidential),
	}
	if e.hosting != serverless && e.args.Machine.Accelerator == components.NoAccelerator {
		args.KmsKeyArn = orNil(e.args.Key) // machines with accelerators have disks that encrypt themselves
	}
	if e.hosting == provisioned && *e.args.CapturePercent > 0 {
		args.DataCaptureConfig = e.dataCapture()
	}
	if e.hosting == asynchronous {
		args.AsyncInferenceConfig = e.asyncInference()
	}
	e.config, err = sagemaker.NewEndpointConfiguration(e.Context, e.Part("config"), args, e.With()...)
	return err
}

// productionVariant describes one variant. Its name is the alias: scaling and alarms go by it.
func (e *endpoint) productionVariant(v variant) sagemaker.EndpointConfigurationProductionVariantArgs {
	args := sagemaker.EndpointConfigurationProductionVariantArgs{
		VariantName: pulumi.String(v.alias), ModelName: v.model.Name,
		InitialVariantWeight: pulumi.Float64(float64(v.share) / 100),
	}
	if e.hosting == serverless {
		args.ServerlessConfig = &sagemaker.EndpointConfigurationProductionVariantServerlessConfigArgs{
			MemorySizeInMb: pulumi.Int(serverlessMemory(e.args.Machine.MemoryMiB)),
			MaxConcurrency: pulumi.Int(min(serverlessRequests*e.args.MaxReplicas, 200)), // the most of a serverless endpoint
		}
		return args
	}
	args.InstanceType = pulumi.String(e.instance)
	args.InitialInstanceCount = pulumi.Int(max(1, *e.args.MinReplicas))
	args.ContainerStartupHealthCheckTimeoutInSeconds = pulumi.Int(300)
	if e.hosting == provisioned {
		args.RoutingConfigs = sagemaker.EndpointConfigurationProductionVariantRoutingConfigArray{
			sagemaker.EndpointConfigurationProductionVariantRoutingConfigArgs{
				RoutingStrategy: pulumi.String("LEAST_OUTSTANDING_REQUESTS"),
			},
		}
	}
	return args
}

// serverlessRequests is how many requests at a time stand for one replica of a serverless endpoint.
const serverlessRequests = 5

// serverlessMemory is the least memory of a serverless endpoint that holds so much: whole gibibytes, at least one.
func serverlessMemory(mib int) int { return max(1, (mib+1023)/1024) * 1024 }

// dataCapture writes requests and answers to the logs zone as they came. The image captures rows for the drift check by
// itself; this is the evidence of what was asked and answered.
func (e *endpoint) dataCapture() sagemaker.EndpointConfigurationDataCaptureConfigPtrInput {
	mode := func(mode string) sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs {
		return sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs{CaptureMode: pulumi.String(mode)}
	}
	return &sagemaker.EndpointConfigurationDataCaptureConfigArgs{
		EnableCapture: pulumi.Bool(true), InitialSamplingPercentage: pulumi.Int(*e.args.CapturePercent),
		DestinationS3Uri: pulumi.Sprintf("%s/requests", components.ZoneURI(e.args.Lake, components.Logs)),
		KmsKeyId:         orNil(e.args.Key),
		CaptureOptions:   sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArray{mode("Input"), mode("Output")},
		CaptureContentTypeHeader: &sagemaker.EndpointConfigurationDataCaptureConfigCaptureContentTypeHeaderArgs{
			CsvContentTypes:  pulumi.ToStringArray([]string{"text/csv"}),
			JsonContentTypes: pulumi.ToStringArray([]string{"application/json", "application/jsonlines"}),
		},
	}
}

func (e *endpoint) asyncInference() sagemaker.EndpointConfigurationAsyncInferenceConfigPtrInput {
	results := components.ZoneURI(e.args.Lake, components.Results)
	return &sagemaker.EndpointConfigurationAsyncInferenceConfigArgs{
		ClientConfig: &sagemaker.EndpointConfigurationAsyncInferenceConfigClientConfigArgs{
			MaxConcurrentInvocationsPerInstance: pulumi.Int(asyncRequests),
		},
		OutputConfig: &sagemaker.EndpointConfigurationAsyncInferenceConfigOutputConfigArgs{
			S3OutputPath:  pulumi.Sprintf("%s/%s/answers", results, asyncPrefix),
			S3FailurePath: pulumi.Sprintf("%s/%s/failures", results, asyncPrefix), KmsKeyId: orNil(e.args.Key),
		},
	}
}

// asyncRequests is how many requests one machine of an asynchronous endpoint works on at a time.
const asyncRequests = 4

// makeEndpoint makes the endpoint. A change moves it to the new configuration while the old machines answer; where it
// keeps machines half of the new ones answer first, and all of them if no alarm sounds.
func (e *endpoint) makeEndpoint() (err error) {
	args := &sagemaker.EndpointArgs{
		Name: pulumi.String(e.name()), EndpointConfigName: e.config.Name, Tags: e.tags(confidential),
	}
	if e.hosting == provisioned {
		if args.DeploymentConfig, err = e.deployment(); err != nil {
			return err
		}
	}
	e.endpoint, err = sagemaker.NewEndpoint(e.Context, e.Part(), args, e.With()...)
	return err
}

// Times of a deployment, in seconds.
const (
	canarySeconds   = 600
	drainSeconds    = 300
	longestSeconds  = 3600
	alarmSeconds    = 60
	failuresInAlarm = 3 // minutes with failures before a deployment is rolled back
)

// deployment is how the endpoint moves to another configuration, and back where alarms sound.
func (e *endpoint) deployment() (sagemaker.EndpointDeploymentConfigPtrInput, error) {
	routing := &sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationArgs{
		Type: pulumi.String("ALL_AT_ONCE"), WaitIntervalInSeconds: pulumi.Int(canarySeconds),
	}
	if *e.args.MinReplicas > 1 { // one machine cannot be divided
		routing.Type = pulumi.String("CANARY")
		routing.CanarySize = &canarySize{
			Type: pulumi.String("CAPACITY_PERCENT"), Value: pulumi.Int(50),
		}
	}
	alarms := sagemaker.EndpointDeploymentConfigAutoRollbackConfigurationAlarmArray{}
	for _, v := range e.variants {
		made, err := e.rollbackAlarm(v)
		if err != nil {
			return nil, err
		}
		alarms = append(alarms, sagemaker.EndpointDeploymentConfigAutoRollbackConfigurationAlarmArgs{AlarmName: made.Name})
	}
	return &sagemaker.EndpointDeploymentConfigArgs{
		BlueGreenUpdatePolicy: &sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyArgs{
			TrafficRoutingConfiguration: routing, TerminationWaitInSeconds: pulumi.Int(drainSeconds),
			MaximumExecutionTimeoutInSeconds: pulumi.Int(longestSeconds),
		},
		AutoRollbackConfiguration: &sagemaker.EndpointDeploymentConfigAutoRollbackConfigurationArgs{Alarms: alarms},
	}, nil
}

// canarySize is how much of the new machines answers first.
type canarySize = sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationCanarySizeArgs
