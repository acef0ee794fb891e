package components

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Auth is who may ask an endpoint.
type Auth string

// The kinds of authentication.
const (
	AuthNone     Auth = "none"     // anybody who reaches it; only on a loopback address
	AuthToken    Auth = "token"    // whoever sends the bearer token of the Security layer
	AuthPlatform Auth = "platform" // whoever the platform's own identity system lets in
)

// EndpointArgs describe an online endpoint.
type EndpointArgs struct {
	// Image that serves: the inference image. Required.
	Image string `pulumi:"image"`
	// Model is the name of the model. Required.
	Model string `pulumi:"model"`
	// Alias is the alias of the registry that the endpoint follows. Default production.
	Alias string `pulumi:"alias"`
	// Lake holds the URIs of the lake's zones: models to read, logs for captured requests, results for reports.
	Lake pulumi.StringMapInput `pulumi:"lake"`
	// Address is host:port to listen on, from Network; ignored where the platform gives the address.
	Address pulumi.StringInput `pulumi:"address"`
	// Machine of one replica. Default 1 CPU and 2 GiB.
	Machine Machine `pulumi:"machine"`
	// MinReplicas and MaxReplicas bound the number of replicas. Default 0 to 1 in dev, 1 to 3 in stage, 2 to 10 in prod.
	MinReplicas *int `pulumi:"minReplicas"`
	// MaxReplicas is the upper bound, 1 to 1000.
	MaxReplicas int `pulumi:"maxReplicas"`
	// TargetRequestsPerSecond is the load of one replica above which another is added. Default 100.
	TargetRequestsPerSecond int `pulumi:"targetRequestsPerSecond"`
	// ScaleToZero lets an idle endpoint cost nothing; MinReplicas must be 0. Default on in dev, where the platform can.
	ScaleToZero *bool `pulumi:"scaleToZero"`
	// Traffic splits requests between aliases in percent, such as production 90 and canary 10. Default all to Alias.
	Traffic map[string]int `pulumi:"traffic"`
	// Auth is who may ask. Default platform.
	Auth Auth `pulumi:"auth"`
	// TokenURI is where the endpoint reads the token: a TokenURIs output of Security. Required with Auth token.
	TokenURI pulumi.StringInput `pulumi:"tokenUri"`
	// CapturePercent is the share of requests that are written to the logs zone for monitoring, 0 to 100. Default 100.
	CapturePercent *int `pulumi:"capturePercent"`
	// Network places the endpoint: the Placement of a Network. Default none.
	Network *Placement `pulumi:"network" yaml:"-"`
	// Logs says how the logs are kept. Default Logging of the environment.
	Logs Logging `pulumi:"logs" yaml:"-"`
	// Key encrypts disks and captured requests: that of the data class lake. Default the platform's own.
	Key pulumi.StringInput `pulumi:"key"`
}

func (a *EndpointArgs) setDefaults(s Scope) {
	preset := PresetFor(s.Environment)
	setDefault(&a.Alias, "production")
	a.Machine = a.Machine.withDefaults()
	setDefaultPtr(&a.MinReplicas, preset.MinReplicas)
	setDefault(&a.MaxReplicas, max(preset.MaxReplicas, *a.MinReplicas))
	setDefault(&a.TargetRequestsPerSecond, 100)
	setDefaultPtr(&a.ScaleToZero, preset.ScaleToZero && *a.MinReplicas == 0)
	setDefault(&a.Auth, AuthPlatform)
	setDefaultPtr(&a.CapturePercent, 100)
	a.Logs = a.Logs.withDefaults(s)
}

func (a *EndpointArgs) validate(c *checker) {
	c.required("image", a.Image != "", "the inference image")
	c.named("model", a.Model)
	c.named("alias", a.Alias)
	c.required("lake", a.Lake != nil, "the URIs output of a lake")
	a.Machine.validate(c, "machine")
	inRange(c, "maxReplicas", a.MaxReplicas, 1, 1000)
	inRange(c, "minReplicas", *a.MinReplicas, 0, a.MaxReplicas)
	inRange(c, "targetRequestsPerSecond", a.TargetRequestsPerSecond, 1, 100_000)
	if *a.ScaleToZero && *a.MinReplicas > 0 {
		c.fail(ErrConflict, "scaleToZero", true, "minReplicas 0 as well")
	}
	oneOf(c, "auth", a.Auth, AuthNone, AuthToken, AuthPlatform)
	c.required("tokenUri", a.Auth != AuthToken || a.TokenURI != nil, "a TokenURIs output of Security")
	inRange(c, "capturePercent", *a.CapturePercent, 0, 100)
	a.Logs.validate(c)
	a.validateTraffic(c)
}

func (a *EndpointArgs) validateTraffic(c *checker) {
	sum := 0
	for _, alias := range slices.Sorted(maps.Keys(a.Traffic)) {
		c.named("traffic", alias)
		inRange(c, "traffic."+alias, a.Traffic[alias], 0, 100)
		sum += a.Traffic[alias]
	}
	if len(a.Traffic) > 0 && sum != 100 {
		c.fail(ErrConflict, "traffic", sum, "shares that add up to 100")
	}
}

// EndpointOutputs are what users and other layers need of an endpoint.
type EndpointOutputs struct {
	// URL of the endpoint.
	URL pulumi.StringOutput `pulumi:"url"`
	// PredictURL takes predictions by POST. A target that leaves it unset is asked at <URL>/predict.
	PredictURL pulumi.StringOutput `pulumi:"predictUrl"`
	// EndpointID identifies the endpoint on the platform.
	EndpointID pulumi.StringOutput `pulumi:"endpointId"`
	// ScalingPolicyID identifies what adds and removes replicas; "" where nothing does.
	ScalingPolicyID pulumi.StringOutput `pulumi:"scalingPolicyId,optional"`
	// Identity is the principal that the endpoint runs as.
	Identity pulumi.StringOutput `pulumi:"identity"`
}

// Endpoint is an online endpoint.
type Endpoint struct {
	pulumi.ResourceState
	EndpointOutputs
}

// NewEndpoint declares an online endpoint. Errors: ErrRequired, ErrName, ErrRange, ErrChoice, ErrConflict,
// ErrUnsupported.
func NewEndpoint(
	ctx *pulumi.Context, name string, target Target, args *EndpointArgs, opts ...pulumi.ResourceOption,
) (*Endpoint, error) {
	e := &Endpoint{}
	c := construction{ctx, EndpointLayer, name, target, e, opts}
	translate := func(
		ctx *pulumi.Context, name string, args *EndpointArgs, opts ...pulumi.ResourceOption,
	) (*EndpointOutputs, error) {
		made, err := target.Endpoint(ctx, name, args, opts...)
		if made != nil && made.PredictURL == (pulumi.StringOutput{}) && made.URL != (pulumi.StringOutput{}) {
			made.PredictURL = pulumi.Sprintf("%s/predict", made.URL)
		}
		return made, err
	}
	if err := construct(c, args, translate, &e.EndpointOutputs); err != nil {
		return nil, err
	}
	return e, nil
}
