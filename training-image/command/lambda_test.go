package command_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/internal/lambda"
	"github.com/mlpathway/mlpathway/internal/lambda/lambdatest"
	"github.com/mlpathway/mlpathway/internal/registry"
)

// TestEtlInLambda runs the program as Lambda does: one process for many events, told where the lake is and nothing of
// runs, each of which begins with an event.
func TestEtlInLambda(t *testing.T) {
	t.Parallel()
	l, f := tumour(t), lambdatest.New(t)
	environment := variables(l, "")
	environment[lambda.Variable] = f.API
	cmd := exec.CommandContext(t.Context(), os.Args[0], "etl")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	for name, value := range environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	event := lambdatest.NewObject("fraud-dev-lake-raw", "breast_cancer.csv")
	_, message := f.Invoke(t, event).Message(t)
	assert.Contains(t, message, "holds no .csv file", "a failure is reported, so that the queue gives the event again")

	l.Drop("breast_cancer.csv", text(t, table(t)), 0)
	for range 2 { // the same process, and the same data
		assert.Equal(t, lambdatest.Answer{Body: "null"}, f.Invoke(t, event))
	}
	var curated, runs []string
	for _, name := range l.Files(".") {
		switch {
		case strings.HasPrefix(name, "curated/") && strings.HasSuffix(name, "/part-00000.parquet"):
			curated = append(curated, name)
		case strings.HasPrefix(name, "logs/runs/2"):
			runs = append(runs, strings.TrimSuffix(strings.TrimPrefix(name, "logs/runs/"), ".json"))
		}
	}
	assert.Len(t, curated, 1, "the same rows are one data version")
	require.Len(t, runs, 3, "each event is a run of its own")
	status := map[registry.Status]int{}
	for _, run := range runs {
		status[l.Run(run).Status]++
	}
	assert.Equal(t, map[registry.Status]int{registry.Failed: 1, registry.Running: 2}, status)
	select {
	case err := <-ended:
		t.Fatal("the program must live on after its events: ", err)
	default:
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	if err := <-ended; err != nil {
		t.Log("interrupted: ", err)
	}
}
