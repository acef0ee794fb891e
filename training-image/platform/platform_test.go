package platform_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/training-image/platform"
)

// disk is a file system with files by their absolute paths.
func disk(files map[string]string) fstest.MapFS {
	d := fstest.MapFS{}
	for path, content := range files {
		d[path[1:]] = &fstest.MapFile{Data: []byte(content)}
	}
	return d
}

// sageMakerFiles is the layout of a training container as SageMaker publishes it: two hosts, two channels, a
// CheckpointConfig.
func sageMakerFiles(host string) map[string]string {
	return map[string]string{
		"/opt/ml/input/config/resourceconfig.json": `{"current_host": "` + host + `", "current_instance_type": "ml.m5.xlarge",
			"current_group_name": "homogeneousCluster", "hosts": ["algo-1", "algo-2"], "instance_groups": [{
			"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.xlarge", "hosts": ["algo-2", "algo-1"]}],
			"network_interface_name": "eth0"}`,
		"/opt/ml/input/config/hyperparameters.json": `{"maxDepth": "8", "learningRate": "0.03125", "hidden": "\"64,32\"",
			"sagemaker_job_name": "\"x\"", "_tuning_objective_metric": "validation:loss"}`,
		"/opt/ml/input/config/inputdataconfig.json": `{
			"train": {"ContentType": "text/csv", "RecordWrapperType": "None", "S3DistributionType": "FullyReplicated",
				"TrainingInputMode": "File"},
			"validation": {"RecordWrapperType": "None", "S3DistributionType": "ShardedByS3Key", "TrainingInputMode": "File"}}`,
		"/opt/ml/input/data/train/part-0.csv": "a\n1\n", "/opt/ml/input/data/validation/part-0.csv": "a\n1\n",
		"/opt/ml/checkpoints/.keep": "",
	}
}

func TestSageMaker(t *testing.T) {
	t.Parallel()
	for rank, host := range []string{"algo-1", "algo-2"} {
		p, err := platform.Detect([]string{"TRAINING_JOB_NAME=fraud-train-1",
			"TRAINING_JOB_ARN=arn:aws:sagemaker:eu-west-1:123456789012:training-job/fraud-train-1", "AWS_REGION=eu-west-1"},
			disk(sageMakerFiles(host)))
		require.NoError(t, err)
		assert.Equal(t, platform.Place{Name: platform.SageMaker, Rank: rank, World: 2, Coordinator: "algo-1:29500",
			Job: "fraud-train-1", Checkpoints: "/opt/ml/checkpoints", Model: "/opt/ml/model", Output: "/opt/ml/output/data",
			FailureFile: "/opt/ml/output/failure", Inputs: map[string]string{"train": "/opt/ml/input/data/train",
				"validation": "/opt/ml/input/data/validation"},
			Parameters: map[string]string{"maxDepth": "8", "learningRate": "0.03125", "hidden": "64,32"}}, p)
	}
}

func TestSageMakerTrialAndToolkit(t *testing.T) {
	t.Parallel()
	p, err := platform.Detect([]string{"TRAINING_JOB_NAME=t-1"}, disk(map[string]string{
		"/opt/ml/input/config/resourceconfig.json":  `{"current_host":"algo-1","hosts":["algo-1"]}`,
		"/opt/ml/input/config/hyperparameters.json": `{"trial":"true","l2":"0.5"}`,
	}))
	require.NoError(t, err)
	assert.Equal(t, "t-1", p.Trial)
	assert.Equal(t, map[string]string{"l2": "0.5"}, p.Parameters)
	assert.Empty(t, p.Checkpoints, "without a CheckpointConfig the directory is not kept")
	assert.Empty(t, p.Coordinator)

	p, err = platform.Detect([]string{`SM_HOSTS=["algo-1","algo-2"]`, "SM_CURRENT_HOST=algo-2", `SM_HPS={"maxDepth":4}`,
		`SM_CHANNELS=["training"]`, "SM_CHANNEL_TRAINING=/data/training", "SM_MODEL_DIR=/data/model",
		"SM_OUTPUT_DATA_DIR=/data/out"}, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, 1, p.Rank)
	assert.Equal(t, "/data/model", p.Model)
	assert.Equal(t, "/data/out", p.Output)
	assert.Equal(t, map[string]string{"maxDepth": "4"}, p.Parameters)
	assert.Equal(t, map[string]string{"training": "/data/training"}, p.Inputs)
}

