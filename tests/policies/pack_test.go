// Package policies_test runs the policy pack inside the real engine.
package policies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlpathway/mlpathway/components/recording"
	"github.com/mlpathway/mlpathway/policies/graph"
	"github.com/mlpathway/mlpathway/policies/rules"
	"github.com/mlpathway/mlpathway/tests/engine"
)

// runtime is the name under which the engine looks for the built pack: a machine without the current language host can
// not run a pack from its sources.
const runtime = "mlpathway"

// buildPack builds the pack, puts it on the PATH and writes the directory that --policy-pack names. The PATH is one for
// the whole process, so these tests have one parent.
func buildPack(t *testing.T) string {
	t.Helper()
	programs, pack := t.TempDir(), t.TempDir()
	_, err := engine.Build(t, filepath.Join(programs, "pulumi-analyzer-policy-"+runtime), "./policies", "local")
	require.NoError(t, err)
	t.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	require.NoError(t, os.WriteFile(filepath.Join(pack, "PulumiPolicy.yaml"),
		[]byte("name: mlpathway\nruntime: "+runtime+"\n"), 0o600))
	return pack
}

// untyped is a resource that is registered by its token.
type untyped struct{ pulumi.CustomResourceState }

const (
	bucketType = "aws:s3/bucketV2:BucketV2"
	sseType    = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	volumeType = "aws:ebs/volume:Volume"
	planted    = "a-secret-that-was-planted"
)

// options change the program.
type options struct {
	sse       bool // the bucket has its encryption
	encrypted bool // the volume is encrypted
}

// program makes a bucket with its satellites, and a volume.
func program(o options) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		register := func(token, name string, inputs pulumi.Map, opts ...pulumi.ResourceOption) (*untyped, error) {
			r := &untyped{}
			return r, ctx.RegisterResource(token, name, inputs, r, opts...)
		}
		bucket, err := register(bucketType, "raw", pulumi.Map{
			"forceDestroy": pulumi.Bool(false),
			"tags":         pulumi.ToSecret(pulumi.StringMap{"note": pulumi.String(planted)}),
		})
		if err != nil {
			return err
		}
		if o.sse {
			algorithm := pulumi.Map{"sseAlgorithm": pulumi.String("AES256")}
			_, err := register(sseType, "raw", pulumi.Map{
				"bucket": bucket.ID(),
				"rules":  pulumi.Array{pulumi.Map{"applyServerSideEncryptionByDefault": algorithm}},
			}, pulumi.Parent(bucket))
			if err != nil {
				return err
			}
		}
		_, err = register(volumeType, "scratch", pulumi.Map{
			"availabilityZone": pulumi.String("eu-central-1a"), "size": pulumi.Int(10),
			"encrypted": pulumi.Bool(o.encrypted),
		})
		return err
	}
}

// finding is what the engine and the offline run are compared by.
type finding struct{ rule, urn, level string }

// said reads the findings from the engine's events. Those of one rule on one resource are one: the engine does not
// print the path apart.
func said(events []apitype.EngineEvent) []finding {
	var all []finding
	for _, e := range events {
		p := e.PolicyEvent
		if p == nil {
			continue
		}
		for _, line := range strings.Split(p.Message, "\n") {
			if fields := strings.Fields(line); strings.HasPrefix(line, "[") && len(fields) > 1 {
				all = append(all, finding{fields[1], p.ResourceURN, p.EnforcementLevel})
			}
		}
	}
	return sorted(all)
}

