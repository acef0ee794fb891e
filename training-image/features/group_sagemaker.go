//go:build cloud

package features

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

func init() { //nolint:gochecknoinits // as the Go CDK does it: a build tag adds schemes
	groups["sagemaker-featurestore"] = openSageMaker
}

// endpointVariable overrides the address of the service, as the SDKs of AWS understand it.
const endpointVariable = "AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME"

// openSageMaker opens a feature group of SageMaker, sagemaker-featurestore://NAME?region=R. The SDK's module for this
// service has no published checksum: the one request that is needed is signed by the SDK's signer.
// Source: docs.aws.amazon.com/sagemaker, PutRecord of the Feature Store Runtime.
func openSageMaker(ctx context.Context, u *url.URL) (putter, error) {
	region := u.Query().Get("region")
	if u.Host == "" || u.Path != "" || region == "" {
		return nil, fmt.Errorf("%w: want sagemaker-featurestore://NAME?region=REGION", ErrGroup)
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, err
	}
	endpoint := cmp.Or(os.Getenv(endpointVariable), "https://featurestore-runtime.sagemaker."+region+".amazonaws.com")
	g := &group{
		address: endpoint + "/FeatureGroup/" + url.PathEscape(u.Host), region: region, credentials: loaded.Credentials,
		signer: signer.NewSigner(), client: &http.Client{Timeout: 30 * time.Second},
	}
	return g.put, nil
}

// group is a feature group of SageMaker.
type group struct {
	address, region string
	credentials     aws.CredentialsProvider
	signer          *signer.Signer
	client          *http.Client
}

// value is one feature of a record.
type value struct {
	FeatureName   string `json:"FeatureName"`
	ValueAsString string `json:"ValueAsString"`
}

// How often a record is put that the service was too busy for, and how long it waits at first.
const (
	putAttempts = 6
	firstPause  = 200 * time.Millisecond
)

// put puts one record; where the service is busy again and again, with growing pauses.
func (g *group) put(ctx context.Context, r record) error {
	body, err := json.Marshal(map[string]any{"Record": []value{
		{"record_id", r.key}, {"event_time", r.time}, {"features", r.features},
	}})
	if err != nil {
		return err
	}
	for attempt, pause := 1, firstPause; ; attempt, pause = attempt+1, 2*pause {
		busy, err := g.send(ctx, body)
		if err == nil || !busy || attempt == putAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// send sends one request. busy says that the same request may work later.
func (g *group) send(ctx context.Context, body []byte) (busy bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, g.address, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	credentials, err := g.credentials.Retrieve(ctx)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(body)
	err = g.signer.SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), "sagemaker", g.region, time.Now())
	if err != nil {
		return false, err
	}
	answer, err := g.client.Do(request)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err != nil {
		return true, err
	}
	if answer.StatusCode < 300 {
		return false, nil
	}
	return answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500,
		fmt.Errorf("the feature store answers %s: %s", answer.Status, said)
}