// vertexSpec is CLUSTER_SPEC as Vertex publishes it.
func vertexSpec(kind string, index string) string {
	return `CLUSTER_SPEC={"cluster": {"workerpool0": ["cmle-training-workerpool0-ab-0:2222"],
		"workerpool1": ["cmle-training-workerpool1-ab-0:2222", "cmle-training-workerpool1-ab-1:2222"],
		"workerpool2": ["cmle-training-workerpool2-ab-0:2222"]},
		"environment": "cloud", "task": {"type": "` + kind + `", "index": ` + index + `, "trial": "TRIAL_ID"},
		"job": "{\"worker_pool_specs\":[]}"}`
}

func TestVertex(t *testing.T) {
	t.Parallel()
	environ := []string{"AIP_MODEL_DIR=gs://bucket/job/model/", "AIP_CHECKPOINT_DIR=gs://bucket/job/checkpoints/",
		"AIP_TENSORBOARD_LOG_DIR=gs://bucket/job/logs/", "AIP_DATA_FORMAT=csv",
		"AIP_TRAINING_DATA_URI=gs://bucket/d/training-*",
		"AIP_VALIDATION_DATA_URI=gs://bucket/d/validation-*", "AIP_TEST_DATA_URI=gs://bucket/d/test-*", "CLOUD_ML_JOB_ID=123",
		"CLOUD_ML_TRIAL_ID=7"}
	for rank, task := range [][2]string{{"workerpool0", "0"}, {"workerpool1", "0"}, {"workerpool1", "1"}} {
		p, err := platform.Detect(append(environ, vertexSpec(task[0], task[1])), disk(nil))
		require.NoError(t, err)
		assert.Equal(t, platform.Place{Name: platform.Vertex, Rank: rank, World: 3, Job: "123", Trial: "7",
			Coordinator: "cmle-training-workerpool0-ab-0:2222", Model: "gs://bucket/job/model",
			Checkpoints: "gs://bucket/job/checkpoints", MetricFile: "/var/hypertune/output.metrics",
			Inputs: map[string]string{"train": "gs://bucket/d/training-*", "validation": "gs://bucket/d/validation-*",
				"test": "gs://bucket/d/test-*"}}, p)
	}
	_, err := platform.Detect([]string{vertexSpec("workerpool2", "0")}, disk(nil))
	require.ErrorContains(t, err, "only workers of workerpool0 and workerpool1 train")
	p, err := platform.Detect([]string{`CLUSTER_SPEC={"cluster":{"workerpool0":["a-0:2222"]},"environment":"cloud",
		"task":{"type":"workerpool0","index":0}}`}, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, platform.Place{Name: platform.Vertex, World: 1, Inputs: map[string]string{}}, p, "one machine")
}

func TestAzureML(t *testing.T) {
	t.Parallel()
	p, err := platform.Detect([]string{"AZUREML_RUN_ID=cool_frog_1", "AZUREML_ROOT_RUN_ID=cool_frog",
		"MLFLOW_TRACKING_URI=azureml://westeurope.api.azureml.ms/mlflow/v1.0/x", "MLFLOW_RUN_ID=cool_frog_1",
		"MLFLOW_EXPERIMENT_NAME=fraud", "AZUREML_PARAMETER_maxDepth=5", "AZUREML_PARAMETER_data=/mnt/in/data",
		"AZURE_ML_INPUT_data=/mnt/in/data", "AZURE_ML_OUTPUT_model=/mnt/out/model",
		"AZURE_ML_OUTPUT_checkpoints=/mnt/out/checkpoints", "MASTER_ADDR=10.0.0.4", "MASTER_PORT=6105", "RANK=1",
		"NODE_RANK=1", "LOCAL_RANK=0", "WORLD_SIZE=2"}, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, platform.Place{Name: platform.AzureML, Rank: 1, World: 2, Coordinator: "10.0.0.4:6105",
		Job: "cool_frog_1", Trial: "cool_frog_1", Model: "/mnt/out/model", Checkpoints: "/mnt/out/checkpoints",
		Inputs: map[string]string{"data": "/mnt/in/data"}, Parameters: map[string]string{"maxDepth": "5"},
		Outputs: map[string]string{"model": "/mnt/out/model", "checkpoints": "/mnt/out/checkpoints"},
		Tracking: platform.Tracking{URI: "azureml://westeurope.api.azureml.ms/mlflow/v1.0/x", Run: "cool_frog_1",
			Experiment: "fraud"}}, p)
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	pod := "KUBERNETES_SERVICE_HOST=10.96.0.1"
	for name, c := range map[string]struct {
		environ     []string
		rank, world int
		coordinator string
	}{
		"one pod":            {[]string{pod}, 0, 1, ""},
		"indexed job of one": {[]string{pod, "JOB_COMPLETION_INDEX=0"}, 0, 1, ""},
		"JobSet": {[]string{pod, "JOB_COMPLETION_INDEX=2", "WORLD_SIZE=3", "MASTER_ADDR=run-node-0-0.run",
			"MASTER_PORT=29500"}, 2, 3, "run-node-0-0.run:29500"},
		"TrainJob": {[]string{pod, "JOB_COMPLETION_INDEX=1", "PET_NNODES=2", "PET_NPROC_PER_NODE=1", "PET_NODE_RANK=1",
			"PET_MASTER_ADDR=run-node-0-0.run", "PET_MASTER_PORT=29400"}, 1, 2, "run-node-0-0.run:29400"},
		"PyTorchJob": {[]string{pod, "PYTHONUNBUFFERED=1", "MASTER_PORT=23456", "PET_MASTER_PORT=23456",
			"MASTER_ADDR=run-master-0", "PET_MASTER_ADDR=run-master-0", "WORLD_SIZE=3", "RANK=1", "PET_NODE_RANK=1",
			"PET_NNODES=3", "PET_NPROC_PER_NODE=auto"}, 1, 3, "run-master-0:23456"},
		"IPv6": {[]string{pod, "WORLD_SIZE=2", "RANK=0", "MASTER_ADDR=fd00::1"}, 0, 2, "[fd00::1]:29500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := platform.Detect(c.environ, disk(nil))
			require.NoError(t, err)
			assert.Equal(t, platform.Place{Name: platform.Kubernetes, Rank: c.rank, World: c.world,
				Coordinator: c.coordinator}, p)
		})
	}
}