func sorted(all []finding) []finding {
	slices.SortFunc(all, func(a, b finding) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return slices.Compact(all)
}

// offline judges the same program without an engine.
func offline(t *testing.T, p pulumi.RunFunc, stack string, environment rules.Environment) []finding {
	t.Helper()
	recorder, err := recording.Record(p, recording.Options{Project: engine.Project, Stack: stack, DryRun: true})
	require.NoError(t, err)
	report := rules.NewEngine(rules.Catalogue()).Judge(graph.FromRecorder(recorder, nil),
		&rules.Stack{Project: engine.Project, Name: stack, Environment: environment}, rules.Options{Today: time.Now()})
	var all []finding
	for _, f := range report.Findings {
		if f.Outcome == rules.Failed || f.Outcome == rules.Broken {
			all = append(all, finding{f.Rule, f.URN, f.Level.String()})
		}
	}
	return sorted(all)
}

// has reports whether a rule says something about a resource of a name, and at which level.
func has(all []finding, rule, name string) (level string, times int) {
	for _, f := range all {
		if f.rule == rule && strings.HasSuffix(f.urn, "::"+name) {
			level, times = f.level, times+1
		}
	}
	return level, times
}

// TestPack has one parent, because the pack is found on the PATH of the process.
//
//nolint:paralleltest // t.Setenv
func TestPack(t *testing.T) {
	pack := buildPack(t)
	flags := []string{"--policy-pack", pack}
	in := func(environment string) map[string]string {
		return map[string]string{"mlpathway:environment": environment}
	}
	w := engine.New(t)

	t.Run("every stack is judged as its plan is", func(t *testing.T) { stacksAgree(t, flags) })
	t.Run("a wrong configuration is said", func(t *testing.T) {
		r := w.Stack(t, "odd", engine.Inline(program(options{})), in("production")).TryPreview(t, flags...)
		require.Error(t, r.Err)
		assert.Contains(t, r.Output, `environment: found "production", want dev, stage or prod`)
	})
	t.Run("a failing stack rule fails a preview", func(t *testing.T) {
		p := program(options{encrypted: true})
		r := w.Stack(t, "nosse", engine.Inline(p), in("prod")).TryPreview(t, flags...)
		require.Error(t, r.Err, "a bucket without encryption passes")
		level, times := has(said(r.Events), "ENC-01", "raw")
		assert.Equal(t, "mandatory", level, r.Output)
		assert.Equal(t, 1, times)
		assert.Equal(t, offline(t, p, "nosse", rules.Prod), said(r.Events), "the engine and the offline run disagree")
		assert.NotContains(t, r.Output, planted)
	})
	t.Run("a satellite whose bucket is not known yet is found", func(t *testing.T) {
		p := program(options{sse: true, encrypted: true})
		r := w.Stack(t, "good", engine.Inline(p), in("prod")).TryPreview(t, flags...)
		_, times := has(said(r.Events), "ENC-01", "raw")
		assert.Zero(t, times, r.Output)
		assert.Equal(t, offline(t, p, "good", rules.Prod), said(r.Events))
	})
	t.Run("a failing resource rule stops up before the resource is made", func(t *testing.T) {
		s := w.Stack(t, "plainvolume", engine.Inline(program(options{sse: true})), in("dev"))
		r := s.TryUp(t, flags...)
		require.Error(t, r.Err)
		assert.Nil(t, r.State.Find(volumeType, "scratch"), "the volume was made")
		level, times := has(said(r.Events), "ENC-02", "scratch")
		assert.Equal(t, "mandatory", level)
		assert.Equal(t, 1, times, "a finding is said once")
		s.Destroy(t)
	})
	t.Run("advice does not stop", func(t *testing.T) {
		p := program(options{encrypted: true})
		r := w.Stack(t, "advice", engine.Inline(p), in("dev")).TryPreview(t, flags...)
		level, times := has(said(r.Events), "ENC-01", "raw")
		assert.Equal(t, "advisory", level, r.Output)
		assert.Equal(t, 1, times)
		assert.Equal(t, offline(t, p, "advice", rules.Dev), said(r.Events))
	})
	t.Run("a waiver beside the pack holds", func(t *testing.T) {
		text := fmt.Sprintf(`waivers:
  - {rule: ENC-01, urn: "*::raw", environment: prod, reason: a test of waivers, owner: ada, expires: %s}
`, time.Now().AddDate(0, 0, 10).Format(time.DateOnly))
		file := filepath.Join(pack, "waivers.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := w.Stack(t, "waived", engine.Inline(program(options{encrypted: true})), in("prod")).TryPreview(t, flags...)
		require.NoError(t, os.Remove(file))
		_, times := has(said(r.Events), "ENC-01", "raw")
		assert.Zero(t, times, r.Output)
		assert.Contains(t, r.Output, "waived: 1 of ENC-01", "what is waived is not forgotten")
	})
	t.Run("a remedy is off by default, and said when it is on", func(t *testing.T) {
		queue := func(ctx *pulumi.Context) error {
			return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs",
				pulumi.Map{"sqsManagedSseEnabled": pulumi.Bool(false)}, &untyped{})
		}
		enabled := func(name string, config map[string]string) (any, string) {
			s := w.Stack(t, name, engine.Inline(queue), config)
			r := s.TryUp(t, flags...)
			made := r.State.Find("aws:sqs/queue:Queue", "jobs")
			s.Destroy(t)
			require.NotNil(t, made, r.Output)
			return made.Inputs["sqsManagedSseEnabled"], r.Output
		}
		off, _ := enabled("asis", in("dev"))
		assert.Equal(t, false, off)
		config := in("dev")
		config["policies:remediate"] = "true"
		on, output := enabled("mended", config)
		assert.Equal(t, true, on)
		assert.Contains(t, output, "+ sqsManagedSseEnabled: true")
	})
}
