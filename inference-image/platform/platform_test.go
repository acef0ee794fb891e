package platform_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mlpathway/mlpathway/inference-image/platform"
	"github.com/mlpathway/mlpathway/inference-image/serve"
)

func environment(variables map[string]string, paths ...string) platform.Environment {
	return platform.Environment{
		Getenv: func(name string) string { return variables[name] },
		Exists: func(path string) bool {
			for _, p := range paths {
				if p == path {
					return true
				}
			}
			return false
		},
	}
}

func TestContracts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  platform.Environment
		have serve.Options
		want serve.Options
	}{
		"none": {environment(nil), serve.Options{Address: "127.0.0.1:1"}, serve.Options{Address: "127.0.0.1:1"}},
		"sagemaker by its folder": {environment(nil, "/opt/ml/model"), serve.Options{}, serve.Options{
			Platform: "sagemaker", Address: ":8080", ModelURI: "file:///opt/ml/model", AllowAnonymous: true}},
		"sagemaker port and batch": {environment(map[string]string{"SAGEMAKER_BIND_TO_PORT": "8090",
			"SAGEMAKER_MAX_PAYLOAD_IN_MB": "20", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "3"}, "/opt/ml/model"),
			serve.Options{}, serve.Options{Platform: "sagemaker", Address: ":8090", ModelURI: "file:///opt/ml/model",
				MaxBody: 20 << 20, Concurrency: 3, AllowAnonymous: true}},
		"sagemaker with a registry": {environment(map[string]string{"SAGEMAKER_BATCH": "true",
			"SAGEMAKER_MAX_PAYLOAD_IN_MB": "nonsense"}, "/opt/ml/model"),
			serve.Options{Models: "s3://b/models"}, serve.Options{Platform: "sagemaker", Address: ":8080",
				Models: "s3://b/models", AllowAnonymous: true}},
		"vertex": {environment(map[string]string{"AIP_HTTP_PORT": "9000", "AIP_HEALTH_ROUTE": "/h", "AIP_PREDICT_ROUTE": "/p",
			"AIP_STORAGE_URI": "gs://b/m"}), serve.Options{}, serve.Options{Platform: "vertex", Address: ":9000",
			HealthRoute: "/h", PredictRoute: "/p", ModelURI: "gs://b/m", AllowAnonymous: true}},
		"azure": {environment(map[string]string{"AZUREML_MODEL_DIR": "/var/azureml-app/m/1"}, "/var/azureml-app/m/1"),
			serve.Options{}, serve.Options{Platform: "azureml", Address: ":5001",
				ModelURI: "file:///var/azureml-app/m/1", AllowAnonymous: true}},
		"cloud run": {environment(map[string]string{"K_SERVICE": "s", "PORT": "8123"}), serve.Options{Models: "gs://b/m"},
			serve.Options{Platform: "cloudrun", Address: ":8123", Models: "gs://b/m", AllowAnonymous: true}},
		"container apps": {environment(map[string]string{"CONTAINER_APP_NAME": "s"}), serve.Options{Address: ":1"},
			serve.Options{Platform: "containerapps", Address: ":1", AllowAnonymous: true}},
		"lambda": {environment(map[string]string{"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}), serve.Options{},
			serve.Options{Platform: "lambda"}},
		"an image": {environment(map[string]string{"MLPATHWAY_DEFAULT_ADDRESS": ":8080"}), serve.Options{},
			serve.Options{Address: ":8080"}},
		"an image on Vertex AI": {environment(map[string]string{"MLPATHWAY_DEFAULT_ADDRESS": ":8080", "AIP_HTTP_PORT": "1"}),
			serve.Options{}, serve.Options{Platform: "vertex", Address: ":1", AllowAnonymous: true}},
		"port alone is no platform": {environment(map[string]string{"PORT": "1"}), serve.Options{}, serve.Options{}},
	} {
		o := c.have
		c.env.Apply(&o)
		assert.Equal(t, c.want, o, name)
	}
}