func TestMLflowIsToldOnEveryPlatform(t *testing.T) {
	t.Parallel()
	p, err := platform.Detect([]string{"KUBERNETES_SERVICE_HOST=10.96.0.1", "MLFLOW_TRACKING_URI=http://mlflow:5000",
		"MLFLOW_RUN_ID=r", "MLFLOW_EXPERIMENT_ID=7", "MLFLOW_TRACKING_TOKEN=t", "MLFLOW_TRACKING_USERNAME=u",
		"MLFLOW_TRACKING_PASSWORD=p"}, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, platform.Tracking{URI: "http://mlflow:5000", Run: "r", ExperimentID: "7", Token: "t", User: "u",
		Password: "p"}, p.Tracking)
	p, err = platform.Detect([]string{"AZUREML_RUN_ID=cool_frog_1", "MLFLOW_TRACKING_URI=azureml://x/w"}, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, platform.Tracking{URI: "azureml://x/w", Run: "cool_frog_1"}, p.Tracking, "the run of the job")
}

func TestWhatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ []string
		files   map[string]string
		message string
	}{
		{[]string{"WORLD_SIZE=two"}, nil, `WORLD_SIZE is "two": want a whole number`},
		{[]string{"WORLD_SIZE=2"}, nil, "no variable says which rank this is"},
		{[]string{"WORLD_SIZE=2", "RANK=2", "MASTER_ADDR=a"}, nil, "rank 2 of 2 cannot be"},
		{[]string{"WORLD_SIZE=2", "RANK=1"}, nil, "set MASTER_ADDR"},
		{[]string{"WORLD_SIZE=0"}, nil, "rank 0 of 0 cannot be"},
		{[]string{"PET_NNODES=2", "PET_NPROC_PER_NODE=4", "RANK=0"}, nil, `PET_NPROC_PER_NODE is "4": want 1`},
		{[]string{"CLUSTER_SPEC={"}, nil, "CLUSTER_SPEC: unexpected end of JSON input"},
		{nil, map[string]string{"/opt/ml/input/config/resourceconfig.json": `{"current_host":"a","hosts":["b"]}`},
			`current_host "a" is none of hosts ["b"]`},
		{nil, map[string]string{"/opt/ml/input/config/resourceconfig.json": `{"current_host":"b","hosts":["b"]}`,
			"/opt/ml/input/config/hyperparameters.json": `[]`}, "/opt/ml/input/config/hyperparameters.json: json: cannot"},
	} {
		_, err := platform.Detect(c.environ, disk(c.files))
		require.ErrorContains(t, err, c.message)
	}
	p, err := platform.Detect(nil, disk(nil))
	require.NoError(t, err)
	assert.Equal(t, platform.Place{Name: platform.Plain, World: 1}, p)
}
