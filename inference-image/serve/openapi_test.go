package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/inference-image/inferencetest"
	"github.com/mlpathway/mlpathway/inference-image/serve"
	"github.com/mlpathway/mlpathway/internal/onnx/onnxtest"
)

// contract is the server's own OpenAPI document. Every exchange of the tests is held against it.
type contract struct {
	document map[string]any
	compiler *jsonschema.Compiler

	mu      sync.Mutex // the compiler is not made for concurrent use
	schemas map[string]*jsonschema.Schema
}

const contractURL = "mem:///openapi.json"

var loadContract = sync.OnceValues(func() (*contract, error) {
	text, err := jsonschema.UnmarshalJSON(bytes.NewReader(serve.OpenAPIText()))
	if err != nil {
		return nil, err
	}
	c := &contract{document: text.(map[string]any), compiler: jsonschema.NewCompiler(),
		schemas: map[string]*jsonschema.Schema{}}
	return c, c.compiler.AddResource(contractURL, text)
})

// at walks down the document, following references.
func (c *contract) at(node any, keys ...string) any {
	for _, key := range keys {
		object, ok := node.(map[string]any)
		if !ok {
			return nil
		}
		node = object[key]
		if object, ok := node.(map[string]any); ok {
			if ref, ok := object["$ref"].(string); ok && key != "schema" {
				node = c.at(c.document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			}
		}
	}
	return node
}

// path finds the path of the document that a request's path matches.
func (c *contract) path(path string) (string, bool) {
	paths := c.document["paths"].(map[string]any)
	if _, ok := paths[path]; ok {
		return path, true
	}
	parts := strings.Split(path, "/")
	for template := range paths {
		names := strings.Split(template, "/")
		same := len(names) == len(parts)
		for i := 0; same && i < len(names); i++ {
			same = names[i] == parts[i] || strings.HasPrefix(names[i], "{") && parts[i] != ""
		}
		if same {
			return template, true
		}
	}
	return "", false
}

// check holds an answer against the document. Paths and methods that it does not have must be refused.
func (c *contract) check(method, path string, code int, contentType string, body []byte) error {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	template, ok := c.path(path)
	operation := c.at(c.document, "paths", template, strings.ToLower(method))
	if !ok || operation == nil {
		if code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s %s is not in the document, and was answered with %d", method, path, code)
		}
		return c.validate("#/components/schemas/Error", body)
	}
	response := c.at(operation, "responses", fmt.Sprint(code))
	if response == nil {
		return fmt.Errorf("%s %s was answered with %d, which the document does not have", method, path, code)
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("%s %s: the Content-Type %q: %w", method, path, contentType, err)
	}
	if c.at(response, "content", media) == nil {
		return fmt.Errorf("%s %s %d is %s, which the document does not have", method, path, code, media)
	}
	if media != "application/json" || len(body) == 0 {
		return nil
	}
	return c.validate(c.pointer(operation, template, method, code), body)
}

// pointer is where the schema of an answer stands.
func (c *contract) pointer(operation any, template, method string, code int) string {
	base := fmt.Sprintf("#/paths/%s/%s/responses/%d", strings.ReplaceAll(template, "/", "~1"),
		strings.ToLower(method), code)
	raw, _ := c.at(operation, "responses").(map[string]any)[fmt.Sprint(code)].(map[string]any)
	if ref, ok := raw["$ref"].(string); ok {
		base = ref
	}
	return base + "/content/application~1json/schema"
}

func (c *contract) validate(pointer string, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%.200q: %w", body, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	schema := c.schemas[pointer]
	if schema == nil {
		if schema, err = c.compiler.Compile(contractURL + strings.ReplaceAll(pointer, "{", "%7B")); err != nil {
			return err
		}
		c.schemas[pointer] = schema
	}
	return schema.Validate(value)
}

// conforms holds an exchange against the document.
func conforms(t *testing.T, method, path string, code int, header http.Header, body []byte) {
	t.Helper()
	c, err := loadContract()
	require.NoError(t, err)
	assert.NoError(t, c.check(method, path, code, header.Get("Content-Type"), body))
}

// The check itself finds what is wrong.
func TestContractIsHeld(t *testing.T) {
	t.Parallel()
	c, err := loadContract()
	require.NoError(t, err)
	for _, x := range []struct {
		method, path string
		code         int
		kind, body   string
		ok           bool
	}{
		{"POST", "/predict", 200, "application/json", `{"prediction":"a","probability":1,"probabilities":{"a":1},` +
			`"model":"m","version":"v"}`, true},
		{"POST", "/predict", 200, "application/json", `{"prediction":1,"model":"m","version":"v"}`, true},
		{"POST", "/predict", 200, "application/json", `{"prediction":1,"model":"m"}`, false},
		{"POST", "/predict", 200, "application/json", `{"prediction":1,"model":"m","version":"v","more":1}`, false},
		{"POST", "/predict", 200, "text/plain", `1`, false},
		{"POST", "/predict", 418, "application/json", `{"error":"x"}`, false},
		{"POST", "/predict", 400, "application/json", `{"error":"x","row":1,"column":"a","expected":"b"}`, true},
		{"POST", "/predict", 400, "application/json", `{"error":""}`, false},
		{"POST", "/v2/models/m/infer", 200, "application/json", `{"model_name":"m","outputs":[{"name":"a","shape":[1],` +
			`"datatype":"FP32","data":[1]}]}`, true},
		{"POST", "/v2/models/m/infer", 200, "application/json", `{"model_name":"m","outputs":[{"name":"a","shape":[1],` +
			`"datatype":"FP33","data":[1]}]}`, false},
		{"GET", "/nowhere", 200, "application/json", `{}`, false},
		{"GET", "/nowhere", 404, "application/json", `{"error":"x"}`, true},
	} {
		err := c.check(x.method, x.path, x.code, x.kind, []byte(x.body))
		assert.Equal(t, x.ok, err == nil, "%+v: %v", x, err)
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	l := inferencetest.New(t)
	l.Serve("v1", onnxtest.Ensemble(1, onnxtest.Shape{}))
	e := start(t, l, nil)
	e.waitFor("v1")
	code, _, text := e.raw(http.MethodGet, "/openapi.json", "")
	assert.Equal(t, http.StatusOK, code)
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &document))
	assert.Equal(t, "3.1.0", document.OpenAPI)
	// Every path of the document is really there: a wrong method is refused as such and not as an unknown page.
	for path, operations := range document.Paths {
		path = strings.NewReplacer("{model}", inferencetest.Model, "{version}", "v1").Replace(path)
		for method := range operations {
			code, _, _ := e.raw(strings.ToUpper(method), path, "")
			assert.NotEqual(t, http.StatusMethodNotAllowed, code, "%s %s", method, path)
			if path != "/drift" {
				assert.NotEqual(t, http.StatusNotFound, code, "%s %s", method, path)
			}
		}
		code, _, _ := e.raw(http.MethodDelete, path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, code, path)
	}
}
